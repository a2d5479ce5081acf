/**
 * The lines of an HTTP/1.x head (RFC 9112 sections 2.2 and 5): strict where leniency lets one side see another message than the
 * next one, lenient where the head is written anew and so cannot be read in two ways.
 */

/** As written, in order; values without the spaces around them. */
export type HttpFields = readonly (readonly [name: string, value: string])[];

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Bytes of a head, the empty line included. */
export const maxHttpHead = 65_536;

const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?=:)/;
/** A fold could hide what decides about the end of the message and about its receiver. */
const neverFolded = new Set(['transfer-encoding', 'content-length', 'host', 'connection']);

/**
 * First line, field lines (one character a byte, so that any byte passes through unchanged) and length of a head; undefined while
 * its end is not there, or not among the first `maxHttpHead` bytes. Nothing behind the head is decoded.
 */
export function splitHttpHead(bytes: Uint8Array): { first: string; lines: string[]; length: number } | undefined {
  const start = emptyLinesLength(bytes);
  const end = headEnd(bytes, start);
  if (end === undefined) return undefined;
  const [first = '', ...lines] = latin1(bytes, start, end)
    .replace(/\r?\n\r?\n$/, '')
    .split(/\r?\n/);
  return { first, lines, length: end };
}

/** Length of the empty lines before a message: they are left over from the body of the one before (RFC 9112 section 2.2). */
export function emptyLinesLength(bytes: Uint8Array): number {
  let at = 0;
  for (;;) {
    if (bytes[at] === lineFeed) at += 1;
    else if (bytes[at] === carriageReturn && bytes[at + 1] === lineFeed) at += 2;
    else return at;
  }
}

/** These bytes as text, one character a byte. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  const slice = bytes.subarray(start, end);
  return Buffer.from(slice.buffer, slice.byteOffset, slice.length).toString('latin1');
}

/** Undefined when a line cannot be read: no name, a space before the colon, a lone CR, a NUL, a fold where none may be. */
export function readHttpFields(lines: readonly string[]): HttpFields | undefined {
  const fields: [string, string][] = [];
  for (const line of lines) {
    if (/[\0\r]/.test(line)) return undefined;
    const last = fields.at(-1);
    if (/^[ \t]/.test(line)) {
      if (last === undefined || neverFolded.has(last[0].toLowerCase())) return undefined;
      last[1] = withoutSpaces(`${last[1]} ${withoutSpaces(line)}`);
      continue;
    }
    const [name] = fieldName.exec(line) ?? [];
    if (name === undefined) return undefined;
    fields.push([name, withoutSpaces(line.slice(name.length + 1))]);
  }
  return fields;
}

/** All values of a field, by its name in lower case. */
export function fieldValues(fields: HttpFields, name: string): string[] {
  return fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
}

/** The members of fields that are lists (RFC 9110 section 5.6.1), in lower case. */
export function fieldTokens(fields: HttpFields, ...names: readonly string[]): string[] {
  return names
    .flatMap((name) => fieldValues(fields, name))
    .flatMap((value) => value.split(','))
    .map((token) => withoutSpaces(token).toLowerCase())
    .filter((token) => token !== '');
}

/** Optional white space is SP and HTAB, nothing else (RFC 9110 section 5.6.3): a vertical tab is part of the value. */
function withoutSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  // No pattern: one that looks for spaces at the end takes the square of their number.
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * Whether a head that grows byte by byte is worth reading: it is new, short, too long, or ends at or behind `from`, where the search
 * before stopped. Reading it at every byte would take the square of its length.
 */
export function isHeadWorthReading(bytes: Uint8Array, from: number): boolean {
  if (from === 0 || bytes.length <= 128 || bytes.length >= maxHttpHead) return true;
  return headEnd(bytes, Math.max(from - 2, 0)) !== undefined;
}

/** Where the first empty line behind `from` ends. */
function headEnd(bytes: Uint8Array, from: number): number | undefined {
  const head = bytes.subarray(0, maxHttpHead);
  for (let at = head.indexOf(lineFeed, from); at >= 0; at = head.indexOf(lineFeed, at + 1)) {
    if (head[at + 1] === lineFeed) return at + 2;
    if (head[at + 1] === carriageReturn && head[at + 2] === lineFeed) return at + 3;
  }
  return undefined;
}
