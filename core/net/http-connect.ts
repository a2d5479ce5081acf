/** What a client asks of an HTTP proxy (RFC 9110 sections 7 and 9.3.6), and the answers of a proxy. Bytes only, no sockets. */
import type { Endpoint } from '../contract/flow.ts';
import { parseHost } from './host.ts';
import { type HttpBodyLength, httpBodyLength } from './http-body.ts';
import { type HttpRequestHead, headerValues } from './http-request.ts';
import type { Credentials } from './socks5.ts';

export type HttpProxyRequest =
  | { readonly kind: 'connect'; readonly destination: Endpoint }
  /** One plain request to be passed on: `head` as the server must see it, then a body of this length. */
  | {
      readonly kind: 'forward';
      readonly destination: Endpoint;
      readonly head: Uint8Array;
      readonly body: HttpBodyLength;
    }
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
    const destination = parseAuthority(head.target, undefined);
    if (destination === undefined) return refused(400, 'CONNECT needs a target like example.com:443');
    return { kind: 'connect', destination };
  }
  const [, authority, path] = /^http:\/\/([^/?#]*)([^#]*)/i.exec(head.target) ?? [];
  if (authority === undefined || path === undefined) return refusedTarget(head.target);
  const destination = parseAuthority(authority, 80);
  if (destination === undefined) return refused(400, `"${authority}" is no host`);
  const body = httpBodyLength(head);
  if (body === undefined) return refused(400, 'the length of the request cannot be told');
  return { kind: 'forward', destination, head: rewriteHead(head, authority, path), body };
}

/** User and password of `Proxy-Authorization: Basic` (RFC 7617); undefined when there is none. */
export function readBasicCredentials(head: HttpRequestHead): Credentials | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(headerValues(head, 'proxy-authorization')[0] ?? '') ?? [];
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

/** `host:port` or `[v6]:port`; without a port the default, if there is one. User information is refused. */
function parseAuthority(text: string, defaultPort: number | undefined): Endpoint | undefined {
  const [, name, digits] = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = name === undefined ? undefined : parseHost(name);
  const port = digits === undefined ? defaultPort : Number(digits);
  if (host === undefined || port === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port };
}

/** Origin form, one request for the connection, nothing that was meant for the proxy. */
function rewriteHead(head: HttpRequestHead, authority: string, path: string): Uint8Array {
  const named = headerValues(head, 'connection').flatMap((value) => value.toLowerCase().split(','));
  const dropped = new Set([...hopByHop, ...named.map((name) => name.trim())]);
  // These frame the body, whatever `Connection` says of them.
  for (const framing of ['content-length', 'transfer-encoding']) dropped.delete(framing);
  const lines = [
    `${head.method} ${path.startsWith('/') ? path : `/${path}`} HTTP/${head.version}`,
    `Host: ${authority}`,
    ...head.headers.filter(([name]) => !dropped.has(name.toLowerCase())).map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
