/** `mirage providers`: what the profile in use names and does not contain, and a look for what is new. A running app follows by itself. */

import { AppError } from '../base/app-error.ts';
import type { ProviderRow } from '../contract/providers.ts';
import { applyLoaded } from './apply-loaded.ts';
import { type CommandContext, type GlobalOptions, withHelper } from './command-context.ts';
import { exitCodeOf, exitCodes } from './exit-code.ts';
import { plainText } from './plain-text.ts';
import { countOf, formatAge } from './quantity.ts';

export const providerActions = ['list', 'update'] as const;
export type ProviderAction = (typeof providerActions)[number];

/** Without a name all of them. Exit code 1 when one could not be had or used; the copy that is there stays then. */
export async function providers(
  context: CommandContext,
  action: ProviderAction,
  name: string | undefined,
  options: GlobalOptions,
): Promise<void> {
  const loaded = await context.profiles.load();
  if (loaded.wanted !== undefined) context.providers.use(loaded.wanted, loaded.directory);
  const named = context.providers.rows().filter((row) => name === undefined || row.name === name);
  if (name !== undefined && named.length === 0)
    throw new AppError('PROFILE_UNKNOWN', `the profile in use has no provider "${name}"`, {
      expected: 'a name of "mirage providers"',
    });
  if (action === 'update') {
    if (!options.json) context.console.note(`looking at ${countOf(named.length, 'provider')} ...`);
    const update = (): Promise<void> => context.providers.update({ name });
    // What is to take a policy goes through the helper; everything else does without it.
    await unlessUnreached(withHelper(context, options, update), update);
    await applyAgain(context, options);
  }
  const rows = context.providers.rows().filter((row) => name === undefined || row.name === name);
  print(context, options, rows);
  if (action === 'update') assertAllThere(rows);
}

/** Throws for the first that could not be had, or of which nothing can be used. */
function assertAllThere(rows: readonly ProviderRow[]): void {
  for (const { name, source, entries, error } of rows) {
    if (error !== undefined) throw AppError.fromData(error);
    if (source !== 'inline' && entries === null)
      throw new AppError('DOWNLOAD_FAILED', `"${plainText(name)}" cannot be used: nothing of it is there`, {
        expected:
          source === 'file' ? "a file in the profile's directory" : 'an address that begins with https:// or http://',
      });
  }
}

/** What has come is in force at once where the helper is reached and is this user's; else with the next start. */
async function applyAgain(context: CommandContext, options: GlobalOptions): Promise<void> {
  const loaded = await context.profiles.load();
  if (loaded.path === null) return;
  const applied = withHelper(
    context,
    options,
    async (helper) => void (await applyLoaded(context, helper, loaded, options)),
  );
  await unlessUnreached(applied, async () => undefined);
}

/** `instead`: where the helper is not reached, or is another user's. */
async function unlessUnreached(asked: Promise<void>, instead: () => Promise<void>): Promise<void> {
  try {
    await asked;
  } catch (caught) {
    const { code } = AppError.from(caught);
    if (code !== 'HELPER_IN_USE' && exitCodeOf(code) !== exitCodes.helperNotReached) throw caught;
    await instead();
  }
}

function print({ console, clock }: CommandContext, { json }: GlobalOptions, rows: readonly ProviderRow[]): void {
  if (json) return console.json(rows);
  if (rows.length === 0) return console.line('the profile in use names no providers');
  const width = Math.max(...rows.map((row) => row.name.length));
  for (const row of rows) {
    const age = row.updatedAt === null ? '' : `, ${formatAge(clock.now() - row.updatedAt)} old`;
    const there =
      row.source === 'inline'
        ? 'in the profile'
        : row.entries === null
          ? 'not there yet'
          : `${countOf(row.entries, row.kind === 'proxies' ? 'node' : row.kind === 'rules' ? 'entry' : 'list', row.kind === 'rules' ? 'entries' : undefined)}${age}`;
    const trouble =
      row.error === undefined
        ? ''
        : `  ${console.paint('yellow', `${row.error.code}: ${plainText(row.error.message)}`)}`;
    console.line(`${plainText(row.name).padEnd(width)}  ${row.kind.padEnd(7)}  ${there}${trouble}`);
  }
}
