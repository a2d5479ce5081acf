/** The server's side of SOCKS5 as bytes (RFC 1928, RFC 1929): what clients send is read, replies are written. No sockets. */
import type { Endpoint } from '../contract/flow.ts';
import { bad, needMore, type Parsed } from './parsed.ts';
import { encodeSocksAddress, parseSocksAddress } from './socks5-address.ts';

export const socks5Version = 5;
export const socks5Methods = { none: 0, password: 2, noneAcceptable: 0xff } as const;
export const socks5Commands = { connect: 1, bind: 2, udpAssociate: 3 } as const;

/** RFC 1928 section 6. */
export const socks5Replies = {
  succeeded: 0,
  generalFailure: 1,
  notAllowed: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  connectionRefused: 5,
  ttlExpired: 6,
  commandNotSupported: 7,
  addressTypeNotSupported: 8,
} as const;

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Socks5Request {
  readonly command: number;
  readonly destination: Endpoint | 'unsupported';
}

/** The methods that a client offers. */
export function parseSocks5Greeting(bytes: Uint8Array): Parsed<readonly number[]> {
  const [version, count] = bytes;
  if (version !== undefined && version !== socks5Version) return bad(`version ${version} is not SOCKS5`);
  if (count === undefined || bytes.length < 2 + count) return needMore;
  return { kind: 'ok', value: [...bytes.subarray(2, 2 + count)], used: 2 + count };
}

export function encodeSocks5Method(method: number): Uint8Array {
  return Uint8Array.of(socks5Version, method);
}

/** User name and password of RFC 1929, read as UTF-8. */
export function parseSocks5Password(bytes: Uint8Array): Parsed<Credentials> {
  const [version, userLength] = bytes;
  if (version !== undefined && version !== 1) return bad(`version ${version} of the password exchange is unknown`);
  if (userLength === undefined) return needMore;
  const passwordLength = bytes[2 + userLength];
  if (passwordLength === undefined) return needMore;
  const used = 3 + userLength + passwordLength;
  if (bytes.length < used) return needMore;
  const text = new TextDecoder();
  const username = text.decode(bytes.subarray(2, 2 + userLength));
  const password = text.decode(bytes.subarray(3 + userLength, used));
  return { kind: 'ok', value: { username, password }, used };
}

export function encodeSocks5PasswordStatus(accepted: boolean): Uint8Array {
  return Uint8Array.of(1, accepted ? 0 : 1);
}

export function parseSocks5Request(bytes: Uint8Array): Parsed<Socks5Request> {
  const [version, command, , type] = bytes;
  if (version !== undefined && version !== socks5Version) return bad(`version ${version} is not SOCKS5`);
  if (command === undefined || type === undefined) return needMore;
  const address = parseSocksAddress(bytes.subarray(3));
  if (address.kind !== 'ok') return address;
  return { kind: 'ok', value: { command, destination: address.value }, used: 3 + address.used };
}

/** A reply; without a bound address unless it is that of a relay: nobody may bind, and no client uses it after CONNECT. */
export function encodeSocks5Reply(reply: number, bound: Endpoint = { host: '0.0.0.0', port: 0 }): Uint8Array {
  return Uint8Array.of(socks5Version, reply, 0, ...encodeSocksAddress(bound));
}
