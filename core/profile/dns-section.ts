/** The `dns` section of a profile: the fake addresses, who gets real ones, and who is asked. */
import { type Cidr, formatCidr, parseCidr } from '../base/cidr.ts';
import { defaultConfig } from '../contract/config.ts';
import type { DnsConfig, DnsMode, UpstreamConfig } from '../contract/dns-config.ts';
import { profileNotes } from '../contract/profile-notes.ts';
import { readFakeIpFilter } from './fake-ip-filter-section.ts';
import { readFakeRange, readFakeRange6 } from './fake-ranges.ts';
import { askedByRules, readBootstrap, readFallbackFilter, readNameservers, readPolicy } from './nameserver-list.ts';
import type { PolicyNames } from './policy-names.ts';
import type { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** What was written; what was not is absent. `hosts` has its own section. */
export type DnsSection = Partial<Omit<DnsConfig, 'hosts'>>;

/** Keys with servers, and where they go. */
const lists = [
  ['fallback', 'fallback'],
  ['proxy-server-nameserver', 'proxyServerNameserver'],
  ['direct-nameserver', 'directNameserver'],
  ['remote-nameserver', 'remoteNameserver'],
] as const;

/** Reads the section; what is wrong is reported and left out. `names` are those that servers may be asked through. */
export function readDns(map: YamlMap, names: PolicyNames): DnsSection {
  const section: DnsSection = {};
  const { mode, isOff } = readModes(map);
  if (mode !== undefined) section.mode = mode;
  readRanges(map, section);
  const context = { fakeRanges: fakeRangesOf(section), names };
  const filter = readFakeIpFilter(map);
  if (filter !== undefined) section.fakeIpFilter = filter;
  const ttl = map.take('fake-ip-ttl')?.lenient.integer(0, 3600);
  if (ttl !== undefined) section.fakeIpTtl = ttl;
  const nameserver = map.take('nameserver');
  if (nameserver !== undefined) {
    // Clash asks the system's servers then, as we do where none are named.
    const servers = readNameservers(nameserver, context, isOff ? 'may-be-empty' : 'NAMESERVER_NONE');
    if (servers.length > 0) section.nameserver = servers;
  }
  for (const [key, field] of lists) {
    const value = map.take(key);
    if (value !== undefined) section[field] = readNameservers(value, context, 'may-be-empty');
  }
  const bootstrap = map.take('default-nameserver');
  if (bootstrap !== undefined) section.bootstrap = readBootstrap(bootstrap, context);
  const policy = map.take('nameserver-policy');
  if (policy !== undefined) section.nameserverPolicy = readPolicy(policy, context);
  const fallbackFilter = map.take('fallback-filter');
  const filtered = fallbackFilter && readFallbackFilter(fallbackFilter);
  if (filtered !== undefined) section.fallbackFilter = filtered;
  const truthful = map.take('truthful')?.lenient.boolean();
  if (truthful !== undefined) section.truthful = truthful;
  const blockDoh = map.take('block-doh')?.lenient.boolean();
  if (blockDoh !== undefined) section.blockDoh = blockDoh;
  const systemHosts = map.take('use-system-hosts')?.lenient.boolean();
  if (systemHosts !== undefined) section.systemHosts = systemHosts;
  const cacheSize = map.take('cache-max-size')?.lenient.integer(0, 1_000_000);
  if (cacheSize !== undefined) section.cacheSize = cacheSize;
  if (map.take('respect-rules')?.lenient.boolean() === true) respectRules(section);
  const ca = map.take('ca');
  const pem = ca === undefined ? undefined : readAuthority(ca);
  map.warnOfRest(profileNotes['dns']);
  return pem === undefined ? section : withAuthority(section, pem);
}

/** As in Clash: the servers for usual names; not those that look up proxies, nameservers, or what goes DIRECT. */
function respectRules(section: DnsSection): void {
  for (const field of ['nameserver', 'fallback'] as const) {
    const list = section[field];
    if (list !== undefined) section[field] = askedByRules(list);
  }
  if (section.nameserverPolicy === undefined) return;
  section.nameserverPolicy = section.nameserverPolicy.map((entry) => ({
    ...entry,
    servers: askedByRules(entry.servers),
  }));
}

/** The ranges of fake addresses that the section leads to. */
export function fakeRangesOf({ fakeIpRange, fakeIpRange6 }: DnsSection): Cidr[] {
  const texts = [fakeIpRange ?? defaultConfig.dns.fakeIpRange, fakeIpRange6 ?? defaultConfig.dns.fakeIpRange6];
  return texts.map((text) => (text === null ? undefined : parseCidr(text))).filter((cidr) => cidr !== undefined);
}

function readRanges(map: YamlMap, section: DnsSection): void {
  const value = map.take('fake-ip-range');
  const range = value && readFakeRange(value);
  if (range !== undefined) section.fakeIpRange = formatCidr(range);
  const ipv6 = map.take('ipv6')?.boolean();
  if (ipv6 !== undefined) section.ipv6 = ipv6;
  const value6 = map.take('fake-ip-range6');
  const range6 = value6 && readFakeRange6(value6);
  if (range6 === undefined) return;
  if (ipv6 === false) value6?.warning('RANGE6_USELESS');
  else section.fakeIpRange6 = formatCidr(range6);
}

/** One or several certificates as text: the helper is given no paths. */
function readAuthority(value: YamlValue): string | undefined {
  const text = value.text('CERTIFICATE');
  if (text === undefined) return undefined;
  if (/^\s*-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s-]*-----END CERTIFICATE-----\s*$/.test(text)) return text;
  value.leftOut('CERTIFICATE', {}, 'CERTIFICATE');
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

/** `isOff`: Clash would not answer DNS with this section at all. */
function readModes(map: YamlMap): { readonly mode: DnsMode | undefined; readonly isOff: boolean } {
  const enable = map.take('enable');
  const isOff = enable?.boolean() === false;
  if (isOff) enable?.warning('NOTE_DNS_ENABLE');
  const mode = map.take('enhanced-mode');
  const word = mode?.choice(['fake-ip', 'redir-host', 'normal'], { mapping: 'redir-host' });
  if (word !== 'normal') return { mode: word, isOff };
  mode?.warning('DNS_NORMAL', {}, { write: 'fake-ip' });
  return { mode: 'redir-host', isOff };
}
