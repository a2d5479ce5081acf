/** The keys `fake-ip-range` and `fake-ip-range6` of a profile's `dns` section: where fake addresses come from. */
import { type Cidr, cidrsOverlap, cidrWithin, firstInside, formatCidr, parseCidr } from '../base/cidr.ts';
import { defaultConfig } from '../contract/config.ts';
import { clip } from './clip.ts';
import type { YamlValue } from './yaml-value.ts';

/** Longest prefix of the fake range: 256 addresses. */
const longestRange = 24;
/** Shortest one: the pool and its table are made for no more. */
const shortestRange = 8;
/** Of IPv6: a fake IPv4 address must find room behind it. */
const longestRange6 = 96;

/** Never hosts' own addresses: faking them would cut off what they are for. */
const specialRanges: readonly (readonly [string, string])[] = [
  ['0.0.0.0/8', 'this network'],
  ['127.0.0.0/8', 'the loopback'],
  ['169.254.0.0/16', 'link-local addresses'],
  ['224.0.0.0/3', 'multicast and reserved addresses'],
  ['::/96', 'the loopback and others of this machine'],
  ['64:ff9b::/96', 'IPv4 hosts behind NAT64'],
  ['fe80::/10', 'link-local addresses'],
  ['ff00::/8', 'multicast addresses'],
];

/** Ranges that no public host has (RFC 1918, 2544, 5737, 6598; 3849, 4193, 5180, 6666). */
const unroutedRanges: readonly string[] = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '100::/64',
  '2001:2::/48',
  '2001:db8::/32',
  'fc00::/7',
];

/** Reads `fake-ip-range`; for what cannot be one the usual range is used: the addresses mean nothing outside. */
export function readFakeRange(value: YamlValue): Cidr | undefined {
  return checked(value, 'RANGE', (cidr) => {
    if (cidr.family === 6) return 'the range of fake addresses must be IPv4';
    const special = specialIn(cidr);
    if (special !== undefined) return special;
    if (cidr.prefix > longestRange)
      return `the range is too small: a /${cidr.prefix} has ${2 ** (32 - cidr.prefix)} addresses`;
    return cidr.prefix < shortestRange ? 'the range is too large' : undefined;
  });
}

/** Reads `fake-ip-range6`, of which the first /96 is used; what cannot be one is left out with a warning. */
export function readFakeRange6(value: YamlValue): Cidr | undefined {
  return checked(value, 'RANGE6', (cidr) => {
    if (cidr.family === 4) return 'the range of fake IPv6 addresses must be IPv6';
    if (cidr.prefix > longestRange6) return `the range is too small: no IPv4 address has room in a /${cidr.prefix}`;
    return specialIn(cidr);
  });
}

/** The key by which a range is set. */
export function keyOf(range: Cidr): string {
  return range.family === 4 ? 'fake-ip-range' : 'fake-ip-range6';
}

function checked(
  value: YamlValue,
  hint: 'RANGE' | 'RANGE6',
  problemOf: (cidr: Cidr) => string | undefined,
): Cidr | undefined {
  const text = value.lenient.text(hint)?.trim();
  if (text === undefined || text === '') return undefined;
  const written = text.includes('/') ? parseCidr(text) : undefined;
  const isRange6 = written?.family === 6 && written.prefix <= longestRange6;
  const cidr = isRange6 ? firstInside(written, longestRange6) : written;
  const reason = written === undefined ? `"${clip(text)}" is no IP prefix` : problemOf(written);
  if (cidr === undefined || reason !== undefined) {
    const usual = hint === 'RANGE' ? defaultConfig.dns.fakeIpRange : defaultConfig.dns.fakeIpRange6;
    const why = reason ?? 'no IP prefix';
    if (usual === null) value.warning('RANGE_LEFT_OUT', { reason: why }, hint);
    else value.warning('RANGE', { reason: why, used: usual }, hint);
    return undefined;
  }
  if (!unroutedRanges.some((range) => isWithin(cidr, range))) {
    value.warning('RANGE_REAL', { range: formatCidr(cidr) }, 'RANGE_FREE');
  }
  return cidr;
}

function specialIn(cidr: Cidr): string | undefined {
  const special = specialRanges.find(([range]) => overlaps(cidr, range));
  return special && `the range contains addresses of ${special[1]} (${special[0]})`;
}

function overlaps(cidr: Cidr, text: string): boolean {
  const other = parseCidr(text);
  return other !== undefined && cidrsOverlap(cidr, other);
}

function isWithin(cidr: Cidr, text: string): boolean {
  const other = parseCidr(text);
  return other !== undefined && cidrWithin(cidr, other);
}
