/** IP prefixes: parsing, containment, arithmetic on IPv4 ranges. */
import {
  bytesToIp,
  type Ip,
  ipFamily,
  ipToBigInt,
  ipv4ToNumber,
  numberToIpv4,
  parseIp,
  parseIpv6Bits,
} from './address.ts';

export interface Cidr {
  readonly family: 4 | 6;
  /** The address as written, canonical; host bits are kept, but not those of a mapped IPv4 address in a shorter prefix. */
  readonly address: Ip;
  readonly prefix: number;
  /** First and last address as integers. */
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Reads `192.0.2.0/24`, `2001:db8::/32`, or a bare address as a full-length prefix; `undefined` if it is none. What lies
 * within `::ffff:0:0/96` is the IPv4 prefix that it maps (RFC 4291 section 2.5.5.2); a shorter one covers more than IPv4.
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const written = slash < 0 ? text : text.slice(0, slash);
  const address = parseIp(written);
  if (address === undefined) return undefined;
  const bits = written.includes(':') ? 128 : 32;
  const suffix = slash < 0 ? String(bits) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(suffix)) return undefined;
  const length = Number(suffix);
  if (length > bits) return undefined;
  const mapped = bits === 128 && ipFamily(address) === 4;
  if (!mapped) return cidrOf(address, bits, ipToBigInt(address), length);
  if (length >= mappedPrefix) return cidrOf(address, 32, ipToBigInt(address), length - mappedPrefix);
  const cidr = cidrOf(address, 128, parseIpv6Bits(written) ?? 0n, length);
  return { ...cidr, address: ipv6Of(cidr.first) };
}

/** Leading bits of the mapped IPv4 addresses. */
const mappedPrefix = 96;

function cidrOf(address: Ip, bits: 32 | 128, value: bigint, prefix: number): Cidr {
  const hostBits = BigInt(bits - prefix);
  const first = (value >> hostBits) << hostBits;
  return { family: bits === 32 ? 4 : 6, address, prefix, first, last: first + (1n << hostBits) - 1n };
}

export function cidrContains(cidr: Cidr, ip: Ip): boolean {
  if (ipFamily(ip) !== cidr.family) return false;
  const value = ipToBigInt(ip);
  return value >= cidr.first && value <= cidr.last;
}

export function cidrsOverlap(one: Cidr, other: Cidr): boolean {
  return one.family === other.family && one.first <= other.last && other.first <= one.last;
}

/** Whether all of `inner` is in `outer`. */
export function cidrWithin(inner: Cidr, outer: Cidr): boolean {
  return inner.family === outer.family && inner.first >= outer.first && inner.last <= outer.last;
}

/** What is left of a prefix without another one: nothing, itself, or as few prefixes as there can be. */
export function cidrWithout(cidr: Cidr, hole: Cidr): Cidr[] {
  if (!cidrsOverlap(cidr, hole)) return [cidr];
  if (cidrWithin(cidr, hole)) return [];
  const lower = firstInside(cidr, cidr.prefix + 1);
  const upper = { ...lower, first: lower.last + 1n, last: cidr.last };
  return [...cidrWithout(lower, hole), ...cidrWithout(upper, hole)];
}

/** `network/prefix` with the host bits cleared. */
export function formatCidr({ family, first, prefix }: Cidr): string {
  return `${family === 4 ? numberToIpv4(Number(first)) : ipv6Of(first)}/${prefix}`;
}

function ipv6Of(value: bigint): Ip {
  return bytesToIp(Uint8Array.from({ length: 16 }, (_, i) => Number((value >> BigInt((15 - i) * 8)) & 0xffn)));
}

/** The first prefix of this length inside a shorter one. */
export function firstInside(cidr: Cidr, prefix: number): Cidr {
  const last = cidr.first + (1n << BigInt((cidr.family === 4 ? 32 : 128) - prefix)) - 1n;
  return { ...cidr, prefix, last };
}

/** First and last address of an IPv4 prefix as unsigned 32-bit numbers. */
export function ipv4Range(cidr: Cidr): { first: number; last: number } {
  return { first: Number(cidr.first), last: Number(cidr.last) };
}

export function ipv4InRange(ip: Ip, first: number, last: number): boolean {
  if (ipFamily(ip) !== 4) return false;
  const value = ipv4ToNumber(ip);
  return value >= first && value <= last;
}
