/** What commands do that put a profile in force: its problems are printed first, then what is in force instead, if anything is. */
import { type AppliedProfile, applyProfile } from '../app/apply-profile.ts';
import type { HelperClient } from '../app/helper-client.ts';
import { AppError } from '../base/app-error.ts';
import type { LoadedProfile } from '../profile/loaded-profile.ts';
import { summary } from '../profile/report.ts';
import type { CommandContext, GlobalOptions } from './command-context.ts';

/**
 * For people every problem is printed, for programs it is in what is thrown: CONFIG_* when neither the profile nor an earlier version
 * of it can be used. Asks nobody.
 */
export function assertUsable(context: CommandContext, what: string, loaded: LoadedProfile, json: boolean): void {
  const { config, failure, path, problems, text } = loaded;
  if (!json) context.console.noteProblems(problems, { file: path ?? what, text });
  if (config !== undefined || context.profiles.lastGood(loaded) !== undefined) return;
  throw new AppError(
    failure ?? 'CONFIG_INVALID',
    `the profile has ${summary(problems)}; nothing was changed`,
    json ? { problems, details: { file: path ?? what } } : {},
  );
}

/** Rejects as `applyProfile` does; undefined when there was nothing to apply. */
export async function applyLoaded(
  { profiles, providers, console }: Pick<CommandContext, 'profiles' | 'providers' | 'console'>,
  helper: HelperClient,
  loaded: LoadedProfile,
  { json }: GlobalOptions,
): Promise<AppliedProfile | undefined> {
  const home = { helper, library: profiles, blobs: (sha256: string) => providers.blob(sha256) };
  const applied = await applyProfile(home, loaded);
  if (applied?.instead === undefined || json) return applied;
  const why = applied.refusal?.message ?? summary(loaded.problems);
  console.note(`it is not applied as it is: ${why}; its last good version is used`);
  return applied;
}
