/** Single measurements, each on a path that is a target address, and what a process has cost so far. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from '../support/lab.ts';
import { root } from '../support/source-graph.ts';

/** Built by `npm run bench`. */
export const loadProgram = path.join(root, 'node_modules/.cache/mirage/bench-load');

interface Iperf3Report {
  error?: string;
  end?: { sum_received?: { bits_per_second: number; bytes: number } };
}

/** What the receiver saw: Gbit/s, and the bytes in GB. */
export async function throughput(
  client: Machine,
  target: string,
  options: { down: boolean; streams: number; seconds: number },
): Promise<{ gigabits: number; gigabytes: number }> {
  const args = [
    '-c',
    target,
    '-t',
    String(options.seconds),
    '-J',
    '-P',
    String(options.streams),
    ...(options.down ? ['-R'] : []),
  ];
  // Through a proxy the last test's connections may end after its client: the server takes one test at a time.
  for (let tries = 0; ; tries++) {
    const result = await client.run('iperf3', args, { timeoutMs: options.seconds * 1_000 + 20_000 });
    const report = JSON.parse(result.stdout) as Iperf3Report;
    const received = report.end?.sum_received;
    if (received !== undefined) return { gigabits: received.bits_per_second / 1e9, gigabytes: received.bytes / 1e9 };
    if (tries === 40 || !/busy|refused/.test(report.error ?? ''))
      throw new Error(`iperf3 to ${target}: ${report.error ?? result.stderr}`);
    await sleep(250);
  }
}

/** What `load.c` tells: per second, and microseconds. */
export interface Load {
  perSecond: number;
  p50: number;
  p99: number;
  count: number;
  failed: number;
}

/** One mode of the load generator (test/bench/load.c, which names their arguments). */
export async function load(client: Machine, mode: 'rr' | 'crr' | 'udp', ...args: (string | number)[]): Promise<Load> {
  const result = await client.run(loadProgram, [mode, ...args.map(String)], { timeoutMs: 60_000 });
  if (result.code !== 0) throw new Error(`load ${mode} ${args.join(' ')}: ${result.stderr}`);
  return JSON.parse(result.stdout) as Load;
}

/** Connections that are held open until `release`, which returns how many of them still carry bytes. */
export interface Held {
  open: number;
  failed: number;
  seconds: number;
  release(): Promise<number>;
}

export async function hold(client: Machine, mode: 'idle' | 'ports', ...args: (string | number)[]): Promise<Held> {
  const running = client.spawn(loadProgram, [mode, ...args.map(String)], { stdin: 'pipe' });
  const [line] = await running.printed(/\{"open".*\}/, 60_000);
  return {
    ...(JSON.parse(line) as { open: number; failed: number; seconds: number }),
    release: async () => {
      running.process.stdin?.end();
      const [, alive] = await running.printed(/"alive":(\d+)/, 60_000);
      return Number(alive);
    },
  };
}

/** Questions answered a second by dnsperf, 64 outstanding. `source` is the address it asks from. */
export async function dnsAnswers(
  client: Machine,
  server: string,
  options: { names: readonly string[]; seconds: number; once?: boolean; source?: string | undefined },
): Promise<{ perSecond: number; answers: number; lost: number }> {
  const file = `${client.directory}/names-${options.names.length}`;
  await client.write(file, options.names.map((name) => `${name} A\n`).join(''));
  const from = options.source === undefined ? [] : ['-a', options.source];
  const limit = options.once ? ['-n', '1'] : ['-l', String(options.seconds)];
  const result = await client.run(
    'dnsperf',
    ['-s', server, '-d', file, '-q', '64', '-c', '4', '-t', '2', ...limit, ...from],
    {
      timeoutMs: 60_000,
    },
  );
  const perSecond = Number(/Queries per second:\s+([\d.]+)/.exec(result.stdout)?.[1]);
  const answers = Number(/Queries completed:\s+(\d+)/.exec(result.stdout)?.[1]);
  const lost = Number(/Queries lost:\s+(\d+)/.exec(result.stdout)?.[1]);
  if (!(perSecond > 0)) throw new Error(`dnsperf: ${result.stdout}${result.stderr}`);
  return { perSecond, answers, lost };
}

/** Milliseconds until the answer with 64 questions outstanding: median and 99th percentile of at most 100,000. */
export async function dnsLatency(
  client: Machine,
  server: string,
  names: readonly string[],
): Promise<{ p50: number; p99: number }> {
  const file = `${client.directory}/latency-names`;
  await client.write(file, names.map((name) => `${name} A\n`).join(''));
  const loops = Math.max(1, Math.floor(50_000 / names.length));
  const percentiles =
    "awk '/^> /{print $NF}' | sort -g | awk '{v[NR]=$1} END {print v[int((NR+1)/2)], v[int(NR*0.99)]}'";
  const result = await client.sh(
    `dnsperf -v -s ${server} -d ${file} -q 64 -c 1 -n ${loops} 2>/dev/null | ${percentiles}`,
  );
  const [p50 = Number.NaN, p99 = Number.NaN] = result
    .trim()
    .split(' ')
    .map((seconds) => Number(seconds) * 1_000);
  if (!(p50 > 0)) throw new Error(`dnsperf -v: ${result}`);
  return { p50, p99 };
}

/** User and system time of all threads of a process so far, in seconds (Documentation/scheduler/sched-stats.rst: to the ns). */
export function cpuSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of fs.readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(fs.readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  return nanoseconds / 1e9;
}

/** MiB. */
export function resident(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

export function descriptors(pid: number): number {
  return fs.readdirSync(`/proc/${pid}/fd`).length;
}
