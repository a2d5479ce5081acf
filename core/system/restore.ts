/**
 * Puts the machine's network back as it was before Mirage, from the journal and, if that is lost, from what we know of
 * our own traces. Needs no helper, no configuration and no other state.
 */
import type { Logger } from '../base/logger.ts';
import type { NetworkChange } from '../contract/status.ts';
import type { CommandRunner } from './command-runner.ts';
import { deleteLeftoverRoutes } from './routes/leftover-routes.ts';
import { undoRoutes } from './routes/linux-routes.ts';
import { ResolvConfFile } from './system-dns/resolv-conf-file.ts';
import { undoLeftoverResolvConf, undoResolvConf } from './system-dns/resolv-conf-undo.ts';
import type { UndoJournal } from './undo-journal.ts';
import { type Undoers, undoOrder } from './undo-record.ts';

export interface RestoreOptions {
  readonly journal: UndoJournal;
  readonly runner: CommandRunner;
  readonly logger: Logger;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** `/etc/resolv.conf`; tests have others. */
  readonly resolvConf: string;
}

/**
 * Undoes every change of the journal, then removes traces that no journal explains. Answers what was undone; running it
 * again answers an empty list. Must not run beside a helper whose tunnel is up. Rejects with `SYSTEM_JOURNAL_FAILED`
 * when something could not be undone; the rest is undone all the same.
 */
export async function restoreNetwork(options: RestoreOptions): Promise<NetworkChange[]> {
  const { journal, logger, runner } = options;
  const step = (name: string): Promise<void> => journal.step(name);
  const file = new ResolvConfFile({ path: options.resolvConf, runner, step });
  let failure: unknown;
  let undone: NetworkChange[] = [];
  try {
    undone = await journal.undoAll(createUndoers(runner, file, step), undoOrder);
  } catch (error) {
    failure = error;
  }
  undone.push(...(await removeTraces(options, file, step)));
  logger.info('network restored', { undone: undone.length, journalWasCorrupt: journal.wasCorrupt });
  if (failure !== undefined) throw failure;
  return undone;
}

/** How each kind of change is taken back on Linux; `step` is called before each effect. */
export function createUndoers(
  runner: CommandRunner,
  file: ResolvConfFile,
  step: (name: string) => Promise<void>,
): Undoers {
  return {
    'resolv-conf': (records) => undoResolvConf(file, records),
    'ip-rule': (records) => undoRoutes(runner, records, step),
    'ip-route': (records) => undoRoutes(runner, records, step),
  };
}

/** Best effort, for a lost journal: a failure is told in the log, because nothing says that there was anything. */
async function removeTraces(
  options: RestoreOptions,
  file: ResolvConfFile,
  step: (name: string) => Promise<void>,
): Promise<NetworkChange[]> {
  const { logger, now, runner } = options;
  const since = now();
  const found: NetworkChange[] = [];
  const attempt = async (what: string, remove: () => Promise<void>): Promise<void> => {
    try {
      await remove();
    } catch (error) {
      logger.warning('traces could not be looked for', { what, error: String(error) });
    }
  };
  await attempt('system DNS', async () => {
    if (!(await undoLeftoverResolvConf(file))) return;
    found.push({ id: 'trace-dns', what: 'system DNS', where: file.path, since });
  });
  await attempt('routes', async () => {
    for (const entry of await deleteLeftoverRoutes(runner, step)) {
      const what = `${entry.family === 6 ? 'ip -6' : 'ip'} ${entry.kind}`;
      found.push({ id: `trace-${found.length}`, what, where: entry.text, since });
    }
  });
  return found;
}
