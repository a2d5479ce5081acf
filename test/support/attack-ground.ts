/**
 * Where `attacker.ts` meets everybody else: a lab with Mirage and its window, an attacker without rights, a bystander, and a
 * plain echo program, and what is measured of them. `ATTACK_LOG=FILE` keeps what the helper has printed.
 */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attempt, Experience } from './bystander.ts';
import type { Running } from './lab.ts';
import { Mirage } from './mirage.ts';
import { profile } from './profiles.ts';
import { World } from './world.ts';

const attackerUid = 4_321;
const bystanderUid = 1_234;
/** The first of each turn is what the other has left, and does not count. Milliseconds. */
const settling = 1_000;
/** Of the kernel's kilobytes. */
const mebibyte = 1_024;
/** USER_HZ of proc_pid_stat(5). */
const ticksPerSecond = 100;

/** Of Unix time, in milliseconds. */
export interface Turn {
  readonly from: number;
  readonly to: number;
}

/** Milliseconds, beside what a program that does nothing took at the same time. */
export interface Figures {
  readonly dnsP50: number;
  readonly dnsP99: number;
  readonly connectP50: number;
  readonly echoP50: number;
  readonly echoP99: number;
  readonly plainConnectP50: number;
}

export class AttackGround implements AsyncDisposable {
  readonly mirage: Mirage;
  readonly window: Running;
  readonly #world: World;
  readonly #uiPort: string;
  readonly #echoPorts: readonly string[];

  private constructor(world: World, mirage: Mirage, window: Running, uiPort: string, echoPorts: readonly string[]) {
    this.#world = world;
    this.mirage = mirage;
    this.window = window;
    this.#uiPort = uiPort;
    this.#echoPorts = echoPorts;
  }

  static async create(): Promise<AttackGround> {
    const world = await World.create();
    try {
      await world.startWeb();
      const mirage = new Mirage(world.client);
      await mirage.start(['--allow-uid', String(attackerUid)]);
      await mirage.enhanced(profile(['MATCH,DIRECT']).replace('debug', 'info'));
      const window = mirage.serve('--port', '0');
      const uiPort = (await window.printed(/http:\/\/127\.0\.0\.1:(\d+)/))[1] ?? '';
      const echo = world.client.spawn(process.execPath, [script('plain-echo.ts')]);
      const [, ...echoPorts] = await echo.printed(/echo at (\d+) and (\d+)/);
      return new AttackGround(world, mirage, window, uiPort, echoPorts);
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A bystander for so many seconds; resolves, when asked, with what it has seen. */
  bystander(seconds: number): () => Promise<Experience> {
    const bystander = this.#as(bystanderUid, script('bystander.ts'), String(seconds), ...this.#echoPorts);
    return async () => JSON.parse((await bystander.printed(/^\{.*\}$/m, 300_000))[0]) as Experience;
  }

  /** `only`: a pattern of the attacks that are wanted. */
  attacker(seed: number, seconds: number, only = ''): Running {
    const args = [seed, seconds, `${this.mirage.runtimeDir}/helper.sock`, this.#uiPort, 7_890, only].map(String);
    return this.#as(attackerUid, script('attacker.ts'), ...args);
  }

  /** A program of the attacker's that takes processor time and nothing else; stopped at first. */
  burner(): Running {
    const burner = this.#as(attackerUid, '-e', 'for (;;);');
    burner.process.kill('SIGSTOP');
    return burner;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const keptLog = process.env['ATTACK_LOG'];
    if (keptLog !== undefined) fs.writeFileSync(keptLog, this.mirage.helper.output);
    await this.#world[Symbol.asyncDispose]();
  }

  /** As a user of no group; with the processor's time shared as the kernel shares it between users' programs. */
  #as(uid: number, ...args: string[]): Running {
    const user = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
    return this.#world.client.spawn('setpriv', [...user, '--', process.execPath, ...args]);
  }
}

/**
 * What other sessions of this machine do meanwhile (builds, other tests) shall not be taken for the attack: this session goes before
 * them until the returned function is called (sched(7), "The autogroup feature"). Within it everything stays as it is. Nothing where the
 * kernel has no such groups.
 */
export function preferThisSession(): () => void {
  const file = '/proc/self/autogroup';
  const was = fs.existsSync(file) ? /nice (-?\d+)/.exec(fs.readFileSync(file, 'utf8'))?.[1] : undefined;
  if (was === undefined) return () => undefined;
  fs.writeFileSync(file, '-15');
  return () => fs.writeFileSync(file, was);
}

export async function turn(seconds: number): Promise<Turn> {
  const from = Date.now();
  await sleep(seconds * 1_000);
  return { from, to: Date.now() };
}

export function figures(experience: Experience, during: Turn): Figures {
  const questions = durationsIn(experience.questions, during);
  const echoes = durationsIn(experience.echoes, during);
  return {
    dnsP50: part(questions, 0.5),
    dnsP99: part(questions, 0.99),
    connectP50: part(durationsIn(experience.connections, during), 0.5),
    echoP50: part(echoes, 0.5),
    echoP99: part(echoes, 0.99),
    plainConnectP50: part(durationsIn(experience.plainConnections, during), 0.5),
  };
}

export function median(values: readonly number[]): number {
  return part(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

/** How a program ended: its exit code or the signal; undefined while it runs. */
export function endOf({ process }: Running): number | string | undefined {
  return process.signalCode ?? process.exitCode ?? undefined;
}

/**
 * Memory of its own in MiB (RssAnon of proc_pid_status(5)): not the pages of its program's files, which come when code first runs and
 * which the kernel takes back as it likes. 0 of one that has ended.
 */
export function resident({ pid, process }: Running): number {
  if (process.exitCode !== null || process.signalCode !== null) return 0;
  return Number(/RssAnon:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / mebibyte;
}

/** Processor time of a program's main thread, which is Node.js' own, and of all its threads; seconds since its start. */
export function processorTime({ pid }: Running): { main: number; all: number } {
  return { main: timeIn(`/proc/${pid}/task/${pid}/stat`), all: timeIn(`/proc/${pid}/stat`) };
}

function timeIn(file: string): number {
  const fields = fs
    .readFileSync(file, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function script(name: string): string {
  return new URL(name, import.meta.url).pathname;
}

/** Durations of what began within this turn, shortest first. */
function durationsIn(attempts: readonly Attempt[], { from, to }: Turn): number[] {
  const within = attempts.filter(([at]) => at >= from + settling && at < to);
  return within.map(([, took]) => took).toSorted((a, b) => a - b);
}

function part(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
