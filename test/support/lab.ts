/**
 * Machines made of namespaces: each has its own network, mounts, /etc and /run, is joined to others by veth links, and is
 * gone with the process that made it. Nothing of the real machine's network or /etc is touched. Needs root.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
  ms: number;
}

export interface RunOptions {
  input?: string | Uint8Array;
  timeoutMs?: number;
  env?: Record<string, string>;
}

/** A program started on a machine, ended with the lab at the latest. */
export class Running {
  readonly process: ChildProcess;
  readonly #output: string[] = [];

  constructor(process: ChildProcess) {
    this.process = process;
    for (const stream of [process.stdout, process.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => this.#output.push(text));
    }
  }

  get pid(): number {
    return this.process.pid ?? -1;
  }

  /** Everything it has printed. */
  get output(): string {
    return this.#output.join('');
  }

  /** Resolves when it has printed something that matches. */
  async printed(pattern: RegExp, timeoutMs = 120_000): Promise<RegExpMatchArray> {
    for (const end = Date.now() + timeoutMs; ; ) {
      const match = this.output.match(pattern);
      if (match) return match;
      if (this.process.exitCode !== null || Date.now() > end) {
        throw new Error(
          `waited for ${pattern}, but it ${this.process.exitCode === null ? 'goes on' : 'ended'} after printing:\n${this.output}`,
        );
      }
      await sleep(10);
    }
  }

  /** Ends it and waits; SIGKILL if it ignores the signal for a minute. Answers the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    const exited = once(this.process, 'exit');
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 60_000);
    await exited;
    clearTimeout(timer);
    return this.process.exitCode;
  }
}

/** One machine: commands run inside its namespaces. */
export class Machine {
  readonly name: string;
  /** A directory of its own, removed with the lab. */
  readonly directory: string;
  readonly #holder: ChildProcess;
  readonly #running = new Set<Running>();

  private constructor(name: string, directory: string, holder: ChildProcess) {
    this.name = name;
    this.directory = directory;
    this.#holder = holder;
  }

  static async create(name: string, directory: string): Promise<Machine> {
    fs.mkdirSync(directory, { recursive: true });
    // /mnt carries the private copies; `cat` ends when our end of the pipe closes, and the namespaces with it.
    const setup = [
      'mount -t tmpfs tmpfs /mnt',
      'cp -a /etc /mnt/etc',
      'mount --bind /mnt/etc /etc',
      'mount -t tmpfs -o mode=755 tmpfs /run',
      'mount -t sysfs sysfs /sys 2>/dev/null || true',
      `hostname ${name}`,
      'ip link set lo up',
      // Without a search for duplicates: a link-local address that comes up a second later is a change of the network to browsers.
      'for each in all default; do echo 0 > /proc/sys/net/ipv6/conf/$each/accept_dad; done',
      'rm -f /etc/resolv.conf',
      'echo "127.0.0.1 localhost" > /etc/hosts',
      'echo ready',
      'exec cat',
    ].join(' && ');
    const holder = spawn('unshare', ['--net', '--mount', '--uts', '--propagation', 'private', 'sh', '-c', setup], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const running = new Running(holder);
    await running.printed(/ready\n/);
    return new Machine(name, directory, holder);
  }

  get holderPid(): number {
    return this.#holder.pid ?? -1;
  }

  /** Starts a program; it dies with this process even when that is killed. */
  spawn(
    file: string,
    args: readonly string[] = [],
    options: { env?: Record<string, string>; stdin?: 'pipe' | 'ignore' } = {},
  ): Running {
    const child = spawn('nsenter', this.#enter(file, args), {
      stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    const running = new Running(child);
    this.#running.add(running);
    child.on('exit', () => this.#running.delete(running));
    return running;
  }

  /** Runs a program to its end; a non-zero exit code is a value, not an error. */
  async run(file: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Finished> {
    const begun = performance.now();
    const child = spawn('nsenter', this.#enter(file, args), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      timeout: options.timeoutMs ?? 120_000,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
    const [code] = (await once(child, 'close')) as [number | null];
    return {
      code: code ?? 137,
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
      ms: performance.now() - begun,
    };
  }

  /** Runs a shell script that must succeed; answers its standard output. */
  async sh(script: string, options: RunOptions = {}): Promise<string> {
    const result = await this.run('sh', ['-ec', script], options);
    if (result.code !== 0)
      throw new Error(`${this.name}: "${script}" failed with ${result.code}:\n${result.stdout}${result.stderr}`);
    return result.stdout;
  }

  /** Writes a file inside this machine, also below its own /etc and /run. */
  async write(file: string, text: string): Promise<void> {
    const result = await this.run('sh', ['-c', 'mkdir -p "$(dirname "$1")" && cat > "$1"', 'sh', file], {
      input: text,
    });
    if (result.code !== 0) throw new Error(`${this.name}: cannot write ${file}: ${result.stderr}`);
  }

  async read(file: string): Promise<string> {
    return await this.sh(`cat ${file}`);
  }

  /** DNS, rules and routes as text: equal before and after means nothing was left behind. A link's carrier comes by itself. */
  async networkState(): Promise<string> {
    return await this.sh(
      'stat -c "%N %a %u %g" /etc/resolv.conf; cat /etc/resolv.conf; nft list ruleset; ip rule; ip -6 rule; ip -4 route show table all | sed "s/ linkdown//" | sort; ip -6 route show table all | grep -v fe80 | sed "s/ expires [0-9]*sec//;s/ linkdown//" | sort; ip -o link | sed "s/^[0-9]*: //;s/@.*//;s/:.*//" | sort',
    );
  }

  /** Arguments of nsenter: inside our namespaces, and never outliving the process that started it. */
  #enter(file: string, args: readonly string[]): string[] {
    const into = ['-t', String(this.holderPid), '-n', '-m', '-u', '--'];
    return [...into, 'setpriv', '--pdeathsig', 'KILL', '--', file, ...args];
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop('SIGKILL')));
    if (this.#holder.exitCode !== null) return;
    const exited = once(this.#holder, 'exit');
    this.#holder.stdin?.end();
    await exited;
  }
}

/** Machines and links of one test; `await using` ends them all. */
export class Lab implements AsyncDisposable {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-lab-'));
  readonly #machines: Machine[] = [];
  #links = 0;

  async machine(name: string): Promise<Machine> {
    const machine = await Machine.create(name, path.join(this.directory, name));
    this.#machines.push(machine);
    return machine;
  }

  /** Joins two machines; each end is named `eth0`, `eth1`, ... in the order of its links. Addresses with prefix length. */
  async link(a: Machine, addressA: string, b: Machine, addressB: string): Promise<void> {
    const serial = this.#links++;
    const [nameA, nameB] = [await nextName(a), await nextName(b)];
    await a.sh(
      `ip link add name ${nameA} type veth peer name lab${serial} && ip link set lab${serial} netns ${b.holderPid}`,
    );
    await b.sh(`ip link set lab${serial} name ${nameB}`);
    for (const [machine, name, address] of [
      [a, nameA, addressA],
      [b, nameB, addressB],
    ] as const) {
      await machine.sh(`ip addr add ${address} dev ${name} && ip link set ${name} up`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const machine of this.#machines) await machine.dispose();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

async function nextName(machine: Machine): Promise<string> {
  const links = await machine.sh('ls /sys/class/net 2>/dev/null || ip -o link | sed "s/^[0-9]*: //;s/[:@].*//"');
  for (let i = 0; ; i++) if (!new RegExp(`\\beth${i}\\b`).test(links)) return `eth${i}`;
}

/** Why namespaces cannot be made here, or undefined. Tests fail with it in CI and are skipped with it elsewhere. */
export function labProblem(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'network namespaces need root';
}
