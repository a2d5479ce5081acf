/**
 * Names that are not ordinary public ones, each with who says so: the registries of special-use domain names (RFC 6761) and
 * locally served zones (RFC 6303), and what is in use without a registry. Router, filter, suspicion and sniffing share it.
 */
import { comparableDomain } from './domain.ts';

/**
 * What is done with a name:
 * - `loopback`: this machine; nobody is asked
 * - `empty`: it exists and has no records; nobody is asked
 * - `absent`: it does not exist; nobody is asked
 * - `unless-configured`: it does not exist in DNS, but a person may have a use for it: a rule, hosts or nameserver-policy that
 *   is about it decides; without one it is `absent`
 * - `network`: only the servers of the network this machine is in are asked; no proxy and no other server knows it
 * - `ordinary`: like every other name; the registration asks for no special treatment
 */
export type SpecialUse = 'loopback' | 'empty' | 'absent' | 'unless-configured' | 'network' | 'ordinary';

export interface SpecialZone {
  readonly zone: string;
  readonly use: SpecialUse;
  readonly source: string;
}

const rows = (use: SpecialUse, source: string, ...zones: readonly string[]): SpecialZone[] =>
  zones.map((zone) => ({ zone, use, source }));
const range = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

/** The longest zone that holds a name decides. */
export const specialZones: readonly SpecialZone[] = [
  // Special-use domain names
  ...rows('loopback', 'RFC 6761 section 6.3', 'localhost'),
  ...rows('absent', 'RFC 6761 section 6.4', 'invalid'),
  ...rows('unless-configured', 'RFC 6761 section 6.2', 'test'),
  ...rows('ordinary', 'RFC 6761 section 6.5', 'example', 'example.com', 'example.net', 'example.org'),
  ...rows('unless-configured', 'RFC 7686 section 2', 'onion'),
  ...rows('unless-configured', 'RFC 9476 section 3.2', 'alt'),
  ...rows('network', 'RFC 6762 section 3; where multicast DNS is not used, a network serves it', 'local'),
  ...rows('network', 'RFC 8375 section 4', 'home.arpa'),
  ...rows('network', 'RFC 9665 section 10', 'service.arpa'),
  ...rows('network', 'RFC 8880 section 7: the answer tells the NAT64 prefix of this network', 'ipv4only.arpa'),
  ...rows('network', 'RFC 8880 section 7', '170.0.0.192.in-addr.arpa', '171.0.0.192.in-addr.arpa'),
  // Another server's answer would lead programs to ask that server around us.
  ...rows('empty', 'RFC 9462 section 8.2', 'resolver.arpa'),
  // Realms and join proxies, which are never looked up.
  ...rows('absent', 'RFC 9031 section 11', '6tisch.arpa'),
  ...rows('absent', 'RFC 9140 section 5.4', 'eap-noob.arpa'),
  ...rows('absent', 'RFC 9965 section 3', 'eap.arpa'),

  // Private names without a registration in DNS
  ...rows('network', 'ICANN board, 29 July 2024; RFC 6762 appendix G', 'internal'),
  ...rows('network', 'RFC 6762 appendix G', 'lan', 'home', 'corp', 'intranet', 'private'),
  ...rows('network', 'in use by C libraries and DHCP servers', 'localdomain'),
  ...rows('network', "in use by AVM's routers", 'fritz.box'),

  // Reverse zones of addresses that are private or of one link: the network knows its hosts
  ...rows('network', 'RFC 6761 section 6.1', '10.in-addr.arpa', '168.192.in-addr.arpa'),
  ...rows('network', 'RFC 6761 section 6.1', ...range(16, 31).map((octet) => `${octet}.172.in-addr.arpa`)),
  ...rows('network', 'RFC 7793', ...range(64, 127).map((octet) => `${octet}.100.in-addr.arpa`)),
  ...rows('network', 'RFC 6762 section 4', '254.169.in-addr.arpa'),
  ...rows('network', 'RFC 6762 section 4', ...['8', '9', 'a', 'b'].map((digit) => `${digit}.e.f.ip6.arpa`)),
  ...rows('network', 'RFC 6303 section 4.4; RFC 4193 for the other half', 'd.f.ip6.arpa', 'c.f.ip6.arpa'),
  // Those of addresses that no host has
  ...rows('absent', 'RFC 6303 section 4.2', '0.in-addr.arpa', '127.in-addr.arpa', '255.255.255.255.in-addr.arpa'),
  ...rows(
    'absent',
    'RFC 6303 section 4.2',
    '2.0.192.in-addr.arpa',
    '100.51.198.in-addr.arpa',
    '113.0.203.in-addr.arpa',
  ),
  ...rows('absent', 'RFC 6303 section 4.3', `${'0.'.repeat(32)}ip6.arpa`, `1.${'0.'.repeat(31)}ip6.arpa`),
  ...rows('absent', 'RFC 6303 section 4.6', '8.b.d.0.1.0.0.2.ip6.arpa'),
];

const byZone: ReadonlyMap<string, SpecialZone> = new Map(specialZones.map((row) => [row.zone, row]));
const singleLabel: SpecialZone = {
  zone: '',
  use: 'network',
  source: 'RFC 6762 section 6.1 (DNS search list); no public host has one',
};
const numeric: SpecialZone = { zone: '', use: 'absent', source: 'RFC 3696 section 2: no top-level domain is a number' };

/**
 * What is special about a normalised name; undefined for an ordinary public one and for the root. Single labels are names of
 * the network, and addresses are no names.
 */
export function specialZoneOf(name: string): SpecialZone | undefined {
  if (name === '') return undefined;
  let labels = 0;
  for (let rest = name; ; rest = rest.slice(rest.indexOf('.') + 1)) {
    const row = byZone.get(rest);
    if (row !== undefined) return row;
    labels += 1;
    if (rest.includes('.')) continue;
    if (/^\d+$/.test(rest)) return numeric;
    return labels === 1 ? singleLabel : undefined;
  }
}

/** Top-level domains with names that are not ordinary: almost all names are ordinary, and this is asked for each. */
const specialTops: ReadonlySet<string> = new Set(
  specialZones.filter(({ use }) => use !== 'ordinary').map(({ zone }) => zone.slice(zone.lastIndexOf('.') + 1)),
);

/** The use of a normalised name; `ordinary` for a public one. */
export function specialUseOf(name: string): SpecialUse {
  const dot = name.lastIndexOf('.');
  const first = name.charCodeAt(dot + 1);
  const mayBeNumber = first >= 0x30 && first <= 0x39;
  if (dot >= 0 && !mayBeNumber && !specialTops.has(name.slice(dot + 1))) return 'ordinary';
  return specialZoneOf(name)?.use ?? 'ordinary';
}

export function isLoopbackName(name: string): boolean {
  return specialUseOf(name) === 'loopback';
}

/** Whether the last label is a number, so that it is an address, or meant to be one (URL standard, host parsing). */
export function endsInNumber(name: string): boolean {
  return /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(name);
}

/**
 * Whether a host on the internet may have this normalised name: several labels of letters, digits and hyphens, the last one no
 * number, in no special zone. A name that fails says nothing to a proxy.
 */
export function mayBePublicHost(name: string): boolean {
  const comparable = comparableDomain(name);
  if (comparable.length > 253 || !comparable.includes('.')) return false;
  const labels = comparable.split('.');
  if (!labels.every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label))) return false;
  if (endsInNumber(comparable)) return false;
  return specialUseOf(comparable) === 'ordinary';
}
