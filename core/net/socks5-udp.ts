/** Datagrams between a SOCKS5 client and its relay (RFC 1928 section 7): RSV, FRAG, address, data. Bytes only, no sockets. */
import type { Endpoint } from '../contract/flow.ts';
import { encodeSocksAddress, parseSocksAddress } from './socks5-address.ts';

export interface SocksDatagram {
  /** Where it goes to, or comes from. */
  readonly peer: Endpoint;
  readonly data: Uint8Array;
}

/** Undefined for what is none, and for fragments: a relay that does not reassemble must drop them. */
export function parseSocksDatagram(bytes: Uint8Array): SocksDatagram | undefined {
  if (bytes.length < 4 || bytes[2] !== 0) return undefined;
  const address = parseSocksAddress(bytes.subarray(3));
  if (address.kind !== 'ok' || address.value === 'unsupported' || address.value.port === 0) return undefined;
  return { peer: address.value, data: bytes.subarray(3 + address.used) };
}

export function encodeSocksDatagram({ peer, data }: SocksDatagram): Uint8Array {
  return Buffer.concat([Uint8Array.of(0, 0, 0), encodeSocksAddress(peer), data]);
}
