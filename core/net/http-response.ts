/** Head of an HTTP/1.x response as bytes, and the same for the client of a proxy (RFC 9112 sections 4 and 9). */

import type { HttpBodyLength } from './http-body.ts';
import {
  fieldTokens,
  fieldValues,
  type HttpFields,
  latin1,
  maxHttpHead,
  readHttpFields,
  splitHttpHead,
} from './http-fields.ts';
import { bad, needMore, type Parsed } from './parsed.ts';

export interface HttpResponseHead {
  /** The status line as it was received. */
  readonly line: string;
  readonly version: '1.0' | '1.1';
  readonly status: number;
  readonly headers: HttpFields;
}

/** Where the body ends; `until-close`: where the connection does. */
export type HttpResponseLength = HttpBodyLength | { readonly kind: 'until-close' };

const statusLine = /^HTTP\/1\.(\d) (\d{3})(?: .*)?$/s;

/** `bad` is what is no HTTP/1.x at all (HTTP/0.9, ICY) or too long: it can only be passed on as it is. */
export function parseHttpResponse(bytes: Uint8Array): Parsed<HttpResponseHead> {
  if (!'HTTP/1.'.startsWith(latin1(bytes, 0, 7))) return bad('no HTTP/1.x');
  const split = splitHttpHead(bytes);
  if (split === undefined) return bytes.length >= maxHttpHead ? bad('the head is too long') : needMore;
  const [, minor, status] = statusLine.exec(split.first) ?? [];
  const headers = readHttpFields(split.lines);
  if (status === undefined || headers === undefined) return bad('the head cannot be read');
  const version = minor === '0' ? '1.0' : '1.1';
  return { kind: 'ok', value: { line: split.first, version, status: Number(status), headers }, used: split.length };
}

/** RFC 9112 section 6.3, of the answer to a request with `method`. A length that says two things is none. */
export function httpResponseLength(head: HttpResponseHead, method: string): HttpResponseLength {
  if (method === 'HEAD' || head.status < 200 || head.status === 204 || head.status === 304) {
    return { kind: 'bytes', bytes: 0 };
  }
  const codings = fieldTokens(head.headers, 'transfer-encoding');
  if (codings.length > 0) return codings.at(-1) === 'chunked' ? { kind: 'chunked' } : { kind: 'until-close' };
  const lengths = new Set(fieldTokens(head.headers, 'content-length'));
  const [length] = lengths;
  if (length === undefined || lengths.size > 1 || !/^\d{1,15}$/.test(length)) return { kind: 'until-close' };
  return { kind: 'bytes', bytes: Number(length) };
}

const hopByHop = new Set(['connection', 'proxy-connection', 'keep-alive']);

/** The head for the client: what concerned the server's connection only is replaced by what becomes of the client's. */
export function rewriteHttpResponse(
  head: HttpResponseHead,
  length: HttpResponseLength,
  keepAlive: boolean,
): Uint8Array {
  const dropped = new Set([...hopByHop, ...fieldTokens(head.headers, 'connection')]);
  // These frame the body, whatever `Connection` says of them.
  for (const framing of ['content-length', 'transfer-encoding', 'upgrade']) dropped.delete(framing);
  // Beside a coding, and where two of them differ, a length can only mislead (RFC 9112 section 6.3).
  if (fieldValues(head.headers, 'transfer-encoding').length > 0 || length.kind === 'until-close')
    dropped.add('content-length');
  let lengths = 0;
  const kept = head.headers.filter(([name]) => {
    const plain = name.toLowerCase();
    if (plain === 'content-length') lengths += 1;
    return !dropped.has(plain) && !(plain === 'content-length' && lengths > 1);
  });
  const lines = [
    head.line,
    ...kept.map(([name, value]) => `${name}: ${value}`),
    `Connection: ${keepAlive ? 'keep-alive' : 'close'}`,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
