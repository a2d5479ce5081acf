/**
 * Measures Mirage beside the bare veth and its peers in the same run: all stand ready on machines of their own, and take turns at
 * every single measurement, so that what disturbs one disturbs all. Results are medians with their spread. Writes
 * test/bench/results/DATE.json and the tables in test/bench/README.md. Asserts nothing about time.
 */
import os from 'node:os';
import path from 'node:path';
import type { Snapshot } from '../../core/contract/status.ts';
import { Lab, type Machine } from '../support/lab.ts';
import { root } from '../support/source-graph.ts';
import { measureDns, measureMemory, prepareDns } from './dns.ts';
import { type Engine, holding, startEngines, startSocksServers, targets, type Way } from './engines.ts';
import { cpuSeconds, descriptors, hold, load, loadProgram, resident, throughput } from './measure.ts';
import { Samples, writeReport } from './report.ts';

const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
};
const rounds = Number(option('rounds', '5'));
/** Whole ones: iperf3 reads half a second as no limit. */
const seconds = Math.max(1, Math.round(Number(option('seconds', '2'))));
/** Some machines do not let a process have more than 20,000 descriptors, and most engines need two a connection. */
const idleCount = 9_000;
/** Another checkout, built: measured as "before". */
const before = option('before', '');
/** `--dns`: that part alone, into a page of its own. */
const onlyDns = process.argv.includes('--dns');

await using lab = new Lab();
const server = await lab.machine('server');
await prepare(server);
const engines = await startEngines(lab, server, before === '' ? undefined : path.resolve(before));
await serve(server, engines);
const bare = engines[0];
if (bare === undefined) throw new Error('no engine');
const builds = engines.filter((engine) => engine.mirage !== undefined);

const samples = new Samples();
for (const build of builds) await prepareDns(build);
for (let round = 0; round < rounds; round++) {
  process.stderr.write(`round ${round + 1} of ${rounds}\n`);
  // Who goes first changes, so that no engine always follows the same one.
  const turn = [...engines.slice(round % engines.length), ...engines.slice(0, round % engines.length)];
  if (!onlyDns) for (const way of ['direct', 'SOCKS5'] as const) await measureWay(turn, way);
  const dnsTurn = round % 2 === 0 ? builds : builds.toReversed();
  await measureDns(dnsTurn, bare, round, seconds, (metric, name, value) => samples.note('DNS', metric, name, value));
}
if (!onlyDns) for (const engine of engines) for (const way of engine.ways) await measureHolding(engine, way);
const notes: string[] = [];
for (const build of builds) {
  const { before: first, after } = await measureMemory(build);
  const status = await build.mirage?.json<Snapshot>('status');
  notes.push(
    `${build.name}: ${first.toFixed(0)} MiB resident after the rounds; with ${status?.fakeIp.used} mappings, from two askers: ${after.toFixed(0)} MiB`,
  );
}
writeReport(path.join(root, 'test/bench'), {
  ...(onlyDns ? { part: 'dns' as const } : {}),
  date: new Date().toISOString().slice(0, 10),
  machine: `${os.cpus().length} cores, ${os.cpus()[0]?.model.trim() ?? 'unknown CPU'}, Linux ${os.release()}`,
  command: `npm run bench -- --rounds ${rounds} --seconds ${seconds}${before === '' ? '' : ' --before CHECKOUT'}${onlyDns ? ' --dns' : ''}`,
  rounds,
  notes,
  samples,
});

/** Every measurement of one way, the engines taking turns at each. */
async function measureWay(turn: readonly Engine[], way: Way): Promise<void> {
  const target = targets[way];
  const on = async (measure: (engine: Engine) => Promise<Record<string, number>>) => {
    for (const engine of turn) {
      if (!engine.ways.includes(way)) continue;
      for (const [metric, value] of Object.entries(await measure(engine)))
        samples.note(way, metric, engine.name, value);
    }
  };
  for (const down of [false, true]) {
    for (const streams of [1, 10]) {
      const label = `${down ? 'down' : 'up'} ${streams} stream${streams > 1 ? 's' : ''}`;
      await on(async ({ machine, pid }) => {
        const begun = pid === undefined ? 0 : cpuSeconds(pid);
        const { gigabits, gigabytes } = await throughput(machine, target, { down, streams, seconds });
        return {
          [`${label}, Gbit/s`]: gigabits,
          ...(pid === undefined ? {} : { [`${label}, engine CPU s/GB`]: (cpuSeconds(pid) - begun) / gigabytes }),
        };
      });
    }
  }
  await on(async ({ machine }) => {
    const { p50, p99 } = await load(machine, 'rr', target, 7, seconds, 1, 64);
    return { 'request/response 1 x 64 B p50, us': p50, 'request/response 1 x 64 B p99, us': p99 };
  });
  await on(async ({ machine }) => {
    const { p50 } = await load(machine, 'rr', target, 7, seconds, 8, 1_024);
    return { 'request/response 8 x 1 KiB p50, us': p50 };
  });
  for (const parallel of [1, 16]) {
    await on(async ({ machine }) => {
      const { perSecond, failed } = await load(machine, 'crr', target, 7, seconds, parallel, 200);
      const metric = `connect-exchange-close ${parallel}`;
      return { [`${metric}, /s`]: perSecond, ...(failed > 0 ? { [`${metric}, failed`]: failed } : {}) };
    });
  }
  await on(async ({ machine }) => {
    const { p50, p99 } = await load(machine, 'udp', target, 7, seconds, 1, 64);
    return { 'UDP echo 64 B p50, us': p50, 'UDP echo 64 B p99, us': p99 };
  });
  await on(async ({ machine }) => {
    const { perSecond, failed } = await load(machine, 'udp', target, 7, seconds, 64, 1_200);
    return {
      'UDP echo 1,200 B, 64 outstanding, datagrams/s': perSecond,
      'UDP echo 1,200 B, 64 outstanding, lost': failed,
    };
  });
}

/** What open connections cost the engine, and one client port to many targets. Once, after the rounds. */
async function measureHolding(engine: Engine, way: Way): Promise<void> {
  const note = (metric: string, value: number) => samples.note(way, metric, engine.name, value);
  const { machine, pid } = engine;
  const cost = () => (pid === undefined ? { memory: 0, files: 0 } : { memory: resident(pid), files: descriptors(pid) });
  const target = way === 'direct' ? targets.direct : holding.target;
  const held = `${idleCount.toLocaleString('en')} idle connections`;
  const first = cost();
  const idle = await hold(machine, 'idle', target, 7, idleCount, 200);
  const full = cost();
  note(`${held}, opened in s`, idle.seconds);
  note(`${held}, alive at the end`, await idle.release());
  if (pid !== undefined) {
    note(`${held}, KiB each`, ((full.memory - first.memory) * 1024) / Math.max(1, idle.open));
    note(`${held}, descriptors each`, (full.files - first.files) / Math.max(1, idle.open));
  }
  const ports = await hold(machine, 'ports', target, 7, 1_000);
  note('one client port to 1,000 targets, alive', await ports.release());
  note('one client port to 1,000 targets, s', ports.seconds);
}

/** Two blocks of target addresses that are all the server's, and the sysctls that the figures need. */
async function prepare(server: Machine): Promise<void> {
  await server.sh('ip route add local 10.99.0.0/16 dev lo; ip addr add 10.99.0.1/32 dev lo');
  await startSocksServers(server);
}

/** On every machine, when their links are there. */
async function serve(server: Machine, engines: readonly Engine[]): Promise<void> {
  const sysctl =
    'for s in net/ipv4/ip_local_port_range="1024 65000" net/ipv4/tcp_tw_reuse=1 net/core/somaxconn=65535 net/ipv4/tcp_congestion_control=reno; do echo "${s#*=}" > /proc/sys/${s%%=*}; done';
  for (const machine of [server, ...engines.map((engine) => engine.machine)]) await machine.sh(sysctl);
  server.spawn('iperf3', ['-s']);
  server.spawn('dnsmasq', [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--no-hosts',
    '--user=root',
    '--pid-file=',
    '--address=/example/10.99.0.9',
    ...engines.map((engine) => `--listen-address=${engine.server}`),
    '--bind-interfaces',
  ]);
  await server.spawn(loadProgram, ['serve', '7']).printed(/up/);
}
