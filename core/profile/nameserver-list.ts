/** The lists of nameservers in a profile's `dns` section, and who is asked about which names. */
import { parseIp } from '../base/address.ts';
import { type Cidr, cidrContains, parseCidr } from '../base/cidr.ts';
import { domainPatternProblem } from '../base/domain.ts';
import { type DnsConfig, defaultConfig, type UpstreamConfig } from '../contract/config.ts';
import { fillText, problemTexts } from '../contract/problem-texts.ts';
import { keyOf } from './fake-ranges.ts';
import { parseNameserver } from './nameserver.ts';
import type { PolicyNames } from './policy-names.ts';
import { YamlMap } from './yaml-map.ts';
import { clip, type YamlValue } from './yaml-value.ts';

/** What servers must not be, and may name. */
export interface NameserverContext {
  /** Their addresses would lead back to us. */
  readonly fakeRanges: readonly Cidr[];
  readonly names: PolicyNames;
}

/** Names of interfaces on Linux (netdevice(7)), as far as anybody uses them. */
const interfaceName = /^[A-Za-z][\w.@-]{0,14}$/;

/** What becomes of names when no server of a list can be used: others would be asked, or there are others to ask. */
export type WithoutServers = 'NAMESERVER_NONE' | 'NAMESERVER_NONE_OF_POLICY' | 'may-be-empty';

/**
 * Reads a list of servers (or a single one). A server that cannot be asked is left out with a warning: those beside it are asked
 * about every name as well. Where nobody is left it is an error, unless the list may be empty.
 */
export function readNameservers(
  value: YamlValue,
  context: NameserverContext,
  without: WithoutServers = 'NAMESERVER_NONE',
): UpstreamConfig[] {
  const items = value.oneOrList('NAMESERVER');
  if (items === undefined) return [];
  const upstreams = items.flatMap((item) => readNameserver(item, context) ?? []);
  if (upstreams.length > 32) value.error('TOO_MANY', { limit: '32' });
  if (upstreams.length === 0 && without !== 'may-be-empty') value.error(without, {}, 'NAMESERVER');
  return upstreams;
}

function readNameserver(item: YamlValue, context: NameserverContext): UpstreamConfig | undefined {
  const text = item.lenient.text('NAMESERVER')?.trim();
  if (text === undefined) return undefined;
  const parsed = parseNameserver(text);
  if (!parsed.ok) {
    item.warning(parsed.note.code, parsed.note.values, 'NAMESERVER');
    return undefined;
  }
  const host = hostOf(parsed.upstream);
  const address = host === undefined ? undefined : parseIp(host);
  const fake = address === undefined ? undefined : context.fakeRanges.find((range) => cidrContains(range, address));
  if (fake !== undefined) {
    item.warning('NAMESERVER_FAKE', { address: address ?? '', key: keyOf(fake) }, 'NAMESERVER');
    return undefined;
  }
  for (const { code, values } of parsed.notes) item.warning(code, values);
  return withWay(item, parsed.upstream, context.names);
}

/** What is named behind `#` is an outbound, or else an interface, as in Clash. */
function withWay(item: YamlValue, upstream: UpstreamConfig, names: PolicyNames): UpstreamConfig | undefined {
  if (upstream.kind === 'system' || upstream.kind === 'rcode' || upstream.via === undefined) return upstream;
  const { via, ...rest } = upstream;
  // Clash's word, whatever proxies are named.
  if (via === 'RULES') return { ...rest, byRules: true };
  const problem = names.problem(via);
  if (problem === undefined) return upstream;
  if (names.has(via) || !interfaceName.test(via)) {
    const reason = fillText(problemTexts[problem.code], problem.values);
    item.warning('NAMESERVER_WAY', { reason }, problem.hint);
    return undefined;
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
  const map = YamlMap.of(value);
  const entries: DnsConfig['nameserverPolicy'] = [];
  for (const [key, servers] of map?.entries() ?? []) {
    const patterns: string[] = [];
    for (const part of key.split(',').map((text) => text.trim())) {
      const set = /^(geosite|rule-set):/i.test(part);
      const reason = domainPatternProblem(part);
      // Names of a set would be asked of others; what can be no name is asked of nobody.
      if (set) map?.keyProblem('error', key, 'SETS_LATER', { found: clip(part) }, 'PATTERN');
      else if (reason === undefined) patterns.push(part);
      else map?.keyProblem('warning', key, 'BAD_PATTERN', { found: clip(part), reason }, 'PATTERN');
    }
    if (servers.isNothing) {
      map?.keyProblem('warning', key, 'ITEM_EMPTY');
      continue;
    }
    const list = readNameservers(servers, context, 'NAMESERVER_NONE_OF_POLICY');
    if (patterns.length > 0 && list.length > 0) entries.push({ patterns, servers: list });
  }
  return entries;
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
  map.warnOfRest({ geoip: 'NOTE_GEOIP_FILTER', 'geoip-code': 'NOTE_GEOIP_FILTER', geosite: 'NOTE_NAME_SETS' });
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
