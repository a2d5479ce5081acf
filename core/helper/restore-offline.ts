/** Undoes from the journal alone, without a helper: what `--restore` does, and whoever runs it after a helper's death. */
import type { Logger } from '../base/logger.ts';
import { type HelperPaths, journalOf } from '../base/paths.ts';
import type { NetworkChange } from '../contract/status.ts';
import { SystemCommandRunner } from '../system/command-runner.ts';
import { restoreNetwork } from '../system/restore.ts';
import { readRouteEntries } from '../system/routes/kernel-routes.ts';
import { resolvConfPath } from '../system/system-dns/index.ts';
import { UndoJournal } from '../system/undo-journal.ts';
import { tunPrefix6 } from '../tunnel/tunnel-services.ts';

export interface RestoreOfflineOptions {
  readonly paths: HelperPaths;
  /** Whether the state directory is the helper's own; else only our traces are undone, whatever lies there. */
  readonly trusted: boolean;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Ends connections from and to these prefixes, so that programs do not hang on addresses that mean nothing any more. */
  readonly destroySockets: (prefixes: string[]) => number;
  readonly logger: Logger;
}

/** Returns what was undone. Rejects with SYSTEM_JOURNAL_FAILED when something could not be; the rest was undone. */
export async function restoreOffline(options: RestoreOfflineOptions): Promise<NetworkChange[]> {
  const { paths, trusted, now, destroySockets, logger } = options;
  const runner = new SystemCommandRunner();
  const journalOptions = { path: journalOf(paths), now, logger };
  const journal = trusted ? await UndoJournal.open(journalOptions) : UndoJournal.unread(journalOptions);
  // While what is ours still makes them unreachable: the kernel would send on from the TUN's address.
  try {
    const inForce = await readRouteEntries(runner, 4).catch(() => []);
    const known = [...journal.of('ip-route').map((record) => record.ours.text), ...inForce.map((entry) => entry.text)];
    destroySockets([...new Set(fakeRangesOf(known)), tunPrefix6]);
  } catch (error) {
    logger.warning('connections to fake addresses could not be ended', { reason: String(error) });
  }
  return await restoreNetwork({ journal, runner, logger, now, resolvConf: resolvConfPath });
}

/** The ranges of fake addresses as the journal's routes tell them: each has an `unreachable` one that outlives the device. */
export function fakeRangesOf(routes: readonly string[]): string[] {
  return routes.flatMap((text) => /^unreachable (\S+\/\d+) /.exec(text)?.[1] ?? []);
}
