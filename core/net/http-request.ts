/** Head of an HTTP/1.x request as bytes (RFC 9112 section 3). */
import {
  emptyLinesLength,
  type HttpFields,
  latin1,
  maxHttpHead,
  readHttpFields,
  splitHttpHead,
} from './http-fields.ts';
import { bad, needMore, type Parsed } from './parsed.ts';

export interface HttpRequestHead {
  readonly method: string;
  /** As written, one character a byte: `example.com:443`, `http://example.com/`, `/`, `*`. Any byte above 127 may be in it. */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  readonly headers: HttpFields;
}

const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([^ ]+) HTTP\/1\.(\d)$/;

export function parseHttpRequest(bytes: Uint8Array): Parsed<HttpRequestHead> {
  const split = splitHttpHead(bytes);
  if (split === undefined) {
    if (bytes.length >= maxHttpHead) return bad('the head of the request is too long');
    return mayBecomeRequest(bytes) ? needMore : bad('this is no HTTP request');
  }
  const [, method, target, minor] = requestLine.exec(split.first) ?? [];
  if (method === undefined || target === undefined || !isPrintable(target))
    return bad('the request line cannot be read');
  const headers = readHttpFields(split.lines);
  if (headers === undefined) return bad('a header line cannot be read');
  return { kind: 'ok', value: { method, target, version: minor === '0' ? '1.0' : '1.1', headers }, used: split.length };
}

/** A request begins with its method; other protocols are told apart by their first bytes. */
function mayBecomeRequest(bytes: Uint8Array): boolean {
  const start = emptyLinesLength(bytes);
  return /^\r?[!#$%&'*+.^_`|~0-9A-Za-z-]{0,32}(?: |$)/.test(latin1(bytes, start, start + 64));
}

/** No spaces, no controls of ASCII; bytes above 127 are what browsers and curl send for other scripts. */
function isPrintable(target: string): boolean {
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f) return false;
  }
  return true;
}
