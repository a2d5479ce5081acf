/** The host of an HTTP/1.x request, read as soon as its line is there (RFC 9112 section 3.2). HTTP/2 with prior knowledge names none. */
import { nothingSniffed, type Sniffed, sniffedName } from './sniffed.ts';

/** A host that comes later than this is not waited for. */
const maxHead = 16_384;

/** Methods are written in capitals, so that a text protocol is known as another one by its first letter. */
const requestLine = /^([A-Z][A-Z0-9_-]{0,31}) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.[01]$/;
/** A value that goes on (obs-fold, RFC 9112 section 5.2): the same parts as of a header line. */
const foldedLine = /^([ \t]+)(.*?)[ \t]*$/;
const headerLine = /^([!#$%&'*+.^_`|~0-9A-Z-]+):[ \t]*(.*?)[ \t]*$/i;

/** Reads what a client has sent so far. `none` at the first byte that no HTTP/1 client would send. */
export function sniffHttp(bytes: Uint8Array): Sniffed {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, maxHead)).toString('latin1');
  const lines = withoutEmptyLines(text).split('\n');
  /** What comes behind the last line feed is no whole line yet. */
  const rest = lines.pop() ?? '';
  const first = lines.shift();
  const more: Sniffed = bytes.length < maxHead ? { kind: 'more', atLeast: bytes.length + 1 } : nothingSniffed;
  if (first === undefined) return mayBegin(rest) ? more : nothingSniffed;
  const [, method, target] = requestLine.exec(withoutReturn(first)) ?? [];
  if (method === undefined || target === undefined) return nothingSniffed;
  // What is asked of a proxy by CONNECT is not the name of the proxy, which is what the connection is for.
  if (method === 'CONNECT') return nothingSniffed;
  // The authority of an absolute target wins over the header (RFC 9112 section 3.2.2).
  const [, authority] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target) ?? [];
  if (authority !== undefined) return named(authority);
  let isHost = false;
  for (const line of lines.map(withoutReturn)) {
    if (line === '') return nothingSniffed;
    const isFolded = /^[ \t]/.test(line);
    const [, header, value] = (isFolded ? foldedLine : headerLine).exec(line) ?? [];
    if (header === undefined || value === undefined) return nothingSniffed;
    if (isHost && !isFolded) return nothingSniffed; // a host without a value
    isHost = isFolded ? isHost : header.toLowerCase() === 'host';
    if (isHost && value !== '') return named(value);
  }
  return more;
}

/** Servers ignore some empty lines before a request (RFC 9112 section 2.2). */
function withoutEmptyLines(text: string): string {
  const rest = text.replace(/^(?:\r?\n){1,4}/, '');
  return rest === '\r' ? '' : rest;
}

/** Whether a request line can begin like this. */
function mayBegin(text: string): boolean {
  const [method = '', target, version, ...others] = text.split(' ');
  if (others.length > 0 || !/^(?:[A-Z][A-Z0-9_-]{0,31})?$/.test(method)) return false;
  if (target === undefined) return true;
  if (method === '' || !/^[\x21-\x7e\x80-\xff]*$/.test(target)) return false;
  return (
    version === undefined || (target !== '' && /^HTTP\/1\.[01]\r$/.test(version + 'HTTP/1.1\r'.slice(version.length)))
  );
}

/** Lines may end in a bare line feed (RFC 9112 section 2.2). */
function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

/** The name in `name[:port]`; user information is not of this connection. */
function named(authority: string): Sniffed {
  const [, host] = /^([^:@[\]]*)(?::\d{0,5})?$/.exec(authority) ?? [];
  const name = host === undefined ? undefined : sniffedName(host);
  return name === undefined ? nothingSniffed : { kind: 'name', name, protocol: 'http' };
}
