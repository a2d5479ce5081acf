/**
 * A person's profile with its ends on loopback: each node is a SOCKS5 proxy of the same name, providers have entries of their own,
 * groups that choose by tests have their first member. Rules, members and filters stay as they are.
 */
import { parse } from 'yaml';
import { type Config, groupTypes } from '../../core/contract/config.ts';
import { isSetRuleType, type SetBehavior, setBehaviors, setNameOf } from '../../core/contract/sets.ts';
import { parseRule, rulesWithin } from '../../core/rule/rule-parser.ts';
import type { Leaf, Ports } from './compare.ts';
import type { Entries, GeoSets } from './geo-sets.ts';

type Keys = Readonly<Record<string, unknown>>;

/** Built-in policies that would leave the machine, and nodes in their place. */
const standIns: Readonly<Record<string, string>> = {
  DIRECT: '(direct)',
  COMPATIBLE: '(direct)',
  REJECT: '(reject)',
  'REJECT-DROP': '(drop)',
};
const kept: readonly string[] = ['PASS'];

export interface GroundedProfile {
  readonly rules: readonly string[];
  readonly entries: Entries;
  text(ports: Ports): string;
}

/** Rules of sets that geodata does not have are left out: mihomo refuses the profile for them. */
export function groundedProfile(text: string, geo: GeoSets): GroundedProfile {
  const root = asKeys(
    parse(text.replace(/^\ufeff/, ''), { merge: true, strict: false, uniqueKeys: false, maxAliasCount: -1 }),
  );
  const take = (...keys: string[]): unknown => keys.map((key) => root[key]).find((value) => value !== undefined);
  const nodes = new Map<string, boolean>(Object.values(standIns).map((name) => [name, true]));
  for (const node of asList(take('proxies', 'Proxy'))) {
    const { name, udp } = asKeys(node);
    if (typeof name === 'string' && name !== '' && standIns[name] === undefined && !nodes.has(name))
      nodes.set(name, udp === true);
  }
  const providers = Object.keys(asKeys(take('proxy-providers')));
  const sets = entriesOf(asKeys(take('rule-providers')));
  const written = asList(take('proxy-groups', 'Proxy Group')).map(asKeys);
  const names = new Set([...nodes.keys(), ...kept, ...written.map(({ name }) => String(name))]);
  const groups = written
    .filter(({ name }, i) => !nodes.has(String(name)) && written.findIndex((other) => other['name'] === name) === i)
    .map((group) => groundedGroup(group, names, new Set(providers)));
  const lists = Object.entries(asKeys(take('sub-rules')));
  const beside = geo.beside(sets);
  const isThere = (name: string): boolean => /^geoip:!?(?:lan|private)$/.test(name) || beside.setOf(name) !== undefined;
  const usable = (line: unknown): string[] => groundedRule(line, names, new Set(lists.map(([name]) => name)), isThere);
  // What no rule takes goes DIRECT in mihomo, which would leave the machine.
  const rules = [...asList(take('rules', 'Rule')).flatMap(usable), 'MATCH,(direct)'];
  const subRules = Object.fromEntries(lists.map(([name, list]) => [name, asList(list).flatMap(usable)]));
  return {
    rules: [rules, ...Object.values(subRules)].flat(),
    entries: sets,
    text: ({ mixed, proxy, names: server }) => {
      const node = (name: string, udp: boolean): Keys => ({
        name,
        type: 'socks5',
        server: '127.0.0.1',
        port: proxy,
        udp,
      });
      const provided = (name: string): Keys => ({
        type: 'inline',
        payload: ['HK 香港 01', 'US 美国 02', 'JP 日本 03'].map((place) => node(`${name} ${place}`, true)),
      });
      return JSON.stringify({
        'mixed-port': mixed,
        mode: 'rule',
        'log-level': 'info',
        ipv6: true,
        'find-process-mode': 'strict',
        dns: {
          enable: true,
          ipv6: true,
          'use-system-hosts': false,
          nameserver: [`udp://127.0.0.1:${server}`],
          listen: '',
        },
        proxies: Array.from(nodes, ([name, udp]) => node(name, udp)),
        'proxy-providers': Object.fromEntries(providers.map((name) => [name, provided(name)])),
        'proxy-groups': groups,
        'rule-providers': Object.fromEntries(
          Object.entries(sets).map(([name, [behavior, ...payload]]) => [name, { type: 'inline', behavior, payload }]),
        ),
        'sub-rules': subRules,
        rules,
      });
    },
  };
}

/** Where policies of a grounded profile lead: each group to its first member. */
export function leavesOf({ groups, proxies }: Config): (policy: string) => Leaf {
  const members = new Map(groups.map((group) => [group.name, group.members[0]]));
  const nodes = new Map(proxies.map((proxy) => [proxy.name, 'udp' in proxy && proxy.udp]));
  return (policy) => {
    let leaf: string | undefined = policy;
    while (leaf !== undefined && members.has(leaf)) leaf = members.get(leaf);
    // What mihomo puts where there is nothing; here such a group refuses.
    const shown = leaf ?? 'COMPATIBLE';
    return {
      name: shown === policy ? policy : `${policy}[${shown}]`,
      carriesUdp: nodes.get(shown) ?? true,
      passes: shown === 'PASS',
    };
  };
}

function groundedGroup(group: Keys, names: ReadonlySet<string>, providers: ReadonlySet<string>): Keys {
  const chosen = [
    'filter',
    'exclude-filter',
    'exclude-type',
    'include-all',
    'include-all-proxies',
    'include-all-providers',
  ];
  const keys = Object.fromEntries(chosen.flatMap((key) => (group[key] === undefined ? [] : [[key, group[key]]])));
  const proxies = asList(group['proxies']).map((name) => standIns[String(name)] ?? String(name));
  const use = asList(group['use']).map(String);
  const known = {
    proxies: proxies.filter((name) => names.has(name) && name !== group['name']),
    use: use.filter((name) => providers.has(name)),
  };
  const isEmpty =
    known.proxies.length + known.use.length === 0 && Object.keys(keys).every((key) => !key.startsWith('include'));
  const type = groupTypes.includes('select') ? 'select' : '';
  return { ...keys, name: group['name'], type, ...known, ...(isEmpty ? { proxies: ['(reject)'] } : {}) };
}

function groundedRule(
  line: unknown,
  names: ReadonlySet<string>,
  lists: ReadonlySet<string>,
  isThere: (set: string) => boolean,
): string[] {
  const parsed = parseRule(String(line));
  if (parsed.kind !== 'rule' || parsed.notes.length > 0 || parsed.rule.type === 'SRC-MAC') return [];
  const { rule } = parsed;
  const policy = standIns[rule.policy] ?? rule.policy;
  if (!(rule.type === 'SUB-RULE' ? lists : names).has(policy)) return [];
  const sets = rulesWithin(rule).flatMap(({ type, payload }) =>
    isSetRuleType(type) ? [setNameOf(type, payload)] : [],
  );
  if (!sets.every(isThere)) return [];
  const payload = rule.type === 'MATCH' ? '' : `,${rule.payload}`;
  const options = [...(rule.noResolve ? ['no-resolve'] : []), ...(rule.src === true ? ['src'] : [])];
  return [[`${rule.type}${payload}`, policy, ...options].join(',')];
}

/** In place of what would be downloaded, some of each kind, told apart by a number. */
function entriesOf(providers: Keys): Entries {
  return Object.fromEntries(
    Object.entries(providers).map(([name, provider], i) => {
      const { behavior, payload, type } = asKeys(provider);
      const kind: SetBehavior = setBehaviors.find((each) => each === behavior) ?? 'classical';
      const own = type === 'inline' ? asList(payload).map(String) : made[kind](i);
      return [name, [kind, ...own]];
    }),
  );
}

const made: Readonly<Record<SetBehavior, (i: number) => string[]>> = {
  domain: (i) => [`+.wild${i}.test`, `exact${i}.test`, `*.one${i}.test`, `.below${i}.test`],
  ipcidr: (i) => [`203.0.${i % 256}.0/24`, `2001:db8:${i}::/48`],
  classical: (i) => [
    `DOMAIN-SUFFIX,suffix${i}.test`,
    `DOMAIN-KEYWORD,keyword${i}x`,
    `IP-CIDR,198.51.${i % 256}.0/25,no-resolve`,
    `DST-PORT,${20_000 + i}`,
  ],
};

function asKeys(value: unknown): Keys {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Keys) : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
