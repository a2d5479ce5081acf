/**
 * Measures Mirage beside the bare veth in the same run: the paths are interleaved in every round, results are medians with
 * their spread. Writes test/bench/results/DATE.json and the table in test/bench/README.md. Asserts nothing about time.
 */
import os from 'node:os';
import path from 'node:path';
import type { Snapshot } from '../../core/contract/status.ts';
import { Lab, type Machine } from '../support/lab.ts';
import { Mirage } from '../support/mirage.ts';
import { root } from '../support/source-graph.ts';
import { askers, measureDns, measureMemory, prepareDns } from './dns.ts';
import { connects, requestResponse, throughput } from './measure.ts';
import { writeReport } from './report.ts';

/** Every path ends at the same server; which way it goes is decided by the target address. */
const paths = [
  { name: 'bare veth', target: '10.99.1.1' }, // excluded from the tunnel
  { name: 'Mirage direct', target: '10.99.0.1' },
  { name: 'Mirage SOCKS5', target: '10.99.0.2' },
] as const;

const profile = `tun: { route-exclude-address: [10.99.1.0/24] }
dns: { enhanced-mode: fake-ip, nameserver: [10.77.0.2] }
proxies: [{ name: socks, type: socks5, server: 10.77.0.2, port: 1080 }]
rules: ['IP-CIDR,10.99.0.1/32,DIRECT', 'MATCH,socks']
`;

const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const rounds = option('rounds', 5);
const seconds = option('seconds', 2);
/** `--dns`: that part alone, into a page of its own. */
const onlyDns = process.argv.includes('--dns');

await using lab = new Lab();
const [client, server] = [await lab.machine('client'), await lab.machine('server')];
await prepare(client, server);
const mirage = new Mirage(client);
await mirage.start();
await mirage.enhanced(profile);

const samples = new Map<string, number[]>();
const note = (metric: string, path: string, value: number): void => {
  const key = `${metric}|${path}`;
  samples.set(key, [...(samples.get(key) ?? []), value]);
  process.stderr.write(`   ${path.padEnd(16)} ${metric.padEnd(34)} ${value.toPrecision(4)}\n`);
};

await prepareDns(client);
for (let round = 0; round < rounds; round++) {
  process.stderr.write(`round ${round + 1} of ${rounds}\n`);
  for (const { name, target } of onlyDns ? [] : paths) {
    for (const down of [false, true]) {
      for (const streams of [1, 10])
        note(
          `${down ? 'down' : 'up'} ${streams} stream${streams > 1 ? 's' : ''}, Gbit/s`,
          name,
          await throughput(client, target, { down, streams, seconds }),
        );
    }
    const single = await requestResponse(client, target, { connections: 1, size: 64, seconds });
    note('request/response 1 x 64 B p50, us', name, single.p50);
    note('request/response 1 x 64 B p99, us', name, single.p99);
    const several = await requestResponse(client, target, { connections: 8, size: 1_024, seconds });
    note('request/response 8 x 1 KiB p50, us', name, several.p50);
    for (const parallel of [1, 16]) {
      const result = await connects(client, target, { parallel, seconds });
      note(`connect-exchange-close ${parallel}, /s`, name, result.perSecond);
      if (result.failed > 0) note(`connect-exchange-close ${parallel}, failed`, name, result.failed);
    }
  }
  await measureDns(client, mirage, round, seconds, note);
}
const memory = await measureMemory(client, mirage);
const status = await mirage.json<Snapshot>('status');
writeReport(path.join(root, 'test/bench'), {
  ...(onlyDns ? { part: 'dns' as const } : {}),
  date: new Date().toISOString().slice(0, 10),
  machine: `${os.cpus().length} cores, ${os.cpus()[0]?.model.trim() ?? 'unknown CPU'}, Linux ${os.release()}`,
  command: `npm run bench -- --rounds ${rounds} --seconds ${seconds}${onlyDns ? ' --dns' : ''}`,
  rounds,
  notes: [
    `helper after the rounds: ${memory.before.toFixed(0)} MiB resident; with ${status.fakeIp.used} mappings, from two askers: ${memory.after.toFixed(0)} MiB`,
  ],
  samples,
});

/** One link, a block of target addresses behind it, servers; the client's sysctls as the figures need them. */
async function prepare(client: Machine, server: Machine): Promise<void> {
  await lab.link(client, '10.77.0.1/24', server, '10.77.0.2/24');
  await client.sh(`ip addr add ${askers[1]}/24 dev $(ip -o route get 10.77.0.2 | sed 's/.*dev \\([^ ]*\\).*/\\1/')`);
  await client.sh('ip route add default via 10.77.0.2');
  await client.write('/etc/resolv.conf', 'nameserver 10.77.0.2\n');
  await server.sh('for a in 10.99.0.1 10.99.0.2 10.99.1.1; do ip addr add $a/32 dev lo; done');
  const sysctl =
    'for s in net/ipv4/ip_local_port_range="1024 65000" net/ipv4/tcp_tw_reuse=1 net/core/somaxconn=65535 net/ipv4/tcp_congestion_control=reno; do echo "${s#*=}" > /proc/sys/${s%%=*}; done';
  for (const machine of [client, server]) await machine.sh(sysctl);
  server.spawn('iperf3', ['-s']);
  server.spawn('microsocks', ['-i', '10.77.0.2', '-p', '1080']);
  server.spawn('dnsmasq', [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--no-hosts',
    '--user=root',
    '--pid-file=',
    '--address=/example/10.99.0.9',
    '--listen-address=10.77.0.2',
    '--bind-interfaces',
  ]);
  const echo = server.spawn(process.execPath, [
    '-e',
    `require('net').createServer((s) => { s.setNoDelay(true); s.on('error', () => {}); s.pipe(s); }).listen(7, () => console.log('up'))`,
  ]);
  await echo.printed(/up/);
}
