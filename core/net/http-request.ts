/** Head of an HTTP/1.x request as bytes (RFC 9112): strict where leniency lets one server see another request than the next. */
import { bad, needMore, type Parsed } from './parsed.ts';

export interface HttpRequestHead {
  readonly method: string;
  /** As written: `example.com:443`, `http://example.com/`, `/`, `*`. */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  /** As written, in order; values without the spaces around them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Bytes of a head, the empty line included. */
export const maxHttpHead = 16_384;

const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([^\s\p{Cc}]+) HTTP\/(1\.[01])$/u;
const headerLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/;

export function parseHttpRequest(bytes: Uint8Array): Parsed<HttpRequestHead> {
  // One character a byte, so that places in the text are places in the bytes and any byte passes through unchanged.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, maxHttpHead)).toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) {
    if (bytes.length >= maxHttpHead) return bad('the head of the request is too long');
    return mayBecomeRequest(text) ? needMore : bad('this is no HTTP request');
  }
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const [, method, target, version] = requestLine.exec(first) ?? [];
  if (method === undefined || target === undefined) return bad('the request line cannot be read');
  const headers: [string, string][] = [];
  for (const line of lines) {
    const [, name, value] = headerLine.exec(line) ?? [];
    if (name === undefined || value === undefined || /[\0\r\n]/.test(value)) return bad('a header line cannot be read');
    headers.push([name, value]);
  }
  return { kind: 'ok', value: { method, target, version: version === '1.0' ? '1.0' : '1.1', headers }, used: end + 4 };
}

/** All values of a header, by its name in lower case. */
export function headerValues(head: HttpRequestHead, name: string): string[] {
  return head.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
}

/** A request begins with its method; other protocols are told apart by their first bytes. */
function mayBecomeRequest(text: string): boolean {
  return /^[A-Za-z-]{0,32}(?: |$)/.test(text);
}
