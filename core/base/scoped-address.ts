/** Addresses of servers as people and systems write them: with the interface behind a link-local one (RFC 4007 section 11). */
import { type Ip, parseIp } from './address.ts';

export interface ScopedIp {
  readonly address: Ip;
  /** Interface name, or its index as digits; of link-local addresses only, which mean nothing without it. */
  readonly zone?: string;
}

/** Interface names of Linux, as far as anybody uses them (netdevice(7)), and indexes. */
const zonePattern = /^[A-Za-z0-9][\w.@-]{0,14}$/;

/**
 * Reads an address, also as `fe80::53%eth0` and in a URI's spelling `fe80::53%25eth0` (RFC 6874). A zone of another address
 * says nothing and is dropped. Undefined for what is no address, and for a zone that no interface can be called.
 */
export function parseScopedIp(text: string): ScopedIp | undefined {
  const [bare = '', written, ...rest] = text.split('%');
  const address = parseIp(bare);
  if (address === undefined || rest.length > 0) return undefined;
  if (written === undefined) return { address };
  const zone = text.startsWith(`${bare}%25`) && written.length > 2 ? written.slice(2) : written;
  if (!address.includes(':') || !zonePattern.test(zone)) return undefined;
  return isLinkLocal6(address) ? { address, zone } : { address };
}

/** `fe80::53%eth0`. */
export function formatScopedIp({ address, zone }: ScopedIp): string {
  return zone === undefined ? address : `${address}%${zone}`;
}

/** fe80::/10 (RFC 4291 section 2.5.6). */
export function isLinkLocal6(address: Ip): boolean {
  return /^fe[89ab][0-9a-f]:/.test(address);
}

/** The same, and 169.254.0.0/16 (RFC 3927). */
export function isLinkLocal(address: Ip): boolean {
  return isLinkLocal6(address) || address.startsWith('169.254.');
}
