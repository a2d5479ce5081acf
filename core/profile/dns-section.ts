/** The `dns` section of a profile: the fake addresses, who gets real ones, and who is asked. */
import { type Cidr, formatCidr, parseCidr } from '../base/cidr.ts';
import { type DnsConfig, type DnsMode, defaultConfig, type UpstreamConfig } from '../contract/config.ts';
import { readFakeIpFilter } from './fake-ip-filter-section.ts';
import { readBootstrap, readFallbackFilter, readNameservers, readPolicy } from './nameserver-list.ts';
import type { YamlMap } from './yaml-map.ts';
import { clip, type YamlValue } from './yaml-value.ts';

/** What was written; what was not is absent. `hosts` has its own section. */
export type DnsSection = Partial<Omit<DnsConfig, 'hosts'>>;

/** Longest prefix of the fake range: 256 addresses. */
const longestRange = 24;
/** Shortest one: the pool and its table are made for no more. */
const shortestRange = 8;

const expectedRange = `an IPv4 prefix from /${shortestRange} to /${longestRange}, e.g. 198.18.0.0/15`;

const expectedAuthority = 'the text between (and with) BEGIN CERTIFICATE and END CERTIFICATE, as a block (ca: |)';

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
  listen: 'ignored: applications reach the DNS server through the TUN; no port is opened',
  'prefer-h3': 'ignored: DNS over HTTPS uses HTTP/2',
  'respect-rules': 'ignored: nameservers are always asked directly',
  'proxy-server-nameserver-policy': 'not supported yet: names of proxies are asked of proxy-server-nameserver',
  'direct-nameserver-follow-policy': 'ignored: direct-nameserver is asked for every name that goes DIRECT',
  'cache-algorithm': 'ignored: answers are cached by least recent use',
  'fake-ip-range6': 'not supported yet: names get fake IPv4 addresses only',
};

/** Keys with servers, and where they go. */
const lists = [
  ['fallback', 'fallback'],
  ['proxy-server-nameserver', 'proxyServerNameserver'],
  ['direct-nameserver', 'directNameserver'],
  ['remote-nameserver', 'remoteNameserver'],
] as const;

/** Reads the section; what is wrong is reported and left out. */
export function readDns(map: YamlMap): DnsSection {
  const section: DnsSection = {};
  const mode = readModes(map);
  if (mode !== undefined) section.mode = mode;
  const range = map.take('fake-ip-range');
  const cidr = range === undefined ? parseCidr(defaultConfig.dns.fakeIpRange) : readRange(range);
  if (range !== undefined && cidr !== undefined) section.fakeIpRange = formatCidr(cidr);
  const filter = readFakeIpFilter(map);
  if (filter !== undefined) section.fakeIpFilter = filter;
  const ttl = map.take('fake-ip-ttl')?.integer(0, 3600);
  if (ttl !== undefined) section.fakeIpTtl = ttl;
  const nameserver = map.take('nameserver');
  if (nameserver !== undefined) section.nameserver = readNameservers(nameserver, cidr);
  for (const [key, field] of lists) {
    const value = map.take(key);
    if (value !== undefined) section[field] = readNameservers(value, cidr, true);
  }
  const bootstrap = map.take('default-nameserver');
  if (bootstrap !== undefined) section.bootstrap = readBootstrap(bootstrap, cidr);
  const policy = map.take('nameserver-policy');
  if (policy !== undefined) section.nameserverPolicy = readPolicy(policy, cidr);
  const fallbackFilter = map.take('fallback-filter');
  const filtered = fallbackFilter && readFallbackFilter(fallbackFilter);
  if (filtered !== undefined) section.fallbackFilter = filtered;
  const truthful = map.take('truthful')?.boolean();
  if (truthful !== undefined) section.truthful = truthful;
  const blockDoh = map.take('block-doh')?.boolean();
  if (blockDoh !== undefined) section.blockDoh = blockDoh;
  const ipv6 = map.take('ipv6')?.boolean();
  if (ipv6 !== undefined) section.ipv6 = ipv6;
  const systemHosts = map.take('use-system-hosts')?.boolean();
  if (systemHosts !== undefined) section.systemHosts = systemHosts;
  const cacheSize = map.take('cache-max-size')?.integer(0, 1_000_000);
  if (cacheSize !== undefined) section.cacheSize = cacheSize;
  const ca = map.take('ca');
  const pem = ca === undefined ? undefined : readAuthority(ca);
  map.warnOfRest(ignored);
  return pem === undefined ? section : withAuthority(section, pem);
}

/** One or several certificates as text: the helper is given no paths. */
function readAuthority(value: YamlValue): string | undefined {
  const text = value.text(expectedAuthority);
  if (text === undefined) return undefined;
  if (/^\s*-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s-]*-----END CERTIFICATE-----\s*$/.test(text)) return text;
  value.error('no certificate in PEM', expectedAuthority);
  return undefined;
}

/** Every nameserver with TLS believes that authority besides the usual ones. */
function withAuthority(section: DnsSection, ca: string): DnsSection {
  const secured = (list: readonly UpstreamConfig[]): UpstreamConfig[] =>
    list.map((server) => (server.kind === 'tls' || server.kind === 'https' ? { ...server, ca } : server));
  const changed: DnsSection = { ...section };
  for (const field of ['nameserver', 'bootstrap', ...lists.map(([, name]) => name)] as const) {
    const list = section[field];
    if (list !== undefined) changed[field] = secured(list);
  }
  if (section.nameserverPolicy !== undefined) {
    changed.nameserverPolicy = section.nameserverPolicy.map((entry) => ({ ...entry, servers: secured(entry.servers) }));
  }
  return changed;
}

function readModes(map: YamlMap): DnsMode | undefined {
  const enable = map.take('enable');
  if (enable?.boolean() === false) enable.warning('ignored: Enhanced Mode always answers DNS itself');
  const mode = map.take('enhanced-mode');
  const word = mode?.choice(['fake-ip', 'redir-host', 'normal']);
  if (word !== 'normal') return word;
  mode?.error('the mode normal would leave connections without names', 'fake-ip or redir-host');
  return undefined;
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

function overlaps(cidr: Cidr, text: string): boolean {
  const other = parseCidr(text);
  return other !== undefined && cidr.family === other.family && cidr.first <= other.last && other.first <= cidr.last;
}

function isWithin(cidr: Cidr, text: string): boolean {
  const other = parseCidr(text);
  return other !== undefined && cidr.first >= other.first && cidr.last <= other.last;
}
