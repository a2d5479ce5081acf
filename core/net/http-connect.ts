/** What a client asks of an HTTP proxy (RFC 9110 sections 7 and 9.3.6), and the answers of a proxy. Bytes only, no sockets. */
import type { Endpoint } from '../contract/flow.ts';
import { parseHost } from './host.ts';
import { type HttpBodyLength, httpBodyLength } from './http-body.ts';
import { fieldTokens, fieldValues } from './http-fields.ts';
import type { HttpRequestHead } from './http-request.ts';
import type { Credentials } from './socks5.ts';

/** One plain request to be passed on. */
export interface ForwardedHead {
  readonly method: string;
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
  const body = httpBodyLength(head);
  if (body === undefined) return refused(400, 'the length of the request cannot be told');
  const options = fieldTokens(head.headers, 'connection', 'proxy-connection');
  // HTTP/2 on this connection would not be understood by us; the server must not offer it (RFC 9110 section 7.8).
  const protocols = fieldTokens(head.headers, 'upgrade').filter((protocol) => protocol !== 'h2c');
  const upgrade = protocols.length > 0 && options.includes('upgrade');
  const persistent = head.version === '1.0' ? options.includes('keep-alive') : !options.includes('close');
  const login = at < 0 ? undefined : decodeLogin(written.slice(0, at));
  const rewritten = rewriteHead(head, authority.replace(/:$/, ''), path, { body, upgrade, login });
  const forward = { method: head.method, version: head.version, head: rewritten, body, upgrade, persistent };
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

/** An answer of our own with a short text for people; the connection ends after it. */
export function encodeHttpError(status: number, message: string): Uint8Array {
  const body = Buffer.from(`${message}\n`);
  const challenge = status === 407 ? 'Proxy-Authenticate: Basic realm="Mirage", charset="UTF-8"\r\n' : '';
  const head =
    `HTTP/1.1 ${status} ${reasons[status] ?? 'Error'}\r\n${challenge}` +
    `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

const reasons: Record<number, string> = {
  400: 'Bad Request',
  403: 'Forbidden',
  407: 'Proxy Authentication Required',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  504: 'Gateway Timeout',
};

function refusedTarget(target: string): HttpProxyRequest {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return refused(501, 'for anything but http:// ask by CONNECT');
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
  readonly upgrade: boolean;
  readonly login: string | undefined;
}

/** Origin form, one request for the connection, one length, nothing that was meant for the proxy. */
function rewriteHead(head: HttpRequestHead, authority: string, path: string, how: Rewriting): Uint8Array {
  const dropped = new Set([...hopByHop, ...fieldTokens(head.headers, 'connection')]);
  // This frames the body, whatever `Connection` says of it; the length is written anew.
  dropped.delete('transfer-encoding');
  dropped.add('content-length');
  const isKnown = head.headers.some(([name]) => name.toLowerCase() === 'authorization');
  const hasLength = head.headers.some(([name]) => name.toLowerCase() === 'content-length');
  const lines = [
    `${head.method} ${originForm(head.method, path)} HTTP/${head.version}`,
    `Host: ${authority}`,
    ...head.headers.filter(([name]) => !dropped.has(name.toLowerCase())).map(([name, value]) => `${name}: ${value}`),
    ...(how.login === undefined || isKnown ? [] : [`Authorization: Basic ${how.login}`]),
    ...(hasLength && how.body.kind === 'bytes' ? [`Content-Length: ${how.body.bytes}`] : []),
    ...(how.upgrade
      ? [`Upgrade: ${fieldValues(head.headers, 'upgrade').join(', ')}`, 'Connection: Upgrade']
      : ['Connection: close']),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** RFC 9112 sections 3.2.1 and 3.2.4: OPTIONS of a whole server has an empty path. */
function originForm(method: string, path: string): string {
  if (method === 'OPTIONS' && path === '') return '*';
  return path.startsWith('/') ? path : `/${path}`;
}
