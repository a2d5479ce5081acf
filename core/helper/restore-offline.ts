/** Undoes from the journal alone, without a helper: what `--restore` does, and whoever runs it after a helper's death. */
import type { Logger } from '../base/logger.ts';
import { type HelperPaths, journalOf } from '../base/paths.ts';
import type { NetworkChange } from '../contract/status.ts';
import { SystemCommandRunner } from '../system/command-runner.ts';
import type { Restore } from '../system/operating-system.ts';
import { UndoJournal } from '../system/undo-journal.ts';

export interface RestoreOfflineOptions {
  readonly system: Restore;
  readonly paths: HelperPaths;
  /** Whether the state directory is the helper's own; else only our traces are undone, whatever lies there. */
  readonly trusted: boolean;
  /** Leaves alone what another helper, with other directories, has in force: for who was not asked to restore. */
  readonly sparesOthers: boolean;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Ends connections from and to these prefixes, so that programs do not hang on addresses that mean nothing any more. */
  readonly destroySockets: (prefixes: string[]) => number;
  /** The TUN's own IPv6 prefix. */
  readonly tunPrefix6: string;
  readonly logger: Logger;
}

/** Returns what was undone. Rejects with SYSTEM_JOURNAL_FAILED when something could not be; the rest was undone. */
export async function restoreOffline(options: RestoreOfflineOptions): Promise<NetworkChange[]> {
  const { paths, system, trusted, sparesOthers, now, destroySockets, logger } = options;
  const runner = new SystemCommandRunner();
  const journalOptions = { path: journalOf(paths), now, logger };
  const journal = trusted ? await UndoJournal.open(journalOptions) : UndoJournal.unread(journalOptions);
  if (sparesOthers && journal.changes().length === 0 && (await system.livingDevice({ journal, runner }))) return [];
  // While what is ours still makes them unreachable: the kernel would send on from the TUN's address.
  try {
    destroySockets([...(await system.fakeRanges({ journal, runner })), options.tunPrefix6]);
  } catch (error) {
    logger.warning('connections to fake addresses could not be ended', { reason: String(error) });
  }
  return await system.network({ journal, runner, logger, now });
}
