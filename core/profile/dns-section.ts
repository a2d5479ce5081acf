/** The `dns` section of a profile: the fake addresses, who gets real ones, and who is asked. */
import { type Cidr, cidrContains, formatCidr, parseCidr } from '../base/cidr.ts';
import { domainPatternProblem } from '../base/domain.ts';
import { type DnsConfig, defaultConfig, type UpstreamConfig } from '../contract/config.ts';
import { expectedNameserver, parseNameserver } from './nameserver.ts';
import type { YamlMap } from './yaml-map.ts';
import { clip, type YamlValue } from './yaml-value.ts';

/** What was written; what was not is absent. `hosts` has its own section. */
export type DnsSection = Partial<Omit<DnsConfig, 'hosts'>>;

/** Longest prefix of the fake range: 256 addresses. */
const longestRange = 24;
/** Shortest one: the pool and its table are made for no more. */
const shortestRange = 8;

const expectedRange = `an IPv4 prefix from /${shortestRange} to /${longestRange}, e.g. 198.18.0.0/15`;

/** Never hosts' own addresses: faking them would cut off what they are for. */
const specialRanges: readonly (readonly [string, string])[] = [
  ['0.0.0.0/8', 'this network'],
  ['127.0.0.0/8', 'the loopback'],
  ['169.254.0.0/16', 'link-local addresses'],
  ['224.0.0.0/3', 'multicast and reserved addresses'],
];

/** Ranges that no public host has (RFC 1918, 2544, 5737, 6598). */
const unroutedRanges: readonly string[] = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
];

const ignored: Readonly<Record<string, string>> = {
  'default-nameserver': 'ignored: every nameserver is an address, so none has to be looked up first',
  listen: 'ignored: applications reach the DNS server through the TUN; no port is opened',
  'prefer-h3': 'ignored: DNS over HTTPS is not supported yet',
  'use-hosts': 'ignored: hosts are always used',
  'use-system-hosts': "ignored: the system's own hosts file is answered by the system before it asks",
  'respect-rules': 'ignored: nameservers are always asked directly',
  fallback: 'not supported yet: these servers are not asked',
  'fallback-filter': 'not supported yet: there is no fallback to filter',
  'nameserver-policy': 'not supported yet: all names go to nameserver',
  'proxy-server-nameserver': 'not supported yet: names of proxies are asked of nameserver',
  'proxy-server-nameserver-policy': 'not supported yet: names of proxies are asked of nameserver',
  'direct-nameserver': 'not supported yet: names that go DIRECT are asked of nameserver',
  'direct-nameserver-follow-policy': 'not supported yet: there is no policy to follow',
  'cache-algorithm': 'ignored: answers are cached by least recent use',
  'cache-max-size': 'ignored: the cache has a fixed size',
  'fake-ip-range6': 'not supported yet: names get fake IPv4 addresses only',
};

/** Reads the section; what is wrong is reported and left out. */
export function readDns(map: YamlMap): DnsSection {
  const section: DnsSection = {};
  readModes(map);
  const range = map.take('fake-ip-range');
  const cidr = range === undefined ? parseCidr(defaultConfig.dns.fakeIpRange) : readRange(range);
  if (range !== undefined && cidr !== undefined) section.fakeIpRange = formatCidr(cidr);
  const filter = map.take('fake-ip-filter');
  if (filter !== undefined) section.fakeIpFilter = readFilter(filter);
  const ttl = map.take('fake-ip-ttl')?.integer(0, 3600);
  if (ttl !== undefined) section.fakeIpTtl = ttl;
  const nameserver = map.take('nameserver');
  if (nameserver !== undefined) section.nameserver = readNameservers(nameserver, cidr);
  map.warnOfRest(ignored);
  return section;
}

function readModes(map: YamlMap): void {
  const enable = map.take('enable');
  if (enable?.boolean() === false) enable.warning('ignored: Enhanced Mode always answers DNS itself');
  const ipv6 = map.take('ipv6');
  if (ipv6?.boolean() === true) ipv6.warning('not supported yet: names have no IPv6 addresses');
  const mode = map.take('enhanced-mode');
  const word = mode?.choice(['fake-ip', 'redir-host', 'normal']);
  if (word !== undefined && word !== 'fake-ip') mode?.error(`the mode ${word} is not supported yet`, 'fake-ip');
  const filterMode = map.take('fake-ip-filter-mode');
  const filterWord = filterMode?.choice(['blacklist', 'whitelist', 'rule']);
  if (filterWord !== undefined && filterWord !== 'blacklist') {
    filterMode?.error(`the filter mode ${filterWord} is not supported yet`, 'blacklist');
  }
}

function readRange(value: YamlValue): Cidr | undefined {
  const text = value.text(expectedRange);
  if (text === undefined) return undefined;
  const cidr = text.includes('/') ? parseCidr(text) : undefined;
  const wrong = cidr === undefined ? `"${clip(text)}" is no IP prefix` : rangeProblem(cidr);
  if (cidr === undefined || wrong !== undefined) {
    value.error(wrong ?? 'no IP prefix', expectedRange);
    return undefined;
  }
  if (!unroutedRanges.some((range) => isWithin(cidr, range))) {
    value.warning(
      `hosts that really have addresses in ${formatCidr(cidr)} cannot be reached`,
      'a range that no host has',
    );
  }
  return cidr;
}

function rangeProblem(cidr: Cidr): string | undefined {
  if (cidr.family === 6) return 'the range of fake addresses must be IPv4';
  const special = specialRanges.find(([range]) => overlaps(cidr, range));
  if (special !== undefined) return `the range contains addresses of ${special[1]} (${special[0]})`;
  if (cidr.prefix > longestRange)
    return `the range is too small: a /${cidr.prefix} has ${2 ** (32 - cidr.prefix)} addresses`;
  if (cidr.prefix < shortestRange) return 'the range is too large';
  return undefined;
}

function readFilter(value: YamlValue): string[] {
  const patterns: string[] = [];
  for (const item of value.list('a list of domain patterns') ?? []) {
    const text = item.text('a domain pattern');
    if (text === undefined) continue;
    const set = /^(geosite|rule-set):/i.exec(text);
    const wrong = text.length > 255 ? 'the pattern is longer than 255 characters' : domainPatternProblem(text);
    if (set !== null) item.warning(`"${clip(text)}": sets are not supported yet; its names get fake addresses`);
    else if (wrong === undefined) patterns.push(text);
    else item.error(`"${clip(text)}": ${wrong}`, 'a domain pattern such as *.lan, +.example.com or time.example.com');
  }
  if (patterns.length > 100_000) value.error('more than 100,000 patterns');
  return patterns;
}

function readNameservers(value: YamlValue, fakeRange: Cidr | undefined): UpstreamConfig[] {
  const items = value.list(`a list; each entry ${expectedNameserver}`);
  if (items?.length === 0) value.error('the list is empty, so no name could be looked up', expectedNameserver);
  if (items !== undefined && items.length > 32) value.error('more than 32 nameservers');
  const upstreams: UpstreamConfig[] = [];
  for (const item of items ?? []) {
    const text = item.text(expectedNameserver);
    if (text === undefined) continue;
    const parsed = parseNameserver(text.trim());
    if (!parsed.ok) item.error(parsed.message, expectedNameserver);
    else if (
      parsed.upstream.kind === 'udp' &&
      fakeRange !== undefined &&
      cidrContains(fakeRange, parsed.upstream.address)
    ) {
      item.error(`${parsed.upstream.address} is in the fake-ip-range, so we would ask ourselves`, expectedNameserver);
    } else upstreams.push(parsed.upstream);
  }
  return upstreams;
}

function overlaps(cidr: Cidr, text: string): boolean {
  const other = parseCidr(text);
  return other !== undefined && cidr.family === other.family && cidr.first <= other.last && other.first <= cidr.last;
}

function isWithin(cidr: Cidr, text: string): boolean {
  const other = parseCidr(text);
  return other !== undefined && cidr.first >= other.first && cidr.last <= other.last;
}
