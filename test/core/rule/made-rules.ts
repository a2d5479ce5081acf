/** Random rules of every type with the sets and lists they name, and connections that they may match. */
import fc from 'fast-check';
import { parseCidr } from '../../../core/base/cidr.ts';
import type { RuleConfig } from '../../../core/contract/config.ts';
import type { RuleType } from '../../../core/contract/rule-types.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { IpTable } from '../../../core/rule/ip-table.ts';
import { noRule } from '../../../core/rule/no-rule.ts';
import type { RuleSet, RuleSets, SetRule } from '../../../core/rule/rule-set.ts';

/** A rule with those that stand in it. */
export interface MadeRule {
  readonly rule: RuleConfig;
  readonly parts: readonly MadeRule[];
}

export const subLists = ['one', 'two'] as const;

const label = fc.constantFrom('a', 'b', 'ab', 'ba', 'com');
export const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
export const ip = fc.oneof(
  fc.tuple(fc.constantFrom(10, 11), fc.constantFrom(0, 1, 128), fc.nat(3)).map(([a, b, c]) => `${a}.${b}.0.${c}`),
  fc.constantFrom('2001:db8::1', '2001:db8:1::', '::1'),
);
const cidr = fc.tuple(ip, fc.nat(128)).map(([text, bits]) => `${text}/${text.includes(':') ? bits : bits % 33}`);
const ports = fc.constantFrom('80', '443', '80/443', '1-100', '65535');
const program = fc.constantFrom('a', 'B', 'ab');
const wildcard = fc
  .array(fc.constantFrom('a', 'b', '.', '*', '?', 'com'), { minLength: 1, maxLength: 5 })
  .map((all) => {
    const text = all.join('');
    return /[*?]/.test(text) ? text : `${text}*`;
  });
const expression = fc
  .tuple(fc.constantFrom('^', ''), label, fc.constantFrom('{1,2}', '+', '?', '[.]'), fc.constantFrom('$', ''))
  .map((parts) => parts.join(''));

type Bare = Pick<RuleConfig, 'type' | 'payload'> & { readonly src?: true };
const of = (payload: fc.Arbitrary<string>, ...types: readonly RuleType[]): fc.Arbitrary<Bare> =>
  fc.tuple(fc.constantFrom(...types), payload).map(([type, text]) => ({ type, payload: text }));

const test: fc.Arbitrary<Bare> = fc.oneof(
  of(
    name.map((text) => text.toUpperCase()),
    'DOMAIN',
  ),
  of(name, 'DOMAIN-SUFFIX'),
  of(label, 'DOMAIN-KEYWORD'),
  of(wildcard, 'DOMAIN-WILDCARD'),
  of(expression, 'DOMAIN-REGEX', 'PROCESS-NAME-REGEX', 'PROCESS-PATH-REGEX'),
  of(cidr, 'IP-CIDR', 'IP-CIDR6', 'SRC-IP-CIDR', 'IP-SUFFIX', 'SRC-IP-SUFFIX'),
  of(ports, 'DST-PORT', 'SRC-PORT', 'IN-PORT'),
  of(fc.constantFrom('tcp', 'udp'), 'NETWORK'),
  of(fc.constantFrom('0', '46', '0-8'), 'DSCP'),
  of(fc.constantFrom('0', '1000', '1-1000'), 'UID'),
  of(fc.constantFrom('TUN', 'SOCKS', 'HTTP/HTTPS'), 'IN-TYPE'),
  of(fc.constantFrom('DEFAULT-TUN', 'DEFAULT-MIXED', 'DEFAULT-SOCKS'), 'IN-NAME'),
  of(fc.constantFrom('me', 'me/you'), 'IN-USER'),
  of(program, 'PROCESS-NAME'),
  of(
    program.map((text) => `/bin/${text}`),
    'PROCESS-PATH',
  ),
  of(fc.constantFrom('*', 'a*', '?'), 'PROCESS-NAME-WILDCARD'),
  of(fc.constantFrom('*', '/b*/a', '/?in/*'), 'PROCESS-PATH-WILDCARD'),
  of(fc.constantFrom('lan', 'here', 'gone'), 'GEOIP', 'SRC-GEOIP'),
  of(fc.constantFrom('1', '2'), 'IP-ASN', 'SRC-IP-ASN'),
  of(fc.constantFrom('here', 'gone'), 'GEOSITE'),
  fc
    .tuple(fc.constantFrom('names', 'addresses', 'mixed', 'gone'), fc.boolean())
    .map(([payload, src]): Bare => ({ type: 'RULE-SET', payload, ...(src ? { src: true } : {}) })),
);

const policy = fc.constantFrom('p', 'q', 'r');

function made(bare: Bare, noResolve: boolean, parts: readonly MadeRule[] = []): MadeRule {
  return { rule: { ...bare, policy: 'p', noResolve }, parts };
}

const simple = fc
  .tuple(test, fc.boolean())
  .map(([bare, noResolve]) => made(bare, noResolve && bare.src === undefined && mayAsk(bare.type)));

/** Types that the option means something to. */
function mayAsk(type: RuleType): boolean {
  return ['IP-CIDR', 'IP-CIDR6', 'IP-SUFFIX', 'GEOIP', 'IP-ASN', 'RULE-SET'].includes(type);
}

export function textOf({ type, payload, noResolve, src }: Omit<RuleConfig, 'policy'>): string {
  return `${type},${payload}${noResolve ? ',no-resolve' : ''}${src === true ? ',src' : ''}`;
}

const { condition } = fc.letrec<{ condition: MadeRule; logic: MadeRule }>((tie) => ({
  condition: fc.oneof({ maxDepth: 3 }, { weight: 3, arbitrary: simple }, { weight: 1, arbitrary: tie('logic') }),
  logic: fc.oneof(
    fc
      .tuple(fc.constantFrom('AND' as const, 'OR' as const), fc.array(tie('condition'), { minLength: 1, maxLength: 3 }))
      .map(([type, parts]) => logic(type, parts)),
    tie('condition').map((part) => logic('NOT', [part])),
  ),
}));

function logic(type: RuleType, parts: readonly MadeRule[]): MadeRule {
  return made({ type, payload: `(${parts.map(({ rule }) => `(${textOf(rule)})`).join(',')})` }, false, parts);
}

const matchAll = fc.constant(made({ type: 'MATCH', payload: '' }, false));

const leadingTo = (policies: fc.Arbitrary<string>): fc.Arbitrary<MadeRule> =>
  fc
    .tuple(fc.oneof({ weight: 20, arbitrary: condition }, { weight: 1, arbitrary: matchAll }), policies)
    .map(([one, to]) => ({ ...one, rule: { ...one.rule, policy: to } }));
const ordinary = leadingTo(policy);
const inner = leadingTo(fc.constantFrom('p', 'q', 'r', 'PASS-RULE'));

const leading = (to: string) =>
  condition.map(
    (part): MadeRule => ({
      rule: { type: 'SUB-RULE', payload: `(${textOf(part.rule)})`, policy: to, noResolve: false },
      parts: [part],
    }),
  );

export interface MadeRules {
  readonly main: readonly MadeRule[];
  readonly lists: Readonly<Record<string, readonly MadeRule[]>>;
}

/** The first list may lead to the second. */
export const madeRules = (maxLength = 16): fc.Arbitrary<MadeRules> =>
  fc
    .record({
      main: fc.array(
        fc.oneof(
          { weight: 8, arbitrary: ordinary },
          { weight: 1, arbitrary: leading('one') },
          { weight: 1, arbitrary: leading('two') },
        ),
        { maxLength },
      ),
      one: fc.array(fc.oneof({ weight: 4, arbitrary: inner }, { weight: 1, arbitrary: leading('two') }), {
        maxLength: 5,
      }),
      two: fc.array(inner, { maxLength: 5 }),
    })
    .map(({ main, one, two }) => ({ main, lists: { one, two } }));

export function configsOf(rules: readonly MadeRule[]): RuleConfig[] {
  return rules.map(({ rule }) => rule);
}

export function subRulesOf({ lists }: MadeRules): Record<string, RuleConfig[]> {
  return Object.fromEntries(Object.entries(lists).map(([list, rules]) => [list, configsOf(rules)]));
}

/** What is in a set: names and what is below them, prefixes, and further rules. */
export interface MadeSet {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly known: readonly string[];
  readonly others: readonly MadeRule[];
  /** Of a set of prefixes: everything but those. */
  readonly inverted: boolean;
}

const others = fc.array(
  fc
    .oneof(of(program, 'PROCESS-NAME'), of(ports, 'DST-PORT'), of(label, 'DOMAIN-KEYWORD'))
    .map((bare) => made(bare, false)),
  { maxLength: 3 },
);
const names = fc.array(name, { maxLength: 3 });
const prefixes = fc.array(cidr, { maxLength: 3 });
const madeSet: fc.Arbitrary<MadeSet> = fc.record({
  names,
  addresses: prefixes,
  known: prefixes,
  others,
  inverted: fc.constant(false),
});
const nothing = { names: [], addresses: [], known: [], others: [], inverted: false };

export type MadeSets = ReadonlyMap<string, MadeSet>;

export const madeSets: fc.Arbitrary<MadeSets> = fc
  .record({
    names,
    addresses: prefixes,
    mixed: madeSet,
    site: names,
    geo: prefixes,
    inverted: fc.boolean(),
    one: prefixes,
    two: prefixes,
  })
  .map(
    (all): MadeSets =>
      new Map([
        ['rule-set:names', { ...nothing, names: all.names }],
        ['rule-set:addresses', { ...nothing, addresses: all.addresses }],
        ['rule-set:mixed', all.mixed],
        ['geosite:here', { ...nothing, names: all.site }],
        ['geoip:here', { ...nothing, addresses: all.geo, inverted: all.inverted }],
        ['asn:1', { ...nothing, addresses: all.one }],
        ['asn:2', { ...nothing, addresses: all.two }],
      ]),
  );

export function ruleSetsOf(sets: MadeSets): RuleSets {
  return {
    get(wanted) {
      const set = sets.get(wanted);
      return set === undefined ? undefined : ruleSetOf(wanted, set);
    },
    trouble: () => 'NOT_FETCHED',
  };
}

function ruleSetOf(wanted: string, set: MadeSet): RuleSet {
  const namesIn = { size: set.names.length, has: (text: string) => isBelow(text, set.names) };
  const size = 1;
  if (wanted === 'rule-set:names' || wanted.startsWith('geosite'))
    return { behavior: 'domain', size, inverted: false, names: namesIn };
  if (wanted !== 'rule-set:mixed')
    return { behavior: 'ipcidr', size, inverted: set.inverted, addresses: addressesOf(set.addresses) };
  const bare = set.others.map(({ rule: { type, payload, noResolve } }): SetRule => ({ type, payload, noResolve }));
  return {
    behavior: 'classical',
    size,
    inverted: false,
    names: namesIn,
    addresses: addressesOf(set.addresses),
    knownAddresses: addressesOf(set.known),
    others: bare,
  };
}

export function isBelow(text: string, suffixes: readonly string[]): boolean {
  return suffixes.some((suffix) => `.${text}`.endsWith(`.${suffix}`));
}

function addressesOf(list: readonly string[]): { size: number; has(address: string): boolean } {
  const table = new IpTable(
    list.flatMap((prefix) => {
      const parsed = parseCidr(prefix);
      return parsed === undefined ? [] : [{ cidr: parsed, index: 0 }];
    }),
  );
  return { size: list.length, has: (address) => table.lookup(address) !== noRule };
}

export const connection: fc.Arbitrary<Metadata> = fc
  .record({
    host: fc.oneof(name, ip),
    sniffed: fc.boolean(),
    address: ip,
    port: fc.constantFrom(80, 443, 65_535),
    network: fc.constantFrom('tcp' as const, 'udp' as const),
    from: ip,
    sourcePort: fc.constantFrom(80, 90, 40_000),
    process: fc.option(fc.tuple(program, program, fc.constantFrom(0, 1000, 1001)), { nil: undefined }),
    door: fc.option(
      fc.record({
        type: fc.constantFrom('HTTP' as const, 'HTTPS' as const, 'SOCKS4' as const, 'SOCKS5' as const),
        port: fc.constantFrom(80, 7890),
        user: fc.constantFrom('', 'me', 'you'),
      }),
      { nil: undefined },
    ),
    trafficClass: fc.constantFrom(0, 8, 46),
  })
  .map(({ host, sniffed, address, port, network, from, sourcePort, process, door, trafficClass }) => ({
    network,
    inbound: door === undefined ? 'tun' : 'mixed',
    source: { host: from, port: sourcePort },
    destination: { host, port },
    originalDestination: { host: sniffed ? address : '198.18.0.9', port },
    ...(sniffed ? { domainSource: 'sniffed' as const } : {}),
    ...(door === undefined ? { trafficClass } : { door }),
    ...(process === undefined
      ? {}
      : { process: { pid: 1, uid: process[2], name: process[0], path: `/bin/${process[1]}` } }),
  }));
