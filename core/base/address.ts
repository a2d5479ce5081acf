/** IP addresses as canonical text, and endpoints. No look-ups: a name stays a name. */
import ipaddr from 'ipaddr.js';
import type { Endpoint } from '../contract/flow.ts';

/** Canonical text of an IPv4 or IPv6 address (RFC 5952), without zone or brackets; IPv4-mapped IPv6 is written as IPv4. */
export type Ip = string;

const dottedQuad = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

/** Reads strict textual addresses only (no `127.1`, no octal); `undefined` if it is none. */
export function parseIp(text: string): Ip | undefined {
  if (dottedQuad.test(text)) return text;
  const address = parseIpv6(text);
  if (address === undefined) return undefined;
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

/** The 128 bits of an address written as IPv6, IPv4-mapped ones as well; `undefined` if it is not written so. */
export function parseIpv6Bits(text: string): bigint | undefined {
  const address = parseIpv6(text);
  return address && bitsOf(address.toByteArray());
}

/**
 * The library reads `::1.2.3.4` as if it were `::ffff:1.2.3.4`, so a dotted tail is first written as the two groups that it
 * stands for (RFC 4291 section 2.2).
 */
function parseIpv6(text: string): ipaddr.IPv6 | undefined {
  if (!text.includes(':') || text.includes('%')) return undefined;
  const tail = text.slice(text.lastIndexOf(':') + 1);
  if (tail.includes('.')) {
    if (!dottedQuad.test(tail)) return undefined;
    const value = ipv4ToNumber(tail);
    const groups = `${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
    return parseIpv6(`${text.slice(0, -tail.length)}${groups}`);
  }
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : undefined;
}

function bitsOf(bytes: Iterable<number>): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

export function ipFamily(ip: Ip): 4 | 6 {
  return ip.includes(':') ? 6 : 4;
}

/** The 32 bits of an IPv4 address as an unsigned number. */
export function ipv4ToNumber(ip: Ip): number {
  let value = 0;
  let octet = 0;
  for (let i = 0; i < ip.length; i++) {
    const c = ip.charCodeAt(i);
    if (c === 46) {
      value = value * 256 + octet;
      octet = 0;
    } else {
      octet = octet * 10 + (c - 48);
    }
  }
  return value * 256 + octet;
}

export function numberToIpv4(value: number): Ip {
  return `${(value >>> 24) & 255}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** All bits as one integer: 32 or 128. */
export function ipToBigInt(ip: Ip): bigint {
  return ipFamily(ip) === 4 ? BigInt(ipv4ToNumber(ip)) : bitsOf(ipToBytes(ip));
}

/** 4 or 16 bytes in network order. */
export function ipToBytes(ip: Ip): Uint8Array {
  return Uint8Array.from(ipaddr.parse(ip).toByteArray());
}

/** From 4 or 16 bytes; anything else is an error of the caller. */
export function bytesToIp(bytes: Uint8Array): Ip {
  const ip = parseIp(ipaddr.fromByteArray([...bytes]).toString());
  if (ip === undefined) throw new RangeError('not an address');
  return ip;
}

export function isLoopback(ip: Ip): boolean {
  return ipFamily(ip) === 4 ? ip.startsWith('127.') : ip === '::1';
}

export function isMulticast(ip: Ip): boolean {
  if (ipFamily(ip) === 6) return ip.startsWith('ff');
  const first = ipv4ToNumber(ip) >>> 28;
  return first === 0xe || ip === '255.255.255.255';
}

export function isUnspecified(ip: Ip): boolean {
  return ip === '0.0.0.0' || ip === '::';
}

/** `host:port`, IPv6 in brackets. */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.host.includes(':') ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}

/** Reads `host:port`, `[v6]:port`; `undefined` when the port is missing or out of range. The host is not checked further. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 0 && port <= 65_535)) return undefined;
  return { host, port };
}
