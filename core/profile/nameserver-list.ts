/** The lists of nameservers in a profile's `dns` section, and who is asked about which names. */
import { parseIp } from '../base/address.ts';
import { type Cidr, cidrContains, parseCidr } from '../base/cidr.ts';
import { domainPatternProblem } from '../base/domain.ts';
import { defaultConfig } from '../contract/config.ts';
import type { DnsConfig, UpstreamConfig } from '../contract/dns-config.ts';
import { fillText, laterCodes, problemTexts } from '../contract/problem-texts.ts';
import { profileNotes } from '../contract/profile-notes.ts';
import { clip } from './clip.ts';
import { keyOf } from './fake-ranges.ts';
import { namedParts, nameSetOf } from './name-set.ts';
import { parseNameserver } from './nameserver.ts';
import type { PolicyNames } from './policy-names.ts';
import { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** What servers must not be, and may name. */
export interface NameserverContext {
  /** Their addresses would lead back to us. */
  readonly fakeRanges: readonly Cidr[];
  readonly names: PolicyNames;
}

/** Names of interfaces on Linux (netdevice(7)), as far as anybody uses them. */
const interfaceName = /^[A-Za-z][\w.@-]{0,14}$/;

const maxServers = 32;
/** Who is asked where nobody is to be, and no other servers either. */
const nobody: UpstreamConfig = { kind: 'rcode', rcode: 'SERVFAIL' };

/** What becomes of names when no server of a list can be used: others would be asked, or there are others to ask. */
export type WithoutServers = 'NAMESERVER_NONE' | 'NAMESERVER_NONE_OF_POLICY' | 'may-be-empty';

/**
 * Reads a list of servers (or a single one). A server that cannot be asked is left out with a warning: those beside it are asked
 * about every name as well. Where nobody is left it is an error, unless the list may be empty; those of a policy are then asked
 * of nobody.
 */
export function readNameservers(
  value: YamlValue,
  context: NameserverContext,
  without: WithoutServers = 'NAMESERVER_NONE',
): UpstreamConfig[] {
  const items = value.oneOrList('NAMESERVER');
  if (items === undefined) return [];
  const read = items.map((item) => readNameserver(item, context));
  const upstreams = read.filter((server) => typeof server !== 'string');
  if (upstreams.length > maxServers) value.leftOut('TOO_MANY_CUT', { limit: String(maxServers) });
  if (upstreams.length > 0 || without === 'may-be-empty') return upstreams.slice(0, maxServers);
  if (without === 'NAMESERVER_NONE_OF_POLICY') {
    value.leftOut(without, {}, 'NAMESERVER');
    return [nobody];
  }
  // Clash wants one, but nobody who writes none can have meant another.
  if (value.isEmptyList) value.leftOut('NAMESERVER_NONE_WRITTEN', {}, 'NAMESERVER');
  // Whoever would be asked instead is not who was meant to hear the names.
  else value.error(read.includes('later') ? 'NAMESERVERS_LATER' : without, {}, 'NAMESERVER');
  return [];
}

/** `later`: right in Clash, but not supported yet. Why a server cannot be asked is reported. */
function readNameserver(item: YamlValue, context: NameserverContext): UpstreamConfig | 'later' | 'wrong' {
  const text = item.lenient.text('NAMESERVER')?.trim();
  if (text === undefined) return 'wrong';
  const parsed = parseNameserver(text);
  if (!parsed.ok) {
    item.warning(parsed.note.code, parsed.note.values, 'NAMESERVER');
    return parsed.note.code === 'NAMESERVER_LATER' ? 'later' : 'wrong';
  }
  const host = hostOf(parsed.upstream);
  const address = host === undefined ? undefined : parseIp(host);
  const fake = address === undefined ? undefined : context.fakeRanges.find((range) => cidrContains(range, address));
  if (fake !== undefined) {
    item.warning('NAMESERVER_FAKE', { address: address ?? '', key: keyOf(fake) }, 'NAMESERVER');
    return 'wrong';
  }
  for (const { code, values } of parsed.notes) item.warning(code, values);
  return withWay(item, parsed.upstream, context.names);
}

/** What is named behind `#` is an outbound, or else an interface, as in Clash. */
function withWay(item: YamlValue, upstream: UpstreamConfig, names: PolicyNames): UpstreamConfig | 'later' | 'wrong' {
  if (upstream.kind === 'system' || upstream.kind === 'rcode' || upstream.via === undefined) return upstream;
  const { via, ...rest } = upstream;
  // Clash's word, whatever proxies are named.
  if (via === 'RULES') return { ...rest, byRules: true };
  const problem = names.problem(via);
  if (problem === undefined) return upstream;
  if (names.has(via) || !interfaceName.test(via)) {
    const reason = fillText(problemTexts[problem.code], problem.values);
    item.warning('NAMESERVER_WAY', { reason }, problem.hint);
    return laterCodes.has(problem.code) ? 'later' : 'wrong';
  }
  item.warning('NAMESERVER_DEVICE', { name: clip(via) });
  return { ...rest, device: via };
}

/** `default-nameserver`: they look up the names of the others, so they must be addresses themselves. */
export function readBootstrap(value: YamlValue, context: NameserverContext): UpstreamConfig[] {
  return readNameservers(value, context, 'may-be-empty').filter((server) => {
    const host = hostOf(server);
    if (host === undefined || parseIp(host) !== undefined) return true;
    value.warning('BOOTSTRAP_NAME', { found: clip(host) }, 'ADDRESSES');
    return false;
  });
}

/** Pattern (or several, separated by commas) -> servers, in the order written. */
export function readPolicy(value: YamlValue, context: NameserverContext): DnsConfig['nameserverPolicy'] {
  const map = YamlMap.of(value, 'exact', 'last-counts');
  const entries: DnsConfig['nameserverPolicy'] = [];
  for (const [key, servers] of map?.entries() ?? []) {
    const patterns: string[] = [];
    const sets: string[] = [];
    for (const part of namedParts(key)) {
      const set = nameSetOf(part);
      const reason = domainPatternProblem(part);
      // What can be no name is asked of nobody.
      if (set !== undefined) sets.push(set);
      else if (reason === undefined) patterns.push(part);
      else map?.keyProblem('warning', key, 'BAD_PATTERN', { found: clip(part), reason }, 'PATTERN');
    }
    if (servers.isNothing) {
      map?.keyProblem('warning', key, 'ITEM_EMPTY');
      continue;
    }
    const list = servers.isEmptyList
      ? ofNobody(servers)
      : readNameservers(servers, context, 'NAMESERVER_NONE_OF_POLICY');
    if (list.length === 0) continue;
    if (patterns.length > 0 || sets.length > 0)
      entries.push({ patterns, servers: list, ...(sets.length === 0 ? {} : { sets }) });
  }
  return entries;
}

/** Who is asked where a list is empty on purpose: nobody, and no other servers either, as in Clash. */
function ofNobody(list: YamlValue): UpstreamConfig[] {
  list.warning('NAMESERVER_NOBODY', {}, 'NAMESERVER');
  return [nobody];
}

/** When the fallback's answer is taken; what is not written is as in the default. */
export function readFallbackFilter(value: YamlValue): DnsConfig['fallbackFilter'] | undefined {
  const map = YamlMap.of(value);
  if (map === undefined) return undefined;
  const usual = defaultConfig.dns.fallbackFilter;
  const prefixes = map.take('ipcidr');
  const patterns = map.take('domain');
  const prefixProblem = (text: string): string | undefined =>
    parseCidr(text) === undefined ? 'no IP prefix' : undefined;
  const ipcidr = prefixes === undefined ? usual.ipcidr : readTexts(prefixes, 'PREFIX', 'NOT_A_PREFIX', prefixProblem);
  const domain =
    patterns === undefined ? usual.domain : readTexts(patterns, 'PATTERN', 'BAD_PATTERN', domainPatternProblem);
  map.warnOfRest(profileNotes['dns.fallback-filter']);
  return { ipcidr, domain };
}

function readTexts(
  value: YamlValue,
  expected: 'PREFIX' | 'PATTERN',
  code: 'NOT_A_PREFIX' | 'BAD_PATTERN',
  problemOf: (text: string) => string | undefined,
): string[] {
  return (value.lenient.oneOrList(expected) ?? []).flatMap((item) => {
    const text = item.text(expected)?.trim();
    if (text === undefined) return [];
    const reason = problemOf(text);
    if (reason === undefined) return [text];
    item.warning(code, { found: clip(text), reason }, expected);
    return [];
  });
}

/** The same list with every server that names no way of its own asked by the rules. */
export function askedByRules(list: readonly UpstreamConfig[]): UpstreamConfig[] {
  return list.map((server) =>
    server.kind === 'system' || server.kind === 'rcode' || server.via !== undefined || server.device !== undefined
      ? server
      : { ...server, byRules: true },
  );
}

function hostOf(server: UpstreamConfig): string | undefined {
  if (server.kind === 'udp') return server.address;
  return 'host' in server ? server.host : undefined;
}
