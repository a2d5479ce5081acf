/**
 * `mirage profile edit` and `profile override`: a profile's text in the person's editor, and the patch that lies on top of it. What
 * cannot be used is not kept.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../base/app-error.ts';
import type { ProfileEntry } from '../contract/app.ts';
import type { ConfigDiff } from '../contract/config-diff.ts';
import type { ProfilePart } from '../contract/profile-editing.ts';
import { FileSource } from '../profile/file-source.ts';
import type { CommandContext, GlobalOptions } from './command-context.ts';
import { diffLines } from './diff-text.ts';
import { plainText } from './plain-text.ts';

export interface OverrideOptions extends GlobalOptions {
  /** Its text is the override from now on. */
  file?: string;
  clear?: true;
  off?: true;
  on?: true;
  show?: true;
}

const template = `# An override: YAML that is merged on top of the profile, and that updates leave as it is.
# Maps are merged deep, lists are replaced; nothing behind a key takes it away.
# +key puts items in front of a list, key+ behind it; key! replaces a map whole.
#
# +rules:
#   - DOMAIN-SUFFIX,example.com,DIRECT
# dns:
#   fake-ip-ttl: 5
`;

/** The override; of a profile that is the person's own text, that text. */
export async function editProfile(context: CommandContext, what: string, options: GlobalOptions): Promise<void> {
  const entry = await entryOf(context, what);
  const texts = await context.profiles.editing.read(entry.id);
  const part: ProfilePart = texts.source.editable ? 'source' : 'override';
  const { text, version } = texts[part];
  const directory = mkdtempSync(join(tmpdir(), 'mirage-edit-'));
  const file = join(directory, `${part}.yaml`);
  try {
    writeFileSync(file, text === '' ? template : text, { mode: 0o600 });
    for (;;) {
      await runEditor(context, file);
      const written = readFileSync(file, 'utf8');
      if (written === text || (text === '' && written === template)) return tell(context, options, entry, null);
      const wrong = await keep(context, entry, { part, text: written, version }, options);
      if (wrong === undefined) return;
      const again = await context.confirm('Go back to the editor?');
      if (again !== true) throw wrong;
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Prints it, takes it away, turns it off or on, or takes that of a file. */
export async function overrideProfile(context: CommandContext, what: string, options: OverrideOptions): Promise<void> {
  const entry = await entryOf(context, what);
  const { editing } = context.profiles;
  const { override } = await editing.read(entry.id);
  if (options.on === true || options.off === true) {
    await editing.switchOverride(entry.id, options.on === true);
    const { diff } = await editing.previewOverride(entry.id);
    if (options.json) return context.console.json({ profile: entry, on: options.on === true, diff });
    return context.console.line(`the override of ${plainText(entry.name)} is ${options.on === true ? 'on' : 'off'}`);
  }
  if (options.file !== undefined || options.clear === true) {
    const text = options.file === undefined ? '' : await new FileSource(options.file).read();
    const wrong = await keep(context, entry, { part: 'override', text, version: override.version }, options);
    if (wrong !== undefined) throw wrong;
    return;
  }
  if (options.json) return context.console.json({ profile: entry, override: override.text });
  if (override.text === '') context.console.note(`${plainText(entry.name)} has no override`);
  else context.console.line(override.text.trimEnd());
}

/** Keeps a text; resolves with what is wrong with it where it cannot be used, after that was printed. */
async function keep(
  context: CommandContext,
  entry: ProfileEntry,
  change: { readonly part: ProfilePart; readonly text: string; readonly version: string },
  options: GlobalOptions,
): Promise<AppError | undefined> {
  const { editing } = context.profiles;
  const { diff, problems, valid } = await editing.try(entry.id, change, true);
  const file = change.part === 'source' ? entry.source.path : 'override';
  const source = { file, text: change.part === 'source' ? change.text : '' };
  const override = { file: 'override', text: change.part === 'override' ? change.text : '' };
  // Of the other text nothing has changed: its problems are no news.
  const told = problems.filter((problem) => (problem.file === undefined) === (change.part === 'source'));
  if (!options.json) context.console.noteProblems(told, { ...source, override });
  if (!valid) {
    const errors = problems.filter(({ severity }) => severity === 'error');
    const details = options.json ? { problems: errors } : {};
    return new AppError('CONFIG_INVALID', 'the profile cannot be used with this: nothing was kept', details);
  }
  await editing.save(entry.id, change, change.version);
  tell(context, options, entry, diff, true);
  return undefined;
}

function tell(
  { console }: CommandContext,
  { json }: GlobalOptions,
  entry: ProfileEntry,
  diff: ConfigDiff | null,
  isKept = false,
): void {
  if (json) return console.json({ profile: entry, kept: isKept, diff });
  const name = plainText(entry.name);
  if (!isKept) return console.line(`${name} is as it was`);
  const next = entry.active ? `; a running app applies it, else "mirage profile use ${name}" does` : '';
  console.line(`kept for ${name}${next}`);
  for (const line of diff === null ? [] : diffLines(diff)) console.line(line);
}

/** The person's words may have arguments: they are for a shell, as in git(1). */
async function runEditor(context: CommandContext, file: string): Promise<void> {
  const code = await context.runProgram(['sh', '-c', `${context.editor()} "$1"`, 'sh', file]);
  if (code !== 0) throw new AppError('INTERNAL', `the editor ended with code ${code}: nothing was kept`);
}

async function entryOf({ profiles }: CommandContext, what: string): Promise<ProfileEntry> {
  const entries = await profiles.list();
  const found = entries.find(({ id }) => id === what) ?? entries.find(({ name }) => name === what);
  if (found === undefined) throw new AppError('PROFILE_UNKNOWN', `there is no profile "${what}"`);
  return found;
}
