/** One profile, given to mihomo and to us: which rule takes each of many connections. */

import { AppError } from '../../core/base/app-error.ts';
import type { Config } from '../../core/contract/config.ts';
import type { Door, Metadata } from '../../core/flow/metadata.ts';
import { loadProfile } from '../../core/profile/profile-loader.ts';
import { RuleEngine } from '../../core/rule/rule-engine.ts';
import { noSets, type RuleSet, type RuleSets } from '../../core/rule/rule-set.ts';
import { decide } from '../../core/tunnel/policy.ts';
import { type Client, programClient, tcpClient, udpClient } from './clients.ts';
import { type Decided, Mihomo } from './mihomo.ts';
import { type AddressesOf, ProxyGround } from './proxy-ground.ts';

export interface Connection {
  readonly network: 'tcp' | 'udp';
  /** How it is asked for; UDP comes by SOCKS5. */
  readonly type: Door['type'];
  readonly host: string;
  readonly port: number;
  /** A copy of curl that connects in place of this process. */
  readonly program?: string;
}

export interface Compared {
  readonly connection: Connection;
  readonly theirs: string;
  readonly ours: string;
  /** Rule and payload in mihomo's words. */
  readonly rule: string;
}

export interface Written {
  readonly rules: readonly string[];
  readonly subRules?: Readonly<Record<string, readonly string[]>>;
  /** Further keys of the profile, as YAML. */
  readonly more?: string;
  /** Names of proxies beside those that rules name; the second list carries no UDP. */
  readonly proxies: readonly string[];
  readonly withoutUdp?: readonly string[];
}

/** Connections at a time. */
const atOnce = 24;

export function compare(
  written: Written,
  connections: readonly Connection[],
  addressesOf: AddressesOf,
  sets: RuleSets = noSets,
): Promise<Compared[]> {
  const withoutUdp = new Set(written.withoutUdp);
  const leafOf = (policy: string): Leaf => ({ name: policy, carriesUdp: !withoutUdp.has(policy) });
  return compareProfile(
    (ports) => profileOf(written, ports),
    connections,
    addressesOf,
    () => ({ leafOf, sets }),
  );
}

/** Where a policy leads, through groups; `name` is what mihomo's log calls that. */
export interface Leaf {
  readonly name: string;
  readonly carriesUdp: boolean;
  readonly passes?: boolean;
}

/** Where mihomo's things are. */
export interface Ports {
  readonly mixed: number;
  /** A SOCKS5 server that grants everything. */
  readonly proxy: number;
  readonly names: number;
}

/** The same for a whole profile; `ours` says what its configuration leads to. */
export async function compareProfile(
  profile: (ports: Ports) => string,
  connections: readonly Connection[],
  addressesOf: AddressesOf,
  ours: (config: Config) => { readonly leafOf: (policy: string) => Leaf; readonly sets: RuleSets },
): Promise<Compared[]> {
  const ground = new ProxyGround(addressesOf);
  const { proxy, names } = await ground.start();
  const mihomo = new Mihomo();
  const open: Client[] = [];
  try {
    const port = await mihomo.start((mixed) => profile({ mixed, proxy, names }));
    const { config, problems } = loadProfile(profile({ mixed: port, proxy, names }));
    if (config === undefined) throw new Error(JSON.stringify(problems));
    const { leafOf, sets } = ours(config);
    const engine = new RuleEngine(config.rules, { subRules: config.subRules, sets });
    const compared: Compared[] = [];
    const waiting = [...connections];
    const work = async (): Promise<void> => {
      for (let connection = waiting.shift(); connection !== undefined; connection = waiting.shift()) {
        const { client, decided } = await ask(mihomo, port, connection, open);
        const { chain, rule } = decided ?? { chain: 'nothing said', rule: '' };
        const led = await leafFor(engine, leafOf, metadataOf(connection, client.port, port), addressesOf);
        compared.push({ connection, theirs: chain, ours: led, rule });
      }
    };
    // To find the program of one of them, it looks through all processes of the machine.
    const some = connections.some(({ program }) => program !== undefined) ? 2 : atOnce;
    await Promise.all(Array.from({ length: some }, work));
    return compared;
  } finally {
    for (const client of open) client.close();
    mihomo.stop();
    ground.stop();
  }
}

/** Connects, again if nothing is said of it: a datagram may be lost on a busy machine. */
async function ask(
  mihomo: Mihomo,
  mixed: number,
  { network, type, host, port, program }: Connection,
  open: Client[],
): Promise<{ client: Client; decided: Decided | undefined }> {
  const to = { host, port };
  const most = program === undefined ? 5 : 50;
  for (let tries = 1; ; tries++) {
    const client =
      program !== undefined
        ? await programClient(mixed, program, to)
        : network === 'udp'
          ? await udpClient(mixed, to)
          : await tcpClient(mixed, type, to);
    const decided = await mihomo.decision(network === 'udp' ? 'UDP' : 'TCP', client.port);
    // Datagrams from a port that was used before belong to the same flow.
    if (network === 'udp') open.push(client);
    else client.close();
    // It does not always find the program in time.
    const isFound = program === undefined || (decided !== undefined && program.endsWith(`/${decided.program}`));
    if ((decided !== undefined && isFound) || tries === most) return { client, decided };
  }
}

/** A difference as one line: what connects where, and which rule takes it there and here. */
export function differenceOf({ connection, theirs, ours }: Compared, { rules, subRules = {} }: Written): string {
  const lines = [rules, ...Object.values(subRules)].flat();
  const lineOf = (policy: string): string => lines.find((line) => line.split(',').includes(policy)) ?? policy;
  const { network, type, host, port } = connection;
  return `${network} ${type} ${host} ${port}: theirs ${lineOf(theirs)} | ours ${lineOf(ours)}`;
}

function profileOf({ rules, subRules = {}, more = '', proxies, withoutUdp = [] }: Written, ports: Ports): string {
  const node = (name: string, udp: boolean): string =>
    `  - {name: "${name}", type: socks5, server: 127.0.0.1, port: ${ports.proxy}, udp: ${udp}}\n`;
  const list = (lines: readonly string[], indent: string): string =>
    lines.length === 0 ? ' []\n' : `\n${lines.map((line) => `${indent}- '${line.replaceAll("'", "''")}'\n`).join('')}`;
  const lists = Object.entries(subRules).map(([name, lines]) => `  ${name}:${list(lines, '    ')}`);
  return `mixed-port: ${ports.mixed}
mode: rule
log-level: info
ipv6: true
find-process-mode: strict
dns: {enable: true, ipv6: true, use-system-hosts: false, nameserver: ["udp://127.0.0.1:${ports.names}"], listen: ""}
${more}
proxies:
${proxies.map((name) => node(name, true)).join('')}${withoutUdp.map((name) => node(name, false)).join('')}
${lists.length === 0 ? '' : `sub-rules:\n${lists.join('')}`}
rules:${list(rules, '  ')}`;
}

function metadataOf({ network, type, host, port, program }: Connection, own: number, mixed: number): Metadata {
  const destination = { host, port };
  const path = program ?? process.execPath;
  const name = path.slice(path.lastIndexOf('/') + 1);
  return {
    network,
    inbound: 'mixed',
    source: { host: '127.0.0.1', port: own },
    destination,
    originalDestination: destination,
    process: { pid: process.pid, uid: process.getuid?.() ?? 0, name, path },
    door: { type: network === 'udp' ? 'SOCKS5' : type, port: mixed, user: '' },
  };
}

/** Where our dispatcher would lead it; `DIRECT` for UDP that nothing takes, which mihomo sends there, and we refuse. */
async function leafFor(
  rules: RuleEngine,
  leafOf: (policy: string) => Leaf,
  metadata: Metadata,
  addressesOf: AddressesOf,
): Promise<string> {
  const policies = {
    dialFailed: () => undefined,
    route: (tag: string) => {
      const { carriesUdp, passes } = leafOf(tag);
      const isPassing = tag === 'PASS' || tag === 'PASS-RULE' || passes === true;
      const outbound = { tag, carriesUdp, ...(isPassing ? { passes: true as const } : {}) };
      return { outbound, chain: [tag] } as unknown as ReturnType<Parameters<typeof decide>[0]['policies']['route']>;
    },
  };
  const ownServers = { all: () => [], isProxyBehind: () => false };
  const flow = { metadata, withProcess: () => Promise.resolve(metadata) };
  try {
    const decision = await decide({ rules, policies, ownServers }, flow, async (name) => addressesOf(name)[0]);
    return leafOf(decision.rule.policy).name;
  } catch (error) {
    if (error instanceof AppError && error.code === 'DIAL_REJECTED') return 'DIRECT';
    throw error;
  }
}

/** Sets that are made when they are first asked for. */
export function lazySets(setOf: (name: string) => RuleSet | undefined): RuleSets {
  const made = new Map<string, RuleSet | undefined>();
  return {
    get(name) {
      if (!made.has(name)) made.set(name, setOf(name));
      return made.get(name);
    },
    trouble: () => 'NOT_LISTED',
  };
}
