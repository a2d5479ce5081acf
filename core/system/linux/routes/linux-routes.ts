/** Routes on Linux by iproute2: brings the kernel from what it has to what is wanted, journaled, in one batch a family. */
import { AppError } from '../../../base/app-error.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import { SerialQueue } from '../../../base/serial-queue.ts';
import type { CommandRunner } from '../../command-runner.ts';
import type { HealthSink } from '../../health-sink.ts';
import type { Family, RouteConfig, Routes } from '../../routes.ts';
import type { UndoJournal } from '../../undo-journal.ts';
import type { NewUndoRecord, UndoRecordOf } from '../../undo-record.ts';
import { commandTimeoutMs, readOthers, readRouteEntries } from './kernel-routes.ts';
import { isOurShape } from './leftover-routes.ts';
import type { OtherRules } from './other-rules.ts';
import { noOthers, type Others, planRoutes, type RouteEntry, routeTable, ruleProtocol } from './route-plan.ts';
import { RulePlace } from './rule-place.ts';
import { StrictRoute } from './strict-route.ts';
import { strictScript, unredirectedScript } from './strict-rules.ts';

export type RouteRecord = UndoRecordOf<'ip-rule' | 'ip-route'>;

export interface LinuxRoutesOptions {
  readonly runner: CommandRunner;
  readonly journal: UndoJournal;
  readonly logger: Logger;
  readonly health: HealthSink;
  readonly clock: Clock;
}

export class LinuxRoutes implements Routes {
  readonly #runner: CommandRunner;
  readonly #journal: UndoJournal;
  readonly #logger: Logger;
  readonly #queue = new SerialQueue();
  readonly #place: RulePlace;
  readonly #strict: StrictRoute;

  constructor(options: LinuxRoutesOptions) {
    this.#runner = options.runner;
    this.#journal = options.journal;
    this.#logger = options.logger;
    this.#place = new RulePlace(options);
    this.#strict = new StrictRoute(options);
  }

  apply(wanted: RouteConfig | undefined): Promise<void> {
    return this.#queue.run(async () => {
      if (wanted !== undefined) return await this.#change(wanted);
      try {
        await this.#strict.apply(undefined);
      } finally {
        // Whatever becomes of the filter: with rules into a device that goes, nothing would leave at all.
        await this.#removeAll();
        this.#place.leave();
      }
    });
  }

  missing(): Promise<number> {
    return this.#queue.run(async () => {
      const wanted = this.#records().map(entryOf);
      const there = keysOf(await readAll(this.#runner, familiesOf(wanted)));
      return wanted.filter((entry) => !there.has(keyOf(entry))).length + (await this.#strict.missing());
    });
  }

  putBack(): Promise<number> {
    return this.#queue.run(async () => {
      const entries = this.#records().map(entryOf);
      const added = await Promise.all(familiesOf(entries).map((family) => addMissing(this.#runner, family, entries)));
      return added.reduce((sum, each) => sum + each, 0);
    });
  }

  onDisturbed(listener: () => void): () => void {
    return this.#strict.disturbed.on(listener);
  }

  async #change(wanted: RouteConfig): Promise<void> {
    const others = await this.#readOthers(wanted);
    const base = this.#place.choose(others);
    const plan = planRoutes(wanted, others, base);
    const records = this.#records();
    const present = await readAll(this.#runner, familiesOf([...plan, ...records.map(entryOf)]));
    this.#refuseForeign(present, records);
    const planned = keysOf(plan);
    const there = keysOf(present);
    const missing = plan.filter((entry) => !there.has(keyOf(entry)));
    const obsolete = records.filter((record) => !planned.has(keyOf(entryOf(record))));
    this.#logger.info('routes', {
      device: wanted.device,
      from: base,
      wanted: plan.length,
      present: present.length,
      add: missing.length,
      remove: obsolete.length,
    });
    // What is new stands before what is old goes: nothing passes between the two.
    await this.#add(missing);
    await this.#remove(obsolete);
    // After them: until they stand, everything goes around the TUN.
    const isStrict = wanted.strict && wanted.capture === 'everything';
    const { unredirected } = wanted;
    await this.#strict.apply(
      isStrict ? strictScript(wanted, others) : undefined,
      unredirected && unredirectedScript({ ...wanted, ...unredirected }),
    );
  }

  async #readOthers({ ipv6 }: RouteConfig): Promise<Others> {
    const read = async (family: Family): Promise<OtherRules> => await readOthers(this.#runner, family);
    const [four, six] = await Promise.all([read(4), ipv6 ? read(6) : noOthers[6]]);
    return { 4: four, 6: six };
  }

  /** By the records, and then by what is there: a record may say an entry in other words than the kernel does. */
  async #removeAll(): Promise<void> {
    const had = this.#records().length > 0;
    await this.#remove(this.#records());
    if (!had) return;
    for (const entry of await deleteLeftovers(this.#runner, (name) => this.#journal.step(name))) {
      this.#logger.warning('an entry of ours was not in the journal', { entry: describe(entry) });
    }
  }

  async #add(entries: readonly RouteEntry[]): Promise<void> {
    const known = keysOf(this.#records().map(entryOf));
    const added = await this.#journal.record(entries.filter((entry) => !known.has(keyOf(entry))).map(toRecord));
    try {
      for (const family of familiesOf(entries)) {
        await this.#journal.step(`routes: add IPv${family}`);
        await runBatch(this.#runner, family, entries.filter((entry) => entry.family === family).map(addCommand));
      }
    } catch (error) {
      await this.#remove(added.filter(isRouteRecord)).catch((second: unknown) => {
        this.#logger.error('a failed change of routes could not be taken back', { error: String(second) });
      });
      throw error;
    }
  }

  async #remove(records: readonly RouteRecord[]): Promise<void> {
    if (records.length === 0) return;
    await undoRoutes(this.#runner, records, (name) => this.#journal.step(name));
    await this.#journal.forget(records.map((record) => record.id));
  }

  #records(): RouteRecord[] {
    return [...this.#journal.of('ip-route'), ...this.#journal.of('ip-rule')];
  }

  /** Our numbers are ours alone: an entry that no record explains belongs to somebody else. */
  #refuseForeign(present: readonly RouteEntry[], records: readonly RouteRecord[]): void {
    const ours = keysOf(records.map(entryOf));
    const foreign = present.filter((entry) => !ours.has(keyOf(entry)));
    if (foreign.length === 0) return;
    const list = foreign.map((entry) => describe(entry)).join('; ');
    throw new AppError(
      'SYSTEM_ROUTES_FAILED',
      `routing table ${routeTable} or rules with protocol ${ruleProtocol} are used by something else: ${list}`,
      { expected: 'run the restore if an earlier Mirage left it, else remove it there', details: { foreign: list } },
    );
  }
}

/**
 * Deletes what of these records is there, rules before the routes they lead to, and nothing else. Entries that are gone
 * already are no error. Rejects with `SYSTEM_ROUTES_FAILED` when something is still there afterwards.
 */
export async function undoRoutes(
  runner: CommandRunner,
  records: readonly RouteRecord[],
  step: (name: string) => Promise<void>,
): Promise<void> {
  await deleteEntries(runner, records.map(entryOf), step);
}

/** Deletes what of these entries is there; see `undoRoutes`. Answers what was there. */
export async function deleteEntries(
  runner: CommandRunner,
  entries: readonly RouteEntry[],
  step: (name: string) => Promise<void>,
): Promise<RouteEntry[]> {
  const deleted: RouteEntry[] = [];
  for (const family of familiesOf(entries)) {
    const wanted = keysOf(entries);
    const find = async (): Promise<RouteEntry[]> =>
      (await readRouteEntries(runner, family)).filter((entry) => wanted.has(keyOf(entry)));
    const present = await find();
    if (present.length === 0) continue;
    await step(`routes: delete IPv${family}`);
    // Whatever went away meanwhile fails by itself; what counts is what is left.
    const failure = await runBatch(runner, family, inDeletionOrder(present).map(deleteCommand), ['-force']).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure !== undefined) {
      const left = await find();
      if (left.length > 0) {
        throw new AppError('SYSTEM_ROUTES_FAILED', `cannot be deleted: ${left.map(describe).join('; ')}`, {
          cause: failure,
        });
      }
    }
    deleted.push(...present);
  }
  return deleted;
}

/**
 * Finds our rules and routes by our own numbers and by their shape, deletes them and returns them. Whatever else somebody keeps
 * under these numbers is left alone. A machine without IPv6 has no leftovers there. Rejects as `undoRoutes`.
 */
export async function deleteLeftovers(
  runner: CommandRunner,
  step: (name: string) => Promise<void>,
): Promise<RouteEntry[]> {
  const found = [
    ...(await readRouteEntries(runner, 4)),
    ...(await readRouteEntries(runner, 6).catch((): RouteEntry[] => [])),
  ];
  return await deleteEntries(runner, found.filter(isOurShape), step);
}

/** Capturing rules first, exceptions after them, the target of `goto` last of the rules, then routes. */
function inDeletionOrder(entries: readonly RouteEntry[]): RouteEntry[] {
  const rank = (entry: RouteEntry): number => {
    if (entry.kind === 'route') return 2;
    return entry.text.endsWith(' nop') ? 1 : -preferenceOf(entry);
  };
  return entries.toSorted((a, b) => rank(a) - rank(b));
}

/** Adds what is not there; how many. `ip` goes on after an entry that is there, and names each line that failed. */
async function addMissing(runner: CommandRunner, family: Family, entries: readonly RouteEntry[]): Promise<number> {
  const own = entries.filter((entry) => entry.family === family);
  const input = `${own.map(addCommand).join('\n')}\n`;
  try {
    await runner.run('ip', [`-${family}`, '-force', '-batch', '-'], { timeoutMs: commandTimeoutMs, input });
    return own.length;
  } catch (error) {
    const stderr = error instanceof AppError ? String(error.details?.['stderr']) : '';
    const failed = stderr.match(/^Command failed -:\d+$/gm)?.length ?? 0;
    if (failed === 0) throw error;
    return own.length - failed;
  }
}

async function runBatch(
  runner: CommandRunner,
  family: Family,
  commands: readonly string[],
  options: readonly string[] = [],
): Promise<void> {
  try {
    await runner.run('ip', [`-${family}`, ...options, '-batch', '-'], {
      timeoutMs: commandTimeoutMs,
      input: `${commands.join('\n')}\n`,
    });
  } catch (error) {
    const stderr = error instanceof AppError ? String(error.details?.['stderr'] ?? error.message) : String(error);
    const line = /Command failed -:(\d+)/.exec(stderr)?.[1];
    const command = line === undefined ? `ip -${family} -batch -` : `ip -${family} ${commands[Number(line) - 1] ?? ''}`;
    throw new AppError('SYSTEM_ROUTES_FAILED', `${command} failed: ${stderr.split('\n')[0] ?? ''}`, {
      cause: error,
      details: { command, stderr },
    });
  }
}

async function readAll(runner: CommandRunner, families: readonly Family[]): Promise<RouteEntry[]> {
  return (await Promise.all(families.map((family) => readRouteEntries(runner, family)))).flat();
}

const addCommand = (entry: RouteEntry): string => command('add', entry);
const deleteCommand = (entry: RouteEntry): string => command('del', entry);

function command(verb: 'add' | 'del', entry: RouteEntry): string {
  return entry.kind === 'rule'
    ? `rule ${verb} ${entry.text} protocol ${ruleProtocol}`
    : `route ${verb} ${entry.text} table ${routeTable}`;
}

function describe(entry: RouteEntry): string {
  return `${entry.family === 6 ? 'ip -6' : 'ip'} ${command('add', entry).replace(' add', '')}`;
}

function toRecord(entry: RouteEntry): NewUndoRecord {
  const ip = entry.family === 6 ? 'ip -6' : 'ip';
  const ours = { family: entry.family, text: entry.text };
  if (entry.kind === 'rule') {
    const selector = entry.text.replace(/^pref \d+ /, '');
    return { kind: 'ip-rule', what: `${ip} rule ${preferenceOf(entry)}`, where: selector, previous: null, ours };
  }
  return { kind: 'ip-route', what: `${ip} route ${entry.text}`, where: `table ${routeTable}`, previous: null, ours };
}

function entryOf(record: RouteRecord): RouteEntry {
  return { kind: record.kind === 'ip-rule' ? 'rule' : 'route', family: record.ours.family, text: record.ours.text };
}

function isRouteRecord(record: { kind: string }): record is RouteRecord {
  return record.kind === 'ip-rule' || record.kind === 'ip-route';
}

function preferenceOf(entry: RouteEntry): number {
  return Number(/^pref (\d+)/.exec(entry.text)?.[1]);
}

const keyOf = (entry: RouteEntry): string => `${entry.family} ${entry.kind} ${entry.text}`;
const keysOf = (entries: readonly RouteEntry[]): Set<string> => new Set(entries.map(keyOf));

function familiesOf(entries: readonly RouteEntry[]): Family[] {
  return ([4, 6] as const).filter((family) => entries.some((entry) => entry.family === family));
}
