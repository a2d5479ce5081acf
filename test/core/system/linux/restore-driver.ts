/**
 * Runs inside a lab machine (its own /etc, its own network): applies routes and system DNS and dies at every single step
 * in turn, restoring after each death with nothing but what lies on disk. Prints one JSON line: the steps passed, and
 * every death after which the machine was not as before.
 *
 *   node restore-driver.ts DIRECTORY die PARTS   dies while turning on, then while turning off, `dns` or `dns routes`
 *   node restore-driver.ts DIRECTORY kill STEP   turns on and kills itself with SIGKILL at that step
 *   node restore-driver.ts DIRECTORY restore     what `--restore` does
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { systemClock } from '../../../../core/base/clock.ts';
import { silentLogger } from '../../../../core/base/logger.ts';
import {
  type CommandOptions,
  type CommandResult,
  type CommandRunner,
  SystemCommandRunner,
} from '../../../../core/system/command-runner.ts';
import { createUndoers, restoreNetwork } from '../../../../core/system/linux/restore.ts';
import { LinuxRoutes } from '../../../../core/system/linux/routes/linux-routes.ts';
import { LinuxSystemDns } from '../../../../core/system/linux/system-dns/linux-system-dns.ts';
import { ResolvConfFile } from '../../../../core/system/linux/system-dns/resolv-conf-file.ts';
import { UndoJournal } from '../../../../core/system/undo-journal.ts';
import { undoOrder } from '../../../../core/system/undo-record.ts';

const resolvConf = '/etc/resolv.conf';

/** Counts steps; at the chosen one everything stops having effects, as if the process had died there. */
class Life {
  readonly steps: string[] = [];
  readonly dieAt: number;
  readonly #die: () => void;
  #dead = false;

  constructor(dieAt: number, die: () => void = () => undefined) {
    this.dieAt = dieAt;
    this.#die = die;
  }

  get isOver(): boolean {
    return this.#dead;
  }

  /** Whether the next step is the last. */
  get doomed(): boolean {
    return !this.#dead && this.steps.length === this.dieAt;
  }

  readonly step = (name: string): void => {
    if (this.doomed) {
      this.#dead = true;
      this.#die();
    }
    this.steps.push(name);
    if (this.#dead) throw new Error(`died before "${name}"`);
  };
}

/** The real one, but a batch is as many steps as it has lines; one of nft(8) is a transaction. */
class MortalRunner implements CommandRunner {
  readonly #life: Life;
  readonly #real = new SystemCommandRunner();

  constructor(life: Life) {
    this.#life = life;
  }

  has(program: string): boolean {
    return this.#real.has(program);
  }

  async run(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
    if (options.input === undefined || program === 'nft') return await this.#real.run(program, args, options);
    let done = '';
    for (const line of options.input.trimEnd().split('\n')) {
      if (this.#life.doomed && done !== '') await this.#real.run(program, args, { ...options, input: done });
      this.#life.step(line);
      done += `${line}\n`;
    }
    return await this.#real.run(program, args, { ...options, input: done });
  }

  /** Nobody changes anything here. */
  spawnLines(): () => void {
    return () => undefined;
  }
}

interface Session {
  routes: LinuxRoutes;
  dns: LinuxSystemDns;
}

async function open(life: Life, journalPath: string): Promise<Session> {
  const runner = new MortalRunner(life);
  const journal = await UndoJournal.open({
    path: journalPath,
    now: () => Date.now(),
    logger: silentLogger,
    beforeStep: life.step,
  });
  const health = { raise: () => undefined, clear: () => undefined };
  const dns = new LinuxSystemDns({
    runner,
    file: new ResolvConfFile({ path: resolvConf, runner, step: (name) => journal.step(name) }),
    journal,
    health,
    logger: silentLogger,
    clock: systemClock,
    watch: () => () => undefined,
    root: '/',
    owner: { uid: 0, gid: 0 },
  });
  return { routes: new LinuxRoutes({ runner, journal, logger: silentLogger, health, clock: systemClock }), dns };
}

async function turnOn(session: Session, parts: string): Promise<void> {
  if (parts.includes('routes')) {
    await session.routes.apply({
      capture: 'everything',
      device: 'mirage0',
      tunAddress4: '198.18.0.1',
      mark: 0x4d49,
      otherDevices: ['eth0'],
      tunPrefix6: 'fdfe:dcba:9876::1/126',
      fakeRanges: ['198.18.0.0/15'],
      exclude: ['203.0.113.0/24'],
      ipv6: true,
      strict: true,
      sparedMark: 0x4d4a,
    });
  }
  await session.dns.apply({ server: '198.18.0.2' });
}

async function turnOff(session: Session): Promise<void> {
  await session.dns.apply(undefined);
  await session.routes.apply(undefined);
}

async function restore(journalPath: string): Promise<number> {
  const journal = await UndoJournal.open({ path: journalPath, now: () => Date.now(), logger: silentLogger });
  const runner = new SystemCommandRunner();
  return (await restoreNetwork({ journal, runner, logger: silentLogger, now: () => Date.now(), resolvConf })).length;
}

/** By the journal alone, without the search for traces that would hide a missing record. */
async function undoByJournal(journalPath: string): Promise<void> {
  const journal = await UndoJournal.open({ path: journalPath, now: () => Date.now(), logger: silentLogger });
  const runner = new SystemCommandRunner();
  const step = async (): Promise<void> => undefined;
  await journal.undoAll(createUndoers(runner, new ResolvConfFile({ path: resolvConf, runner, step }), step), undoOrder);
}

function machineState(): string {
  return execFileSync('sh', [
    '-c',
    `ls -la --time-style=+ /etc | grep -F resolv.conf; cat ${resolvConf} 2>&1; ip rule; ip -6 rule; ip route show table all; nft list ruleset; ip -6 route show table all | sed "s/ expires [0-9]*sec//"`,
  ]).toString();
}

async function dieEverywhere(journalPath: string, phase: 'apply' | 'undo', parts: string): Promise<object> {
  const before = machineState();
  const failures: { step: string; state: string }[] = [];
  for (let dieAt = 0; ; dieAt++) {
    if (phase === 'undo') await turnOn(await open(new Life(Number.POSITIVE_INFINITY), journalPath), parts);
    const life = new Life(dieAt);
    const session = await open(life, journalPath);
    await (phase === 'apply' ? turnOn(session, parts) : turnOff(session)).catch(() => undefined);
    const survived = !life.isOver;
    await undoByJournal(journalPath);
    const after = machineState();
    if (after !== before) failures.push({ step: life.steps[dieAt] ?? 'the end', state: after });
    if (fs.existsSync(journalPath)) failures.push({ step: life.steps[dieAt] ?? 'the end', state: 'journal left' });
    if (survived) return { steps: life.steps, failures };
  }
}

const [directory = '', mode = '', argument = ''] = process.argv.slice(2);
const journalPath = path.join(directory, 'undo-journal.json');
const answer = async (): Promise<object> => {
  switch (mode) {
    case 'die':
      return {
        apply: await dieEverywhere(journalPath, 'apply', argument),
        undo: await dieEverywhere(journalPath, 'undo', argument),
      };
    case 'kill':
      await turnOn(
        await open(new Life(Number(argument), () => process.kill(process.pid, 'SIGKILL')), journalPath),
        'dns routes',
      );
      return { survived: true };
    case 'restore':
      return { undone: await restore(journalPath) };
    default:
      throw new Error(`unknown mode "${mode}"`);
  }
};
process.stdout.write(`${JSON.stringify(await answer())}\n`);
