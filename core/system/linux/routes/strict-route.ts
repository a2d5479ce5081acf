/**
 * Keeps our table of packet filters in the kernel: that of `strict-route`, and what keeps redirects of others from questions.
 * Journaled, renewed with the routes, told when it cannot be had.
 */
import { AppError } from '../../../base/app-error.ts';
import { causeOf } from '../../../base/cause-of.ts';
import { Emitter } from '../../../base/emitter.ts';
import type { Logger } from '../../../base/logger.ts';
import { warningOf } from '../../../contract/warning-texts.ts';
import type { CommandRunner } from '../../command-runner.ts';
import type { HealthSink } from '../../health-sink.ts';
import type { UndoJournal } from '../../undo-journal.ts';
import { commandTimeoutMs } from './kernel-routes.ts';
import { removalScript, rulesIn, strictTable } from './strict-rules.ts';

export interface StrictRouteOptions {
  readonly runner: CommandRunner;
  readonly journal: UndoJournal;
  readonly health: HealthSink;
  readonly logger: Logger;
}

const code = 'STRICT_ROUTE_UNAVAILABLE';
const noNft = { code: 'PROGRAM_MISSING', values: { program: 'nft' } } as const;

export class StrictRoute {
  /** Something of our table was removed; by us, too. */
  readonly disturbed = new Emitter<void>();
  readonly #options: StrictRouteOptions;
  #script: string | undefined;
  #stopWatch: (() => void) | undefined;

  constructor(options: StrictRouteOptions) {
    this.#options = options;
  }

  /**
   * Puts the table in force that these scripts make, of `strict-route` and `besides`; both undefined removes ours. Where there is no
   * nft(8), or the kernel refuses, it is told by health if `strict-route` is concerned, and what stood before stays; a kernel that
   * refuses only `besides` has the other. Rejects with `SYSTEM_JOURNAL_FAILED`, and nothing was changed; a removal also with
   * `SYSTEM_COMMAND_FAILED`.
   */
  async apply(strict: string | undefined, besides?: string): Promise<void> {
    if (strict === undefined) this.#options.health.clear(code);
    if (strict === undefined && besides === undefined) return await this.#remove();
    const { health, journal, logger, runner } = this.#options;
    if (journal.of('nft-table').length === 0) {
      const what = `nft table inet ${strictTable}`;
      const ours = { table: strictTable } as const;
      await journal.record([{ kind: 'nft-table', what, where: 'strict-route', previous: null, ours }]);
    }
    this.#watch();
    if (besides !== undefined) {
      try {
        await this.#load(strict === undefined ? besides : `${strict}\n${besides}`);
        return health.clear(code);
      } catch (error) {
        logger.error('redirects cannot be kept from questions', { reason: AppError.from(error).message });
      }
    }
    if (strict === undefined) return;
    try {
      await this.#load(strict);
      health.clear(code);
    } catch (error) {
      logger.error('strict-route is not in force', { reason: AppError.from(error).message });
      health.raise(warningOf(code, { reason: runner.has('nft') ? causeOf(error) : noNft }));
    }
  }

  async #load(script: string): Promise<void> {
    const { journal, logger, runner } = this.#options;
    if (script === this.#script && (await this.missing()) === 0) return;
    await journal.step('strict-route: add');
    // A chain that is no longer wanted goes with the table, in the same transaction.
    const isOther = this.#script !== undefined && chainsIn(this.#script) !== chainsIn(script);
    await runNft(runner, isOther ? `${removalScript}\n${script}` : script);
    logger.info('strict-route', { rules: rulesIn(script) });
    this.#script = script;
  }

  /** How many of our rules are not there; 0 while none are wanted. */
  async missing(): Promise<number> {
    if (this.#script === undefined) return 0;
    return Math.max(0, rulesIn(this.#script) - (await countRules(this.#options.runner)));
  }

  async #remove(): Promise<void> {
    const { journal, runner } = this.#options;
    this.#stopWatch?.();
    this.#stopWatch = undefined;
    this.#script = undefined;
    const records = journal.of('nft-table');
    if (records.length === 0) return;
    await removeStrictTable(runner, (name) => journal.step(name));
    await journal.forget(records.map(({ id }) => id));
  }

  #watch(): void {
    const { runner } = this.#options;
    if (this.#stopWatch !== undefined || !runner.has('nft')) return;
    // `nft flush ruleset` is what restarting most firewalls begins with.
    this.#stopWatch = runner.spawnLines(
      'nft',
      ['monitor', 'destroy'],
      (line) => {
        if (line.includes(` inet ${strictTable}`)) this.disturbed.emit();
      },
      () => {
        this.#stopWatch = undefined;
      },
    );
  }
}

/** Removes our table, and tells whether there was one. Without nft(8) there is none. Rejects with `SYSTEM_COMMAND_FAILED`. */
export async function removeStrictTable(
  runner: CommandRunner,
  step: (name: string) => Promise<void>,
): Promise<boolean> {
  if (!(await hasStrictTable(runner))) return false;
  await step('strict-route: delete');
  await runNft(runner, removalScript);
  return true;
}

/**
 * Whether our table is there. False where there is no nft(8), and where the kernel does not know such tables. Rejects with
 * `SYSTEM_COMMAND_FAILED` when nft was ended before it said anything: the machine may be busy, and the table in force.
 */
export async function hasStrictTable(runner: CommandRunner): Promise<boolean> {
  if (!runner.has('nft')) return false;
  try {
    const { stdout } = await runner.run('nft', ['list', 'tables', 'inet'], { timeoutMs: commandTimeoutMs });
    return stdout.split('\n').includes(`table inet ${strictTable}`);
  } catch (error) {
    if (AppError.from(error).details?.['exitCode'] !== undefined) return false;
    throw error;
  }
}

function chainsIn(script: string): string {
  return [...script.matchAll(/^add chain .*$/gm)].map(([line]) => line).join('\n');
}

/** Rules in our table, by their handles. */
async function countRules(runner: CommandRunner): Promise<number> {
  const listed = runner.run('nft', ['-a', '-t', 'list', 'table', 'inet', strictTable], { timeoutMs: commandTimeoutMs });
  const { stdout } = await listed.catch(() => ({ stdout: '' }));
  return stdout.match(/^\t\t.*# handle \d+$/gm)?.length ?? 0;
}

async function runNft(runner: CommandRunner, script: string): Promise<void> {
  await runner.run('nft', ['-f', '-'], { timeoutMs: commandTimeoutMs, input: `${script}\n` });
}
