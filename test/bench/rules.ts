/** What the rules cost: a long list of every sort, and connections half of which some rule names. No namespace, no peer. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { RuleConfig } from '../../core/contract/config.ts';
import type { RuleType } from '../../core/contract/rule-types.ts';
import type { Metadata } from '../../core/flow/metadata.ts';
import { RuleEngine } from '../../core/rule/rule-engine.ts';

const names = 100_000;
const prefixes = 20_000;
/** Programs and logic. */
const others = 5_000;
const connections = 4_000;

/** Figures by their names, microseconds where nothing else is said. */
export function measureRules(): Record<string, number> {
  const random = numbers();
  const before = heap();
  const rules = longList(random);
  const begun = performance.now();
  const engine = new RuleEngine(rules);
  const builtMs = performance.now() - begun;
  const mebibytes = (heap() - before) / 2 ** 20;
  const flows = Array.from({ length: connections }, (_, i) => flow(i, random));
  const nobody = () => Promise.resolve(undefined);
  const match = times(flows, 40, (one) => void engine.match(one, nobody));
  const name = times(flows, 10, (one) => void engine.byName(one.destination.host));
  const program = times(flows, 10, (one) => void engine.needsProcess(one));
  return {
    'match, median': match(0.5),
    'match, p99': match(0.99),
    'what is told of a name, median': name(0.5),
    'what is told of a name, p99': name(0.99),
    'whether the program matters, median': program(0.5),
    'whether the program matters, p99': program(0.99),
    'built, ms': builtMs,
    'list and tables, MiB': mebibytes,
  };
}

/** Of the last tenth of the rounds, by quantile. */
function times(
  flows: readonly Metadata[],
  rounds: number,
  work: (flow: Metadata) => void,
): (quantile: number) => number {
  for (let round = 1; round < rounds; round++) for (const one of flows) work(one);
  const taken = flows.map((one) => {
    const begun = process.hrtime.bigint();
    work(one);
    return Number(process.hrtime.bigint() - begun) / 1000;
  });
  taken.sort((a, b) => a - b);
  return (quantile) => taken[Math.floor(taken.length * quantile)] ?? 0;
}

function longList(random: () => number): RuleConfig[] {
  const rules: RuleConfig[] = [];
  const add = (type: RuleType, payload: string, noResolve = false): void => {
    rules.push({ type, payload, policy: `p${rules.length % 20}`, noResolve });
  };
  for (let i = 0; i < others; i++) {
    if (i % 3 === 0) add('PROCESS-NAME', `program${i}`);
    else if (i % 3 === 1) add('AND', `((DOMAIN-SUFFIX,l${i}.example.net),(NETWORK,udp))`);
    else add('AND', `((PROCESS-NAME,other${i}),(DST-PORT,443))`);
  }
  for (let i = 0; i < names; i++)
    add(i % 5 === 0 ? 'DOMAIN' : 'DOMAIN-SUFFIX', `n${i}.d${i % 977}.example${i % 13}.com`);
  for (let i = 0; i < prefixes; i++) add('IP-CIDR', `${address(random)}/${16 + Math.floor(random() * 9)}`, true);
  add('MATCH', '');
  return rules;
}

function flow(i: number, random: () => number): Metadata {
  const k = Math.floor(random() * names);
  const hosts = [
    `www.n${k}.d${k % 977}.example${k % 13}.com`,
    `cdn${k}.o${k % 700}.example.org`,
    `x.l${k % others}.example.net`,
  ];
  const host = hosts[i % 4] ?? address(random);
  return {
    network: i % 3 === 0 ? 'udp' : 'tcp',
    inbound: 'tun',
    source: { host: '198.18.0.1', port: 4000 + i },
    destination: { host, port: 443 },
    originalDestination: { host, port: 443 },
    process: { pid: 1, uid: 1000, name: 'firefox', path: '/usr/lib/firefox/firefox' },
  };
}

function address(random: () => number): string {
  const part = (most: number): number => Math.floor(random() * most);
  return `${1 + part(222)}.${part(256)}.${part(256)}.0`;
}

/** The same ones each time. */
function numbers(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state / 0x8000_0000;
  };
}

/** Bytes in use, after what nobody uses is gone. */
function heap(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
