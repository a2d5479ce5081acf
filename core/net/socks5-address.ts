/** Address and port as SOCKS5 writes them (RFC 1928 section 5): ATYP, address, port. */
import { bytesToIp, ipFamily, ipToBytes, parseIp } from '../base/address.ts';
import type { Endpoint } from '../contract/flow.ts';
import { parseHost } from './host.ts';
import { bad, needMore, type Parsed } from './parsed.ts';

export const addressTypes = { ipv4: 1, name: 3, ipv6: 4 } as const;

/** Bytes from ATYP to port. A name must have 1 to 255 bytes; a longer one is an error of the caller. */
export function encodeSocksAddress({ host, port }: Endpoint): Uint8Array {
  const ip = parseIp(host);
  if (ip !== undefined) {
    const type = ipFamily(ip) === 4 ? addressTypes.ipv4 : addressTypes.ipv6;
    return Uint8Array.from([type, ...ipToBytes(ip), port >> 8, port & 255]);
  }
  const name = new TextEncoder().encode(host);
  if (name.length === 0 || name.length > 255) throw new RangeError('a name has 1 to 255 bytes');
  return Uint8Array.from([addressTypes.name, name.length, ...name, port >> 8, port & 255]);
}

/** `unsupported` is an ATYP that RFC 1928 does not know: its length, and so what follows, cannot be told. */
export function parseSocksAddress(bytes: Uint8Array): Parsed<Endpoint | 'unsupported'> {
  const type = bytes[0];
  if (type === undefined) return needMore;
  const start = type === addressTypes.name ? 2 : 1;
  const length = addressLength(type, bytes[1]);
  if (length === 'unsupported') return { kind: 'ok', value: 'unsupported', used: bytes.length };
  if (length === undefined || bytes.length < start + length + 2) return needMore;
  const address = bytes.subarray(start, start + length);
  const host = type === addressTypes.name ? parseHost(new TextDecoder().decode(address)) : bytesToIp(address);
  if (host === undefined) return bad('the name cannot be one');
  const port = ((bytes[start + length] ?? 0) << 8) | (bytes[start + length + 1] ?? 0);
  return { kind: 'ok', value: { host, port }, used: start + length + 2 };
}

function addressLength(type: number, nameLength: number | undefined): number | undefined | 'unsupported' {
  if (type === addressTypes.ipv4) return 4;
  if (type === addressTypes.ipv6) return 16;
  return type === addressTypes.name ? nameLength : 'unsupported';
}
