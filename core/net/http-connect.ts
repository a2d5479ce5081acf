/** What a client asks of an HTTP proxy (RFC 9110 sections 7 and 9.3.6), and the answers of a proxy. Bytes only, no sockets. */
import type { Endpoint } from '../contract/flow.ts';
import { parseHost } from './host.ts';
import { type HttpBodyLength, httpBodyLength } from './http-body.ts';
import { type HttpReader, maxForwards, readerOf } from './http-error.ts';
import { fieldTokens, fieldValues } from './http-fields.ts';
import type { HttpRequestHead } from './http-request.ts';
import type { Credentials } from './socks5.ts';

/** One plain request to be passed on. */
export interface ForwardedHead {
  readonly method: string;
  /** Where it goes, for people. */
  readonly host: string;
  /** Who would read an answer of ours. */
  readonly reader: HttpReader;
  readonly version: '1.0' | '1.1';
  /** As the server must see it; the body follows. */
  readonly head: Uint8Array;
  readonly body: HttpBodyLength;
  /** Whether the client asks to speak another protocol behind this request (WebSocket). */
  readonly upgrade: boolean;
  /** Whether the client would send a further request on this connection. */
  readonly persistent: boolean;
}

export type HttpProxyRequest =
  | { readonly kind: 'connect'; readonly destination: Endpoint }
  | { readonly kind: 'forward'; readonly destination: Endpoint; readonly forward: ForwardedHead }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string };

/** Headers that concern one connection only (RFC 9110 section 7.6.1); `connection` names more. */
const hopByHop = new Set([
  'connection',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'keep-alive',
  'te',
  'upgrade',
  'host',
]);

export function readHttpProxyRequest(head: HttpRequestHead): HttpProxyRequest {
  if (head.method === 'CONNECT') {
    // What some clients write around `host:port` (RFC 9110 section 9.3.6) changes nothing about where they want to go.
    const authority = head.target.slice(head.target.lastIndexOf('@') + 1).replace(/\/$/, '');
    const destination = parseAuthority(authority, 443);
    if (destination === undefined) return refused(400, 'CONNECT needs a target like example.com:443');
    return { kind: 'connect', destination };
  }
  const [, written, path] = /^(?:http|ws):\/\/([^/?#]*)([^#]*)/i.exec(head.target) ?? [];
  if (written === undefined || path === undefined) return refusedTarget(head.target);
  const at = written.lastIndexOf('@');
  const authority = written.slice(at + 1);
  const destination = parseAuthority(authority, 80);
  if (destination === undefined) return refused(400, `"${authority}" is no host`);
  // Some read a backslash as the end of the host (WHATWG URL), others as a part of what is before the "@".
  if (written.includes('\\')) return refused(400, 'the host of the request can be read in two ways');
  if (maxForwards(head) === 0) return refused(501, `${head.method} goes no further, as its Max-Forwards says`);
  const body = httpBodyLength(head);
  if (body === undefined) return refused(400, 'the length of the request cannot be told');
  const options = fieldTokens(head.headers, 'connection', 'proxy-connection');
  // HTTP/2 on this connection would not be understood by us; the server must not offer it (RFC 9110 section 7.8).
  const asked = options.includes('upgrade')
    ? fieldValues(head.headers, 'upgrade').flatMap((value) => value.split(','))
    : [];
  const protocols = asked.map((word) => word.trim()).filter((word) => word !== '' && word.toLowerCase() !== 'h2c');
  const upgrade = protocols.length > 0;
  const persistent = head.version === '1.0' ? options.includes('keep-alive') : !options.includes('close');
  const login = at < 0 ? undefined : decodeLogin(written.slice(0, at));
  const rewritten = rewriteHead(head, authority.replace(/:$/, ''), path, { body, protocols, login });
  const { method, version } = head;
  const { host } = destination;
  const forward = { method, host, reader: readerOf(head), version, head: rewritten, body, upgrade, persistent };
  return { kind: 'forward', destination, forward };
}

/** User and password of `Proxy-Authorization: Basic` (RFC 7617); undefined when there is none. */
export function readBasicCredentials(head: HttpRequestHead): Credentials | undefined {
  const [, encoded] =
    /^basic +([A-Za-z0-9+/]+=*)$/i.exec(fieldValues(head.headers, 'proxy-authorization')[0] ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

export function encodeConnectEstablished(): Uint8Array {
  return Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n');
}

function refusedTarget(target: string): HttpProxyRequest {
  const [, scheme] = /^([a-z][a-z0-9+.-]{0,31}):\/\//i.exec(target) ?? [];
  if (scheme !== undefined) {
    return refused(
      501,
      `this proxy passes on http:// requests; for ${scheme.toLowerCase()}:// ask it by CONNECT, or by SOCKS5`,
    );
  }
  return refused(400, 'this is a proxy for HTTP (CONNECT and http:// requests) and SOCKS5, not a web server');
}

function refused(status: number, message: string): HttpProxyRequest {
  return { kind: 'refused', status, message };
}

/** `host:port` or `[v6]:port`; without a port, or with an empty one, the default. */
function parseAuthority(text: string, defaultPort: number): Endpoint | undefined {
  const [, name, digits = ''] = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{0,5}))?$/.exec(text) ?? [];
  // Names of other scripts arrive in UTF-8; the text has one character a byte.
  const host = name === undefined ? undefined : parseHost(Buffer.from(name, 'latin1').toString('utf8'));
  const port = digits === '' ? defaultPort : Number(digits);
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port };
}

/** `user:password` of a URL as the server is to be told (RFC 7617); undefined when it cannot be decoded. */
function decodeLogin(text: string): string | undefined {
  try {
    const login = decodeURIComponent(text);
    return Buffer.from(login.includes(':') ? login : `${login}:`).toString('base64');
  } catch {
    return undefined;
  }
}

interface Rewriting {
  readonly body: HttpBodyLength;
  /** That the client asks for. */
  readonly protocols: readonly string[];
  readonly login: string | undefined;
}

/** Origin form, one request for the connection, one length, nothing that was meant for the proxy. */
function rewriteHead(head: HttpRequestHead, authority: string, path: string, how: Rewriting): Uint8Array {
  const dropped = new Set([...hopByHop, ...fieldTokens(head.headers, 'connection')]);
  // This frames the body, whatever `Connection` says of it; the length is written anew.
  dropped.delete('transfer-encoding');
  dropped.add('content-length');
  const forwards = maxForwards(head);
  if (forwards !== undefined) dropped.add('max-forwards');
  const isKnown = head.headers.some(([name]) => name.toLowerCase() === 'authorization');
  const hasLength = head.headers.some(([name]) => name.toLowerCase() === 'content-length');
  const lines = [
    `${head.method} ${originForm(head.method, path)} HTTP/${head.version}`,
    `Host: ${authority}`,
    ...head.headers.filter(([name]) => !dropped.has(name.toLowerCase())).map(([name, value]) => `${name}: ${value}`),
    ...(how.login === undefined || isKnown ? [] : [`Authorization: Basic ${how.login}`]),
    ...(hasLength && how.body.kind === 'bytes' ? [`Content-Length: ${how.body.bytes}`] : []),
    ...(forwards === undefined ? [] : [`Max-Forwards: ${forwards - 1}`]),
    ...(how.protocols.length > 0
      ? [`Upgrade: ${how.protocols.join(', ')}`, 'Connection: Upgrade']
      : ['Connection: close']),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** RFC 9112 sections 3.2.1 and 3.2.4: OPTIONS of a whole server has an empty path. */
function originForm(method: string, path: string): string {
  if (method === 'OPTIONS' && path === '') return '*';
  return path.startsWith('/') ? path : `/${path}`;
}
