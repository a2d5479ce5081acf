/**
 * Measures Mirage beside the bare veth and its peers in the same run: all stand ready on machines of their own, and take turns at
 * every single measurement, so that what disturbs one disturbs all. Results are medians with their spread. Writes
 * test/bench/results/DATE.json and the tables in test/bench/README.md. Asserts nothing about time.
 */
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Snapshot } from '../../core/contract/status.ts';
import { Lab, type Machine } from '../support/lab.ts';
import { root } from '../support/source-graph.ts';
import { measureDns, measureMemory, prepareDns } from './dns.ts';
import { type Engine, holding, startEngines, startSocksServers, targets, type Way } from './engines.ts';
import { cpuSeconds, descriptors, hold, load, loadProgram, resident, throughput } from './measure.ts';
import { measureProviders } from './providers.ts';
import { Samples, tablesOf, writeReport } from './report.ts';
import { measureRules } from './rules.ts';

const usage = `Usage: sudo npm run bench -- [options]

Measures Mirage, sing-box and mihomo in namespaces of this machine, in turns, and writes test/bench/README.md.

  --rounds N        how often each measurement is made (5)
  --seconds N       how long each is, in whole seconds (2): iperf3 reads half a second as no limit
  --before DIR      another checkout, built: measured as "before", and compared with
  --dns             DNS alone, into test/bench/dns.md
  --rules           what the rules cost, alone; printed
  --providers       what providers and groups cost, likewise
  --only WORDS      only measurements whose label has these words ("up 1 stream", "connect", "UDP"), of Mirage's builds
                    alone; printed, not written down. For a change and the revision before it: CPU per piece of work
                    survives a machine that others use as well, and many short rounds do better than a few long ones.
  --peers           with --only: the bare path and the peers as well
  --help            this text
`;
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    before: { type: 'string' },
    dns: { type: 'boolean', default: false },
    rules: { type: 'boolean', default: false },
    providers: { type: 'boolean', default: false },
    only: { type: 'string' },
    peers: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(usage);
  process.exit();
}
if (options.rules || options.providers) {
  const figures = { ...(options.rules ? measureRules() : {}), ...(options.providers ? measureProviders() : {}) };
  for (const [name, value] of Object.entries(figures)) process.stdout.write(`${name}: ${value.toFixed(2)}\n`);
  process.exit();
}
const rounds = Number(options.rounds);
const seconds = Math.max(1, Math.round(Number(options.seconds)));
/** Some machines do not let a process have more than 20,000 descriptors, and most engines need two a connection. */
const idleCount = 9_000;
/** What an engine's CPU time is divided by, in seconds and pieces of work. */
const units = { 'CPU s/GB': 1, 'CPU us/exchange': 1e-6, 'CPU us/connection': 1e-6, 'CPU us/datagram': 1e-6 } as const;
const isWhole = options.only === undefined;
const isWanted = (label: string) => options.only === undefined || label.includes(options.only);

await using lab = new Lab();
const server = await lab.machine('server');
await prepare(server);
const engines = await startEngines(lab, server, {
  before: options.before === undefined ? undefined : path.resolve(options.before),
  peers: isWhole ? !options.dns : options.peers,
});
await serve(server, engines);
const bare = engines[0];
if (bare === undefined) throw new Error('no engine');
const builds = engines.filter((engine) => engine.mirage !== undefined);
const present = isWhole || options.peers ? engines : builds;

const samples = new Samples();
if (isWhole) for (const build of builds) await prepareDns(build);
for (let round = 0; round < rounds; round++) {
  process.stderr.write(`round ${round + 1} of ${rounds}\n`);
  // Who goes first changes, so that no engine always follows the same one.
  const first = round % present.length;
  const turn = [...present.slice(first), ...present.slice(0, first)];
  if (!options.dns) for (const way of ['direct', 'SOCKS5'] as const) await measureWay(turn, way);
  if (!isWhole) continue;
  const dnsTurn = round % 2 === 0 ? builds : builds.toReversed();
  await measureDns(dnsTurn, bare, round, seconds, (metric, name, value) => samples.note('DNS', metric, name, value));
}
if (!options.dns && isWanted('idle connections')) {
  for (const engine of present) for (const way of engine.ways) await measureHolding(engine, way);
}
if (isWhole) await finish();
else process.stdout.write(`\n${tablesOf(samples)}\n`);

/** What is measured once, after the rounds, and the report. */
async function finish(): Promise<void> {
  const notes: string[] = [];
  for (const build of builds) {
    const { before: first, after } = await measureMemory(build);
    const status = await build.mirage?.json<Snapshot>('status');
    notes.push(
      `${build.name}: ${first.toFixed(0)} MiB resident after the rounds; with ${status?.fakeIp.used} mappings, from two askers: ${after.toFixed(0)} MiB`,
    );
  }
  writeReport(path.join(root, 'test/bench'), {
    ...(options.dns ? { part: 'dns' as const } : {}),
    date: new Date().toISOString().slice(0, 10),
    machine: `${os.cpus().length} cores, ${os.cpus()[0]?.model.trim() ?? 'unknown CPU'}, Linux ${os.release()}`,
    command: `npm run bench -- --rounds ${rounds} --seconds ${seconds}${options.before === undefined ? '' : ' --before CHECKOUT'}${options.dns ? ' --dns' : ''}`,
    rounds,
    notes,
    samples,
  });
}

/** One measurement: figures by metric, and how much work it was, for what a piece of it costs the engine. */
interface Measurement {
  figures: Record<string, number>;
  work: number;
}

/** Every measurement of one way, the engines taking turns at each. */
async function measureWay(turn: readonly Engine[], way: Way): Promise<void> {
  const target = targets[way];
  const on = async (label: string, unit: keyof typeof units, measure: (client: Machine) => Promise<Measurement>) => {
    if (!isWanted(label)) return;
    for (const { name, machine, pid, ways } of turn) {
      if (!ways.includes(way)) continue;
      const begun = pid === undefined ? 0 : cpuSeconds(pid);
      const { figures, work } = await measure(machine);
      if (pid !== undefined) figures[`${label}, engine ${unit}`] = (cpuSeconds(pid) - begun) / work / units[unit];
      for (const [metric, value] of Object.entries(figures)) samples.note(way, metric, name, value);
    }
  };
  for (const down of [false, true]) {
    for (const streams of [1, 10]) {
      const label = `${down ? 'down' : 'up'} ${streams} stream${streams > 1 ? 's' : ''}`;
      await on(label, 'CPU s/GB', async (client) => {
        const { gigabits, gigabytes } = await throughput(client, target, { down, streams, seconds });
        return { figures: { [`${label}, Gbit/s`]: gigabits }, work: gigabytes };
      });
    }
  }
  for (const [label, parallel, size, tells99] of [
    ['request/response 1 x 64 B', 1, 64, true],
    ['request/response 8 x 1 KiB', 8, 1_024, false],
  ] as const) {
    await on(label, 'CPU us/exchange', async (client) => {
      const { p50, p99, count } = await load(client, 'rr', target, 7, seconds, parallel, size);
      return {
        figures: { [`${label} p50, us`]: p50, ...(tells99 ? { [`${label} p99, us`]: p99 } : {}) },
        work: count,
      };
    });
  }
  for (const parallel of [1, 16]) {
    const label = `connect-exchange-close ${parallel}`;
    await on(label, 'CPU us/connection', async (client) => {
      const { perSecond, failed, count } = await load(client, 'crr', target, 7, seconds, parallel, 200);
      return {
        figures: { [`${label}, /s`]: perSecond, ...(failed > 0 ? { [`${label}, failed`]: failed } : {}) },
        work: count,
      };
    });
  }
  await on('UDP echo 64 B', 'CPU us/datagram', async (client) => {
    const { p50, p99, count } = await load(client, 'udp', target, 7, seconds, 1, 64);
    return { figures: { 'UDP echo 64 B p50, us': p50, 'UDP echo 64 B p99, us': p99 }, work: count };
  });
  const outstanding = 'UDP echo 1,200 B, 64 outstanding';
  await on(outstanding, 'CPU us/datagram', async (client) => {
    const { perSecond, failed, count } = await load(client, 'udp', target, 7, seconds, 64, 1_200);
    return { figures: { [`${outstanding}, datagrams/s`]: perSecond, [`${outstanding}, lost`]: failed }, work: count };
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
  // It ends by itself after some errors of a client, and with the shell that starts it again.
  server.spawn('sh', ['-c', 'while :; do setpriv --pdeathsig KILL iperf3 -s; sleep 0.1; done']);
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
