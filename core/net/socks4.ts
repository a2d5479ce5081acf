/** The server's side of SOCKS4 and 4a as bytes (Koblas and Lee's memo, Lee's 4a addition): CONNECT only, no sockets. */
import { bytesToIp } from '../base/address.ts';
import type { Endpoint } from '../contract/flow.ts';
import { parseHost } from './host.ts';
import { bad, needMore, type Parsed } from './parsed.ts';

export const socks4Version = 4;

export interface Socks4Request {
  /** 1 is CONNECT, 2 is BIND. */
  readonly command: number;
  readonly destination: Endpoint;
}

const maxText = 255;

export function parseSocks4Request(bytes: Uint8Array): Parsed<Socks4Request> {
  const [version, command] = bytes;
  if (version !== undefined && version !== socks4Version) return bad(`version ${version} is not SOCKS4`);
  if (command === undefined || bytes.length < 9) return needMore;
  const port = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  const address = bytesToIp(bytes.subarray(4, 8));
  const user = readText(bytes, 8);
  if (user.kind !== 'ok') return user;
  if (!/^0\.0\.0\.[1-9]/.test(address))
    return { kind: 'ok', value: { command, destination: { host: address, port } }, used: user.used };
  const name = readText(bytes, user.used);
  if (name.kind !== 'ok') return name;
  const host = parseHost(name.value);
  if (host === undefined) return bad('the name cannot be one');
  return { kind: 'ok', value: { command, destination: { host, port } }, used: name.used };
}

export function encodeSocks4Reply(granted: boolean): Uint8Array {
  return Uint8Array.of(0, granted ? 0x5a : 0x5b, 0, 0, 0, 0, 0, 0);
}

/** Text up to a NUL; `used` is the place behind it. */
function readText(bytes: Uint8Array, start: number): Parsed<string> {
  const end = bytes.indexOf(0, start);
  if ((end < 0 ? bytes.length : end) - start > maxText) return bad('a field is too long');
  if (end < 0) return needMore;
  return { kind: 'ok', value: new TextDecoder().decode(bytes.subarray(start, end)), used: end + 1 };
}
