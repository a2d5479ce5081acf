/** `mirage profile`: which profiles there are, and which one is in use. Works without the helper; a running app follows. */
import { AppError } from '../base/app-error.ts';
import { unreachable } from '../base/unreachable.ts';
import type { ProfileEntry } from '../contract/app.ts';
import { summary } from '../profile/report.ts';
import { applyLoaded, assertUsable } from './apply-loaded.ts';
import { type CommandContext, type GlobalOptions, withHelper } from './command-context.ts';
import { diffLines } from './diff-text.ts';
import { exitCodeOf, exitCodes } from './exit-code.ts';
import { plainText } from './plain-text.ts';
import { editProfile, type OverrideOptions, overrideProfile } from './profile-edit-command.ts';

export const profileActions = ['list', 'use', 'add', 'update', 'rename', 'edit', 'override', 'remove'] as const;
/** Of `override`; `dryRun` of `update`: what would change is told, and nothing is kept. */
export interface ProfileOptions extends OverrideOptions {
  /** Of `add` and `rename`. */
  name?: string;
  dryRun?: true;
}
export type ProfileAction = (typeof profileActions)[number];

/** `what` is a file for `add`, else a name or an id. */
export async function profile(
  context: CommandContext,
  action: Exclude<ProfileAction, 'list'>,
  what: string,
  options: ProfileOptions,
): Promise<void> {
  switch (action) {
    case 'edit':
      return await editProfile(context, what, options);
    case 'override':
      return await overrideProfile(context, what, options);
    case 'use':
      return await useProfile(context, what, options);
    case 'add':
      return await addProfile(context, what, options);
    case 'update':
      return await updateProfile(context, what, options);
    case 'rename':
      return await renameProfile(context, what, options);
    case 'remove': {
      const entry = await context.profiles.remove(what);
      return tell(
        context,
        options,
        { removed: entry },
        entry.source.kind === 'url' ? `removed ${nameOf(entry)}` : `removed ${nameOf(entry)}; its file stays`,
      );
    }
    default:
      return unreachable(action);
  }
}

export async function listProfiles({ console, profiles }: CommandContext, { json }: GlobalOptions): Promise<void> {
  const entries = await profiles.list();
  if (json) return console.json(entries);
  if (entries.length === 0)
    return console.line('no profiles: everything goes DIRECT. "mirage profile add FILE" adds one');
  const width = Math.max(...entries.map(({ name }) => name.length));
  for (const { name, active, source, subscription } of entries) {
    const place = source.kind === 'url' ? source.address : source.path;
    const trouble = subscription?.error === undefined ? '' : `  ${console.paint('yellow', subscription.error.code)}`;
    const line = `${active ? '*' : ' '} ${plainText(name).padEnd(width)}  ${plainText(place)}${trouble}`;
    console.line(active ? console.paint('bold', line) : line);
  }
}

/**
 * The profile is read first: one that cannot be used, and never could, leaves everything as it is. Open connections stay. Where the
 * helper is not reached, or is another user's, whoever turns Enhanced Mode on next applies it.
 */
async function useProfile(context: CommandContext, what: string, options: GlobalOptions): Promise<void> {
  const loaded = await context.profiles.loadOne(what);
  assertUsable(context, what, loaded, options.json);
  const later = await withHelper(context, options, (helper) => applyLoaded(context, helper, loaded, options)).then(
    () => undefined,
    (caught: unknown) => laterOnly(AppError.from(caught)),
  );
  // Only now: a profile that the helper refuses is not chosen.
  const entry = await context.profiles.use(what);
  const outcome = later === undefined ? 'applied' : 'pending';
  const sentence = `${nameOf(entry)} is in use${later === undefined ? '' : `; not applied yet: ${later.message}`}`;
  tell(
    context,
    options,
    { active: entry, outcome, problems: loaded.problems, ...(later && { reason: later.toData() }) },
    sentence,
  );
}

async function renameProfile(context: CommandContext, what: string, options: ProfileOptions): Promise<void> {
  if (options.name === undefined)
    throw new AppError('RPC_BAD_PARAMS', 'rename needs the new name', { expected: '--name NAME' });
  const before = (await context.profiles.list()).find(({ id, name }) => id === what || name === what);
  const entry = await context.profiles.rename(what, options.name);
  tell(context, options, { renamed: entry }, `${plainText(before?.name ?? what)} is called ${nameOf(entry)} now`);
}

async function addAddress(context: CommandContext, url: string, options: ProfileOptions): Promise<void> {
  if (!options.json) context.console.note('downloading ...');
  const entry = await context.profiles.addUrl(url, options.name === undefined ? {} : { name: options.name });
  const next = entry.active ? 'it is the one in use' : `"mirage profile use ${nameOf(entry)}" switches to it`;
  tell(context, options, { added: entry }, `added ${nameOf(entry)}; ${next}`);
}

async function previewProfile({ console, profiles }: CommandContext, what: string, json: boolean): Promise<void> {
  const { diff } = await profiles.preview(what);
  if (json) return console.json({ profile: what, diff });
  for (const line of diff === null ? ['nothing changes'] : diffLines(diff)) console.line(line);
}

async function updateProfile(context: CommandContext, what: string, options: ProfileOptions): Promise<void> {
  if (options.dryRun === true) return await previewProfile(context, what, options.json);
  const before = (await context.profiles.list()).find(({ id, name }) => id === what || name === what);
  const entry = await context.profiles.update(what);
  const isNew = entry.subscription?.updatedAt !== before?.subscription?.updatedAt;
  const sentence = `${nameOf(entry)} ${isNew ? 'has a new version' : 'has not changed'}`;
  // A running app hears of it, and applies it.
  tell(context, options, { updated: entry, changed: isNew }, sentence);
}

/** All that come from an address. The first that fails is told when all were looked at. */
export async function updateProfiles(context: CommandContext, options: ProfileOptions): Promise<void> {
  let failure: unknown;
  const entries = (await context.profiles.list()).filter(({ source }) => source.kind === 'url');
  if (entries.length === 0) return tell(context, options, { updated: [] }, 'no profile comes from an address');
  for (const { id } of entries)
    await updateProfile(context, id, options).catch((caught: unknown) => (failure ??= caught));
  if (failure !== undefined) throw failure;
}

async function addProfile(context: CommandContext, file: string, options: ProfileOptions): Promise<void> {
  if (/^https?:\/\//i.test(file)) return await addAddress(context, file, options);
  const loaded = await context.loadProfile(file);
  if (loaded.text === '') assertUsable(context, file, loaded, options.json); // a file that cannot be read is none to remember
  const entry = await context.profiles.add(file, options.name);
  const next = entry.active ? 'it is the one in use' : `"mirage profile use ${nameOf(entry)}" switches to it`;
  tell(
    context,
    options,
    { added: entry, problems: loaded.problems },
    `added ${nameOf(entry)} (${summary(loaded.problems)}); ${next}`,
  );
}

/** Throws what the helper has against the profile itself. */
function laterOnly(error: AppError): AppError {
  if (error.code === 'HELPER_IN_USE' || exitCodeOf(error.code) === exitCodes.helperNotReached) return error;
  throw error;
}

function nameOf({ name }: ProfileEntry): string {
  return plainText(name);
}

function tell({ console }: CommandContext, { json }: GlobalOptions, data: object, sentence: string): void {
  if (json) console.json(data);
  else console.line(sentence);
}
