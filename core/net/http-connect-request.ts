/** The client's request of HTTP CONNECT (RFC 9110 section 9.3.6). Its answer is read by `native/src/http_connect.rs`. */
import { formatEndpoint } from '../base/address.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { HttpFields } from './http-fields.ts';

export interface ConnectRequestOptions {
  readonly username?: string;
  readonly password?: string;
  /** Besides our own, of which they replace those of the same name. No line breaks in them. */
  readonly headers: HttpFields;
}

/** The head of a request for a connection to `to`, a name as it is. The user name and password are sent unasked (RFC 7617). */
export function encodeConnectRequest(to: Endpoint, options: ConnectRequestOptions): Uint8Array {
  const { username, password = '', headers } = options;
  const authority = formatEndpoint(to);
  const login =
    username === undefined ? undefined : `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const own: HttpFields = [
    ['Host', authority],
    ['Proxy-Connection', 'Keep-Alive'],
  ];
  const given = headers.filter(([name]) => login === undefined || name.toLowerCase() !== 'proxy-authorization');
  const isGiven = (name: string): boolean => given.some(([other]) => other.toLowerCase() === name.toLowerCase());
  const fields = [...own.filter(([name]) => !isGiven(name)), ...given];
  if (login !== undefined) fields.push(['Proxy-Authorization', login]);
  const lines = [`CONNECT ${authority} HTTP/1.1`, ...fields.map(([name, value]) => `${name}: ${value}`)];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}
