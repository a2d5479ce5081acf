/**
 * Puts the machine's network back as it was before Mirage, from the journal and, if that is lost, from what we know of
 * our own traces. Needs no helper, no configuration and no other state.
 */
import { AppError } from '../../base/app-error.ts';
import type { Logger } from '../../base/logger.ts';
import type { NetworkChange } from '../../contract/status.ts';
import type { CommandRunner } from '../command-runner.ts';
import type { UndoJournal } from '../undo-journal.ts';
import { type Undoers, undoOrder } from '../undo-record.ts';
import { readRouteEntries } from './routes/kernel-routes.ts';
import { isOurShape } from './routes/leftover-routes.ts';
import { deleteLeftovers, undoRoutes } from './routes/linux-routes.ts';
import { hasStrictTable, removeStrictTable } from './routes/strict-route.ts';
import { strictTable } from './routes/strict-rules.ts';
import { ResolvConfFile } from './system-dns/resolv-conf-file.ts';
import { undoLeftoverResolvConf, undoResolvConf } from './system-dns/resolv-conf-undo.ts';

export const resolvConfPath = '/etc/resolv.conf';

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
 * Undoes every change of the journal, then removes traces that no journal explains, then looks whether anything is left.
 * Returns what was undone; running it again returns an empty list. Must not run beside a helper whose tunnel is up. Rejects with
 * `SYSTEM_JOURNAL_FAILED` when something could not be undone; the rest is undone all the same.
 */
export async function restoreNetwork(options: RestoreOptions): Promise<NetworkChange[]> {
  const { journal, logger, runner } = options;
  const step = (name: string): Promise<void> => journal.step(name);
  const file = new ResolvConfFile({ path: options.resolvConf, runner, step });
  const failures: unknown[] = [];
  let undone: NetworkChange[] = [];
  const devices = await ownDevices(options);
  try {
    undone = await journal.undoAll(createUndoers(runner, file, step), undoOrder);
  } catch (error) {
    failures.push(error);
  }
  undone.push(...(await removeTraces(options, file, step)));
  failures.push(...(await whatIsLeft(options, devices)));
  logger.info('network restored', { undone: undone.length, journalWasCorrupt: journal.wasCorrupt });
  if (failures.length === 0) return undone;
  const [first] = failures;
  if (first instanceof AppError) throw first;
  throw AppError.from(first, 'SYSTEM_JOURNAL_FAILED', 'not everything could be undone');
}

/** How each kind of change is taken back on Linux; `step` is called before each effect. */
export function createUndoers(
  runner: CommandRunner,
  file: ResolvConfFile,
  step: (name: string) => Promise<void>,
): Undoers {
  return {
    'resolv-conf': (records) => undoResolvConf(file, records),
    'nft-table': async () => void (await removeStrictTable(runner, step)),
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
  await attempt('strict-route', async () => {
    if (!(await removeStrictTable(runner, step))) return;
    found.push({ id: 'trace-strict', what: 'nft table', where: `inet ${strictTable}`, since });
  });
  await attempt('routes', async () => {
    for (const entry of await deleteLeftovers(runner, step)) {
      const what = `${entry.family === 6 ? 'ip -6' : 'ip'} ${entry.kind}`;
      found.push({ id: `trace-${found.length}`, what, where: entry.text, since });
    }
  });
  return found;
}

/**
 * The TUN that rules and routes of our kind lead into, if it is there: a TUN goes with the program that has it, so a helper with
 * other directories is at work. One that was just killed is given two seconds.
 */
export async function livingDevice(options: Pick<RestoreOptions, 'journal' | 'runner'>): Promise<string | undefined> {
  for (const device of await ownDevices(options)) if (!(await hasGone(options.runner, device))) return device;
  return undefined;
}

/** Names of our TUN, as records and rules tell them. */
async function ownDevices({ journal, runner }: Pick<RestoreOptions, 'journal' | 'runner'>): Promise<string[]> {
  const entries = await Promise.all(
    ([4, 6] as const).map((family) => readRouteEntries(runner, family).catch(() => [])),
  );
  const texts = [
    ...[...journal.of('ip-route'), ...journal.of('ip-rule')].map((record) => record.ours.text),
    ...entries
      .flat()
      .filter(isOurShape)
      .map((entry) => entry.text),
  ];
  return [...new Set(texts.flatMap((text) => /^default dev (\S+)$/.exec(text)?.[1] ?? []))];
}

/** The ranges of fake addresses that records and kernel tell: each has an `unreachable` route that outlives the device. */
export async function fakeRangesInForce({
  journal,
  runner,
}: Pick<RestoreOptions, 'journal' | 'runner'>): Promise<string[]> {
  const inForce = await readRouteEntries(runner, 4).catch(() => []);
  const known = [...journal.of('ip-route').map((record) => record.ours.text), ...inForce.map((entry) => entry.text)];
  return [...new Set(known.flatMap((text) => /^unreachable (\S+\/\d+) /.exec(text)?.[1] ?? []))];
}

/** Why the network is not as before; empty when it is. The device of a helper that was just killed takes a moment to go. */
async function whatIsLeft({ runner, logger }: RestoreOptions, devices: readonly string[]): Promise<AppError[]> {
  const left: string[] = [];
  for (const family of [4, 6] as const) {
    const entries = await readRouteEntries(runner, family).catch(() => []);
    for (const entry of entries) {
      if (isOurShape(entry)) left.push(`IPv${family} ${entry.kind} ${entry.text}`);
      else logger.warning('an entry under our numbers is not ours and stays', { family, entry: entry.text });
    }
  }
  if (await hasStrictTable(runner).catch(() => false)) left.push(`nft table inet ${strictTable}`);
  for (const device of devices) if (!(await hasGone(runner, device))) left.push(`interface ${device}`);
  if (left.length === 0) return [];
  return [
    new AppError('SYSTEM_JOURNAL_FAILED', `still there after the undo: ${left.join('; ')}`, {
      expected: 'end the program that holds it, then run the restore again',
    }),
  ];
}

/** Whether a TUN is gone within two seconds. One that outlives its program (`persist`) was never ours, nor was another kind. */
async function hasGone(runner: CommandRunner, device: string): Promise<boolean> {
  for (let look = 0; look < 20; look++) {
    const shown = runner.run('ip', ['-d', '-j', 'link', 'show', 'dev', device], { timeoutMs: 2_000 });
    const { stdout } = await shown.catch(() => ({ stdout: '' }));
    if (!/"info_kind":"tun"/.test(stdout) || /"persist":true/.test(stdout)) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}
