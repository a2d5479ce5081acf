/**
 * A profile in Clash's YAML spelling, as text, to the effective configuration and everything that is wrong with it: each
 * problem with path, line and column. Nothing is thrown for bad input; nothing but the text is looked at.
 */
import { SearchBudget } from '../base/expression/bounded-expression.ts';
import { type Config, configSchema, maxConfigBytes } from '../contract/config.ts';
import type { ConfigProblem } from '../contract/error.ts';
import { maxOverrideBytes } from '../contract/profile-editing.ts';
import { maxProfileBytes } from '../contract/profile-import.ts';
import { profileNotes } from '../contract/profile-notes.ts';
import { nodeKindOf } from '../contract/proxies.ts';
import { clip } from './clip.ts';
import { withDialerProxies } from './dialer-proxies.ts';
import { fakeRangesOf, readDns } from './dns-section.ts';
import { effectiveConfig, type ProfileParts } from './effective-config.ts';
import { type ForeignText, foreignMap, foreignText } from './foreign-text.ts';
import { formerKeys, plainKey } from './former-keys.ts';
import { readGroupNames, readGroups } from './group-section.ts';
import { readHosts } from './hosts-section.ts';
import { readInbound } from './inbound-section.ts';
import { PolicyNames } from './policy-names.ts';
import { ProblemList, problemOf } from './problem-list.ts';
import { readProvided } from './provided-nodes.ts';
import {
  noContents,
  type ProviderSource,
  type ProviderUses,
  type ProxyProvider,
  type WantedSet,
} from './provider-contents.ts';
import { readGeoPlaces, readProxyProviders, readRuleProviders } from './provider-section.ts';
import { providerUses } from './provider-uses.ts';
import { ProviderWays } from './provider-ways.ts';
import { readProxies } from './proxy-section.ts';
import { readRules } from './rule-section.ts';
import { readSets } from './set-section.ts';
import { readSniffer } from './sniffer-section.ts';
import { readTun } from './tun-section.ts';
import { YamlMap } from './yaml-map.ts';
import { YamlSource } from './yaml-source.ts';
import { YamlValue } from './yaml-value.ts';

/** Proxies of a configuration, those of providers too. */
const maxProxies = 10_000;

export type ProfileFailure = 'CONFIG_SYNTAX' | 'CONFIG_INVALID' | 'CONFIG_TOO_LARGE';

/** What the profile names and does not contain, so that it can be fetched. */
export interface Wanted {
  sets: readonly WantedSet[];
  nodes: readonly ProxyProvider[];
  uses: ProviderUses;
  /** Of all rule providers, whether a rule names them or not. */
  ruleProviders: readonly string[];
}

export const noWishes: Wanted = { sets: [], nodes: [], uses: { nodes: new Map(), sets: new Map() }, ruleProviders: [] };

export interface ParsedProfile {
  /** Absent when an error among `problems` forbids its use. */
  readonly config?: Config;
  /** The code to report the failure with; present when `config` is absent. */
  readonly failure?: ProfileFailure;
  /** In the order of the text. */
  readonly problems: ConfigProblem[];
  /** Absent when it is not a profile at all. */
  readonly wanted?: Wanted;
  /** The line of each rule of `config`; negative: in the override. */
  readonly ruleLines?: readonly number[];
  /** Keys of the top level that the override names. */
  readonly overridden?: ReadonlySet<string>;
}

/** What a profile may ask for. */
type Trust = Required<Pick<LoadingOptions, 'lowPorts' | 'from'>>;

/** What is found beside the configuration. */
interface Findings {
  wanted: Wanted;
  ruleLines: readonly number[];
}

export interface LoadingOptions {
  /** Merged on top. */
  readonly override?: string;
  /** Whether the helper opens ports below 1024 for whoever applies it. */
  readonly lowPorts?: boolean;
  /** How far whoever wrote it is (`base/nearness.ts`); absent: it is the person. */
  readonly from?: number;
}

/**
 * Reads a profile with an override merged on top, and with what there is now of what it names and does not contain. Every problem
 * of texts that are YAML is found at once; broken YAML yields its syntax errors only.
 */
export function loadProfile(text: string, contents = noContents, options: LoadingOptions = {}): ParsedProfile {
  const { override, lowPorts = false, from = 0 } = options;
  const unfit = unfitText(text, maxProfileBytes) ?? (override === undefined ? undefined : unfitOverride(override));
  if (unfit !== undefined) return unfit;
  const problems = new ProblemList();
  const source = new YamlSource(
    withoutMark(text),
    problems,
    override === undefined ? undefined : withoutMark(override),
  );
  if (!source.complete) return { failure: 'CONFIG_SYNTAX', problems: problems.sorted() };
  const root = new YamlValue(source, source.root, null, '', 0);
  const found: Findings = { wanted: { ...noWishes }, ruleLines: [] };
  const config = readProfile(root, contents, found, { lowPorts, from });
  if (!problems.forbids && config !== undefined) checkContract(config, root);
  if (problems.forbids || config === undefined) return { failure: 'CONFIG_INVALID', problems: problems.sorted() };
  return { config, problems: problems.sorted(), ...found, overridden: source.overridden };
}

/** What is too large, or no YAML of Clash's at all. */
function unfitText(text: string, most: number): ParsedProfile | undefined {
  if (Buffer.byteLength(text) > most) {
    const limit = String(most / 1024 / 1024);
    return { failure: 'CONFIG_TOO_LARGE', problems: [problemOf('error', '', 'FILE_TOO_LARGE', { limit })] };
  }
  const foreign = foreignText(withoutMark(text));
  return foreign && { failure: 'CONFIG_INVALID', problems: [foreignProblem(foreign)] };
}

function unfitOverride(text: string): ParsedProfile | undefined {
  const unfit = unfitText(text, maxOverrideBytes);
  return unfit && { ...unfit, problems: unfit.problems.map((problem) => ({ ...problem, file: 'override' as const })) };
}

function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function readProfile(root: YamlValue, contents: ProviderSource, found: Findings, trust: Trust): Config | undefined {
  if (root.isNothing) {
    // Clash takes one, and everything goes DIRECT: nobody means that.
    root.error(root.source.text.includes('#') ? 'PROFILE_COMMENTS' : 'PROFILE_EMPTY', {}, 'PROFILE_KEYS');
    return undefined;
  }
  const map = root.isMap ? YamlMap.of(root) : root.wrongType('PROFILE_KEYS', 'error');
  if (map === undefined) return undefined;
  const foreign = foreignMap(
    map.entries().map(([key]) => key),
    (key) => map.plainText(key),
  );
  if (foreign === undefined) return effectiveConfig(readParts(map, contents, found, trust));
  root.error(foreign.code, foreign.values, foreign.hint);
  return undefined;
}

function foreignProblem({ code, values, hint }: ForeignText): ConfigProblem {
  return { ...problemOf('error', '', code, values, hint), line: 1, column: 1 };
}

/** The sections let nothing through that the helper would refuse; should one of them err, it is told here and not by it. */
function checkContract(config: Config, root: YamlValue): void {
  for (const issue of configSchema.safeParse(config).error?.issues ?? []) {
    root.error('CONTRACT', { reason: `${issue.path.join('.')}: ${issue.message}` });
  }
  // A short text may stand for much: by aliases, and by what a rule is made of.
  if (Buffer.byteLength(JSON.stringify(config)) <= maxConfigBytes) return;
  root.error('PROFILE_TOO_MUCH', { limit: String(maxConfigBytes / 1024 / 1024) });
}

function readParts(map: YamlMap, contents: ProviderSource, found: Findings, { lowPorts, from }: Trust): ProfileParts {
  const logLevel = map
    .take('log-level')
    ?.lenient.choice(['debug', 'info', 'warning', 'error', 'silent'], { warn: 'warning', trace: 'debug' });
  const mode = readMode(map);
  const ipv6 = map.take('ipv6')?.boolean();
  const mixed = readInbound(map, lowPorts);
  const dnsMap = mapAt(map, 'dns');
  const useHosts = dnsMap?.take('use-hosts')?.boolean() !== false;
  const sniffer = map.take('sniffer')?.lenient;
  const snifferMap = sniffer && YamlMap.of(sniffer);
  const written = map.take('hosts');
  const hosts = written === undefined ? {} : readHosts(written);
  const tunMap = mapAt(map, 'tun');
  const names = new PolicyNames();
  const proxyList = takeNamed(map, 'proxies', 'Proxy');
  const nowhere = new Map<string, YamlValue>();
  const { proxies, places } =
    proxyList === undefined ? { proxies: [], places: nowhere } : readProxies(proxyList, names);
  const userAgent = map.take('global-ua')?.lenient.text();
  const budget = new SearchBudget();
  const groupList = takeNamed(map, 'proxy-groups', 'Proxy Group');
  const writtenGroups = groupList === undefined ? [] : readGroupNames(groupList, names);
  const surroundings = { userAgent, names, from };
  const nodeProviders = readProxyProviders(takeNamed(map, 'proxy-providers', 'Proxy Provider'), surroundings, budget);
  const ruleProviders = readRuleProviders(takeNamed(map, 'rule-providers', 'Rule Provider'), surroundings);
  const geo = readGeoPlaces(map, from);
  // As in Clash: without IPv6 its addresses are of no use, unless the section says otherwise.
  const dns = { ...(ipv6 === false ? { ipv6 } : {}), ...(dnsMap === undefined ? {} : readDns(dnsMap, names)) };
  const ruleList = takeNamed(map, 'rules', 'Rule');
  if (ruleList === undefined && (mode === undefined || mode === 'rule')) map.warning('NO_RULES', {}, 'MATCH_LAST');
  const subRuleMap = map.take('sub-rules');
  const isIdle = mode === 'direct' || mode === 'global';
  const { rules, lines, subRules } = readRules(
    isIdle ? ruleList?.lenient : ruleList,
    isIdle ? subRuleMap?.lenient : subRuleMap,
    names,
  );
  const own = proxies.map((proxy) => ({ name: proxy.name, kind: nodeKindOf(proxy) }));
  const provided = readProvided(nodeProviders, contents, names, map);
  const tests = new Map(
    [...nodeProviders].flatMap(
      ([
        name,
        {
          provider: { test },
        },
      ]) => (test ? [[name, test]] : []),
    ),
  );
  const known = { own, providers: provided.known, tests };
  const { groups, providers: groupProviders } = readGroups(writtenGroups, known, names, budget);
  const all = [...proxies, ...provided.proxies].slice(0, maxProxies);
  const allRules = [rules, ...Object.values(subRules)].flat();
  const snifferSection = snifferMap && readSniffer(snifferMap);
  const named = readSets(
    allRules,
    { dns, ...(snifferSection === undefined ? {} : { sniffer: snifferSection }) },
    { providers: ruleProviders, geo },
    contents,
    map,
  );
  const ways = new ProviderWays(all, groups);
  found.wanted = {
    nodes: Array.from(nodeProviders.values(), ({ provider }) => ways.of(provider)),
    sets: named.wanted.map((each) => (each.kind === 'geo' ? each : { ...each, provider: ways.of(each.provider) })),
    uses: providerUses(allRules, groupProviders),
    ruleProviders: [...ruleProviders.keys()],
  };
  found.ruleLines = lines;
  map.warnOfRest(profileNotes['']);
  return {
    ...(logLevel === undefined ? {} : { logLevel }),
    ...(ipv6 === undefined ? {} : { ipv6: ipv6 ? 'always' : 'never' }),
    mixed,
    dns,
    ...(snifferSection === undefined ? {} : { sniffer: snifferSection }),
    hosts: useHosts ? hosts : {},
    tun: tunMap === undefined ? {} : readTun(tunMap, fakeRangesOf(dns)),
    mode: mode ?? 'rule',
    proxies: withDialerProxies({ proxies: all, places }, groups, names, map),
    groups,
    checks: provided.checks,
    rules,
    subRules,
    sets: named.sets,
  };
}

function mapAt(map: YamlMap, key: string): YamlMap | undefined {
  const value = map.take(key);
  return value === undefined ? undefined : YamlMap.of(value);
}

/**
 * The value of a key, or of one that can only mean it: the name it had in the first versions of Clash, another case, the singular.
 * Without it everything would go DIRECT, so a slip in these keys is not just an unknown key.
 */
function takeNamed(map: YamlMap, key: string, former: string): YamlValue | undefined {
  const others = formerKeys[key] ?? [];
  let found = map.take(key);
  for (const [written] of map.entries()) {
    const plain = plainKey(written);
    if (written === key || (plain !== key && !others.includes(plain))) continue;
    const value = map.take(written);
    if (value === undefined) continue;
    const isFree = found === undefined || found.isEmptyList;
    if (!isFree) map.keyProblem('warning', written, 'KEY_REPLACED', { key });
    else if (written === former)
      map.keyProblem('warning', written, 'KEY_LEGACY', { key: former, now: key }, { write: key });
    else map.keyProblem('warning', written, 'KEY_MISSPELT', { key: clip(written), now: key }, { write: key });
    if (isFree) found = value;
  }
  return found;
}

function readMode(map: YamlMap): 'rule' | 'global' | 'direct' | undefined {
  const mode = map.take('mode');
  const word = mode?.choice(['rule', 'global', 'direct', 'script']);
  // The rules may send connections another way than a program does.
  if (word === 'script') mode?.leftOut('MODE_LATER', { found: word }, { write: 'rule' });
  if (word === 'global') mode?.warning('MODE_GLOBAL', {}, { write: 'rule' });
  if (word === 'direct') mode?.warning('MODE_DIRECT', {}, { write: 'rule' });
  return word === 'script' ? undefined : word;
}
