/** The lists of nameservers in a profile's `dns` section, and who is asked about which names. */
import { parseIp } from '../base/address.ts';
import { type Cidr, cidrContains, parseCidr } from '../base/cidr.ts';
import { domainPatternProblem } from '../base/domain.ts';
import type { DnsConfig, UpstreamConfig } from '../contract/config.ts';
import { keyOf } from './fake-ranges.ts';
import { expectedNameserver, parseNameserver } from './nameserver.ts';
import type { PolicyNames } from './policy-names.ts';
import { YamlMap } from './yaml-map.ts';
import { clip, type YamlValue } from './yaml-value.ts';

const expectedPattern = 'a domain pattern such as *.lan, +.example.com or time.example.com';

/** What servers must not be, and may name. */
export interface NameserverContext {
  /** Their addresses would lead back to us. */
  readonly fakeRanges: readonly Cidr[];
  readonly names: PolicyNames;
}

/** Names of interfaces on Linux (netdevice(7)), as far as anybody uses them. */
const interfaceName = /^[A-Za-z][\w.@-]{0,14}$/;

/** Reads a list of servers (or a single one); wrong entries are reported and left out. */
export function readNameservers(value: YamlValue, context: NameserverContext, mayBeEmpty = false): UpstreamConfig[] {
  const items = value.isList ? value.list(`a list; each entry ${expectedNameserver}`) : [value];
  if (items?.length === 0 && !mayBeEmpty) {
    value.error('the list is empty, so no name could be looked up', expectedNameserver);
  }
  if (items !== undefined && items.length > 32) value.error('more than 32 nameservers');
  const upstreams: UpstreamConfig[] = [];
  for (const item of items ?? []) {
    const text = item.text(expectedNameserver);
    if (text === undefined) continue;
    const parsed = parseNameserver(text.trim());
    if (!parsed.ok) {
      item.error(parsed.message, expectedNameserver);
      continue;
    }
    const host = hostOf(parsed.upstream);
    const address = host === undefined ? undefined : parseIp(host);
    const fake = address === undefined ? undefined : context.fakeRanges.find((range) => cidrContains(range, address));
    if (fake !== undefined) {
      item.error(`${address} is in the ${keyOf(fake)}, so we would ask ourselves`, expectedNameserver);
      continue;
    }
    if (parsed.ignored !== undefined) item.warning(`the parameter ${parsed.ignored} changes nothing here`);
    const upstream = withWay(item, parsed.upstream, context.names);
    if (upstream !== undefined) upstreams.push(upstream);
  }
  return upstreams;
}

/** What is named behind `#` is an outbound, or else an interface, as in Clash. */
function withWay(item: YamlValue, upstream: UpstreamConfig, names: PolicyNames): UpstreamConfig | undefined {
  if (upstream.kind === 'system' || upstream.kind === 'rcode' || upstream.via === undefined) return upstream;
  const { via, ...rest } = upstream;
  const problem = names.problem(via);
  if (problem === undefined) return upstream;
  if (names.has(via) || !interfaceName.test(via)) {
    item.error(problem.message, problem.expected);
    return undefined;
  }
  item.warning(`no proxy is named "${clip(via)}", so it is taken for a network interface`);
  return { ...rest, device: via };
}

/** `default-nameserver`: they look up the names of the others, so they must be addresses themselves. */
export function readBootstrap(value: YamlValue, context: NameserverContext): UpstreamConfig[] {
  return readNameservers(value, context, true).filter((server) => {
    const host = hostOf(server);
    if (host === undefined || parseIp(host) !== undefined) return true;
    value.error(`"${clip(host)}" is a name, which nobody could look up`, 'addresses such as 192.0.2.53');
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
      const problem = set ? 'sets of names are not supported yet' : domainPatternProblem(part);
      if (problem === undefined) patterns.push(part);
      else map?.keyProblem('error', key, `"${clip(part)}": ${problem}`, expectedPattern);
    }
    const list = readNameservers(servers, context);
    if (patterns.length > 0 && list.length > 0) entries.push({ patterns, servers: list });
  }
  return entries;
}

/** When the fallback's answer is taken. */
export function readFallbackFilter(value: YamlValue): DnsConfig['fallbackFilter'] | undefined {
  const map = YamlMap.of(value);
  if (map === undefined) return undefined;
  const ipcidr = readTexts(map.take('ipcidr'), 'a prefix such as 240.0.0.0/4', (text) =>
    parseCidr(text) === undefined ? 'no IP prefix' : undefined,
  );
  const domain = readTexts(map.take('domain'), expectedPattern, domainPatternProblem);
  map.warnOfRest({
    geoip: 'ignored: addresses are not looked up by country yet',
    'geoip-code': 'ignored: addresses are not looked up by country yet',
    geosite: 'not supported yet: sets of names',
  });
  return { ipcidr, domain };
}

function readTexts(
  value: YamlValue | undefined,
  expected: string,
  problemOf: (text: string) => string | undefined,
): string[] {
  return (value?.list(`a list; each entry ${expected}`) ?? []).flatMap((item) => {
    const text = item.text(expected);
    if (text === undefined) return [];
    const problem = problemOf(text);
    if (problem === undefined) return [text];
    item.error(`"${clip(text)}": ${problem}`, expected);
    return [];
  });
}

function hostOf(server: UpstreamConfig): string | undefined {
  if (server.kind === 'udp') return server.address;
  return 'host' in server ? server.host : undefined;
}
