/** Which sets the rules of a profile name, and what of them there is: the `sets` of a configuration. */
import { mostRulesTogether, type RuleConfig, type SnifferConfig } from '../contract/config.ts';
import type { DnsConfig } from '../contract/dns-config.ts';
import type { ProblemCode } from '../contract/problem-texts.ts';
import { maxSets, type SetConfig, type SetRuleType, setNameOf, setRuleTypes } from '../contract/sets.ts';
import type { GeoPlaces, ProviderSource, RuleProvider, SetContents, WantedSet } from './provider-contents.ts';
import type { YamlMap } from './yaml-map.ts';

export interface SetPlaces {
  readonly providers: ReadonlyMap<string, RuleProvider>;
  readonly geo: GeoPlaces;
}

/** Rules that stand in rules: `(GEOIP,CN)`. */
const inner = new RegExp(`\\(\\s*(${setRuleTypes.join('|')})\\s*,\\s*([^(),]+)`, 'gi');

/** Built into the rules, whatever the geodata says. */
const builtIn = setNameOf('GEOIP', 'lan');

/** Sections that name sets besides the rules. */
export interface SetNamers {
  readonly dns: Pick<Partial<DnsConfig>, 'nameserverPolicy' | 'fakeIpFilter'>;
  readonly sniffer?: Pick<Partial<SnifferConfig>, 'forceSets' | 'skipSets'>;
}

/** Tells what is missing at the key it comes from (`rule-providers`), or at the profile. */
export function readSets(
  rules: readonly RuleConfig[],
  { dns, sniffer = {} }: SetNamers,
  places: SetPlaces,
  contents: ProviderSource,
  root: YamlMap,
): { sets: SetConfig[]; wanted: WantedSet[] } {
  const named = new Set<string>();
  for (const rule of rules) for (const each of setsNamedBy(rule)) named.add(setNameOf(each.type, each.payload));
  named.delete(builtIn);
  const ofDns = new Set(namedByDns(dns).filter((name) => !named.has(name)));
  for (const name of ofDns) named.add(name);
  const { forceSets = [], skipSets = [] } = sniffer;
  const ofSniffer = new Set([...forceSets, ...skipSets].filter((name) => !named.has(name)));
  for (const name of ofSniffer) named.add(name);
  const wanted = new Map<string, WantedSet>();
  const found = new Map<string, SetContents>();
  // Rules of a set may name further ones.
  for (let open = [...named]; open.length > 0; ) {
    const asked = open.flatMap((name) => wantedSet(name, places) ?? []);
    for (const each of asked) wanted.set(each.name, each);
    const answers = contents.setsOf(asked);
    for (const name of open) found.set(name, answers.get(bare(name)) ?? { missing: 'UNDEFINED' });
    const needs = [...answers.values()].flatMap((each) => ('needs' in each ? each.needs : []));
    open = [...new Set(needs)].filter((name) => !found.has(name) && name !== builtIn);
  }
  const names = [...found.keys()];
  if (names.length > maxSets) root.warning('SETS_TOO_MANY', { limit: String(maxSets) });
  const sets = names.slice(0, maxSets).map((name) => setOf(name, found.get(name) ?? { missing: 'UNDEFINED' }, places));
  tellMissing(sets, { dns: ofDns, sniffer: ofSniffer }, root);
  if (rulesTogether(rules, found) > mostRulesTogether)
    root.keyProblem('error', 'rules', 'RULES_TOGETHER', { limit: String(mostRulesTogether) });
  return { sets, wanted: [...wanted.values()] };
}

/** At least so many rules a connection may come to, those of sets as often as they are named. The helper knows it exactly. */
function rulesTogether(rules: readonly RuleConfig[], found: ReadonlyMap<string, SetContents>): number {
  let count = rules.length;
  for (const rule of rules)
    for (const { type, payload } of setsNamedBy(rule)) {
      const contents = found.get(setNameOf(type, payload));
      if (contents !== undefined && 'others' in contents) count += contents.others ?? 0;
    }
  return count;
}

/** One warning for all sets with the same fate: a profile may name a hundred that were not downloaded yet. */
function tellMissing(
  sets: readonly SetConfig[],
  only: Readonly<Record<'dns' | 'sniffer', ReadonlySet<string>>>,
  root: YamlMap,
): void {
  const keys = new Set(root.entries().map(([key]) => key));
  for (const [missing, code] of Object.entries(troubleCodes)) {
    const names = {
      'rule-providers': [] as string[],
      dns: [] as string[],
      sniffer: [] as string[],
      rules: [] as string[],
    };
    for (const { name, missing: why } of sets) {
      if (why !== missing) continue;
      if (name.startsWith('rule-set:')) names['rule-providers'].push(name.slice('rule-set:'.length));
      else names[only.dns.has(name) ? 'dns' : only.sniffer.has(name) ? 'sniffer' : 'rules'].push(name);
    }
    for (const [key, those] of Object.entries(names)) tellAt(key, code, those);
  }

  function tellAt(key: string, code: ProblemCode, names: readonly string[]): void {
    if (names.length === 0) return;
    const more = names.length > mostNamed ? ` (+${names.length - mostNamed})` : '';
    const values = { names: names.slice(0, mostNamed).join(', ') + more };
    if (keys.has(key)) root.keyProblem('warning', key, code, values);
    else root.warning(code, values);
  }
}

/** Names in a warning. */
const mostNamed = 10;

const troubleCodes: Readonly<Record<NonNullable<SetConfig['missing']>, ProblemCode>> = {
  UNDEFINED: 'PROVIDER_UNKNOWN',
  NOT_FETCHED: 'SET_MISSING',
  NOT_READABLE: 'SET_NOT_READABLE',
  NOT_LISTED: 'SET_NOT_LISTED',
  TOO_LARGE: 'SET_TOO_LARGE',
};

/** The sets that a rule names, itself or within its logic. */
export function* setsNamedBy({
  type,
  payload,
}: {
  type: string;
  payload: string;
}): Generator<{ type: SetRuleType; payload: string }> {
  const plain = setRuleTypes.find((each) => each === type);
  if (plain !== undefined) yield { type: plain, payload };
  if (!payload.includes('(')) return;
  for (const [, word = '', text = ''] of payload.matchAll(inner)) {
    const within = setRuleTypes.find((each) => each === word.toUpperCase());
    if (within !== undefined) yield { type: within, payload: text.trim() };
  }
}

function namedByDns({
  nameserverPolicy = [],
  fakeIpFilter,
}: Pick<Partial<DnsConfig>, 'nameserverPolicy' | 'fakeIpFilter'>): string[] {
  const ofPolicy = nameserverPolicy.flatMap(({ sets = [] }) => sets);
  if (fakeIpFilter === undefined) return ofPolicy;
  if (fakeIpFilter.mode !== 'rule') return [...ofPolicy, ...(fakeIpFilter.sets ?? [])];
  const ofRules = fakeIpFilter.rules.flatMap(({ type, payload }) =>
    type === 'GEOSITE' || type === 'RULE-SET' ? [setNameOf(type, payload)] : [],
  );
  return [...ofPolicy, ...ofRules];
}

function setOf(name: string, contents: SetContents, places: SetPlaces): SetConfig {
  if ('missing' in contents) return { name, behavior: behaviorOf(name, places), blob: null, missing: contents.missing };
  const { behavior, blob } = contents;
  return { name, behavior, blob, ...(isInverted(name) ? { inverted: true } : {}) };
}

/** Of one that cannot be had. */
function behaviorOf(name: string, { providers }: SetPlaces): SetConfig['behavior'] {
  if (name.startsWith('rule-set:')) return providers.get(name.slice('rule-set:'.length))?.behavior ?? 'classical';
  return name.startsWith('geosite:') ? 'domain' : 'ipcidr';
}

function isInverted(name: string): boolean {
  return /^(?:geosite|geoip):!/.test(name);
}

/** The set that one means that is inverted. */
function bare(name: string): string {
  return isInverted(name) ? name.replace(':!', ':') : name;
}

function wantedSet(name: string, { providers, geo }: SetPlaces): WantedSet | undefined {
  const at = name.indexOf(':');
  const kind = name.slice(0, at);
  const rest = bare(name).slice(at + 1);
  if (kind === 'rule-set') {
    const provider = providers.get(rest);
    return provider && { name, kind: 'provider', provider };
  }
  const file = kind === 'geosite' ? 'geosite' : kind === 'asn' ? 'asn' : geo.usesDat ? 'geoip' : 'country';
  return { name: bare(name), kind: 'geo', file, code: rest, places: geo };
}
