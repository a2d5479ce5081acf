/**
 * What is measured, each on a machine of its own with a link of its own to the server, so that all stand ready at once and can
 * take turns: no engine at all, Mirage, Mirage as built by another checkout, and the peers with their default MTU.
 */
import path from 'node:path';
import type { Lab, Machine } from '../support/lab.ts';
import { Mirage } from '../support/mirage.ts';
import { root } from '../support/source-graph.ts';

export type Way = 'direct' | 'SOCKS5';
/** First address of each way's block on the server; 20,000 follow. The bare path has the first alone. */
export const targets: Readonly<Record<Way, string>> = { direct: '10.99.0.1', SOCKS5: '10.99.128.1' };
const directBlock = '10.99.0.0/17';
const socksPort = 1080;
/**
 * A second SOCKS server (microsocks) for this block alone, where connections are only held: sing-box needs six descriptors for
 * one, and some machines do not let a process have more than 20,000.
 */
export const holding = { target: '10.99.192.1', block: '10.99.192.0/18', port: 1081 };

export interface Engine {
  readonly name: string;
  readonly machine: Machine;
  /** The server's address on this engine's link. */
  readonly server: string;
  readonly ways: readonly Way[];
  /** The process that carries the bytes; undefined for the bare path. */
  readonly pid?: number;
  readonly mirage?: Mirage;
}

export const peerBinary = (name: 'mihomo' | 'sing-box'): string =>
  path.join(root, 'node_modules/.cache/mirage/peers/bin', name);

/** In this order. `before` is another checkout, built, to compare with; `peers` says whether they are to stand beside. */
export async function startEngines(
  lab: Lab,
  server: Machine,
  { before, peers }: { before: string | undefined; peers: boolean },
): Promise<Engine[]> {
  const engines: Engine[] = [];
  const place = async (name: string) => {
    const net = `10.77.${engines.length}`;
    const machine = await lab.machine(name.replaceAll(' ', '-'));
    await lab.link(machine, `${net}.1/24`, server, `${net}.2/24`);
    await machine.sh(`ip route add default via ${net}.2; ip addr add ${net}.9/24 dev eth0`);
    await machine.write('/etc/resolv.conf', `nameserver ${net}.2\n`);
    return { name, machine, server: `${net}.2`, ways: ['direct', 'SOCKS5'] as const };
  };

  engines.push({ ...(await place('bare veth')), ways: ['direct'] });
  for (const [name, checkout] of [
    ['Mirage', root],
    ['before', before],
  ] as const) {
    if (checkout === undefined) continue;
    const engine = await place(name);
    const mirage = new Mirage(engine.machine, checkout);
    await mirage.start();
    await mirage.enhanced(mirageProfile(engine.server));
    engines.push({ ...engine, mirage, pid: mirage.helper.pid });
  }
  for (const name of peers ? (['sing-box', 'mihomo'] as const) : []) {
    const engine = await place(name);
    const directory = engine.machine.directory;
    const [file, text, args] =
      name === 'sing-box'
        ? [`${directory}/config.json`, singBoxConfig(engine.server), ['run', '-c', `${directory}/config.json`]]
        : [`${directory}/config.yaml`, mihomoConfig(engine.server), ['-d', directory]];
    await engine.machine.write(file, text);
    const running = engine.machine.spawn(peerBinary(name), args);
    await engine.machine.sh(
      'for i in $(seq 100); do ip -o link show up | grep -q bench && exit 0; sleep 0.1; done; exit 1',
    );
    engines.push({ ...engine, pid: running.pid });
  }
  return engines;
}

const proxies = (server: string) => `proxies:
  - { name: socks, type: socks5, server: ${server}, port: ${socksPort}, udp: true }
  - { name: holding, type: socks5, server: ${server}, port: ${holding.port} }`;

const mirageProfile = (server: string) => `dns: { enhanced-mode: fake-ip, nameserver: [${server}] }
${proxies(server)}
rules: ['IP-CIDR,${directBlock},DIRECT', 'IP-CIDR,${holding.block},holding', 'MATCH,socks']
`;

const singBoxConfig = (server: string) =>
  JSON.stringify({
    log: { level: 'error' },
    inbounds: [{ type: 'tun', interface_name: 'bench', address: ['172.19.0.1/30'], auto_route: true, stack: 'mixed' }],
    outbounds: [
      { type: 'direct', tag: 'direct' },
      { type: 'socks', tag: 'socks', server, server_port: socksPort },
      { type: 'socks', tag: 'holding', server, server_port: holding.port },
    ],
    route: {
      rules: [
        { ip_cidr: [directBlock], outbound: 'direct' },
        { ip_cidr: [holding.block], outbound: 'holding' },
      ],
      final: 'socks',
      default_interface: 'eth0',
    },
  });

const mihomoConfig = (server: string) => `mode: rule
log-level: error
ipv6: false
interface-name: eth0
tun: { enable: true, device: bench, stack: mixed, auto-route: true, auto-detect-interface: false }
dns: { enable: false }
${proxies(server)}
rules: ['IP-CIDR,${directBlock},DIRECT,no-resolve', 'IP-CIDR,${holding.block},holding,no-resolve', 'MATCH,socks']
`;

/** The SOCKS servers of every engine. The first must not be the limit, so it is the fastest that is to be had. */
export async function startSocksServers(server: Machine): Promise<void> {
  const file = `${server.directory}/socks.json`;
  await server.write(
    file,
    JSON.stringify({
      log: { level: 'error' },
      inbounds: [{ type: 'socks', listen: '0.0.0.0', listen_port: socksPort }],
      outbounds: [{ type: 'direct' }],
    }),
  );
  server.spawn(peerBinary('sing-box'), ['run', '-c', file]);
  server.spawn('microsocks', ['-i', '0.0.0.0', '-p', String(holding.port)]);
  await server.sh(
    `for i in $(seq 100); do ss -ltnH "sport = :${socksPort}" | grep -q . && exit 0; sleep 0.1; done; exit 1`,
  );
}
