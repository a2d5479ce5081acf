/**
 * Names between their bytes and their text (RFC 1035 section 5.1): any byte can be in a label, and what text cannot show is
 * `\DDD`, the dot inside a label too, so that every bare dot is a border of labels.
 */
import { isUtf8 } from 'node:buffer';

const longestName = 255; // section 3.1, with length bytes and root
const longestLabel = 63;
/** More than any real name has; each costs a step for every name that points at it. */
const mostPointers = 64;
const dot = 0x2e;
const backslash = 0x5c;

export interface DecodedName {
  /** Without the trailing dot; `.` is the root. */
  readonly text: string;
  /** Where the name ends in place (a pointer ends it). */
  readonly end: number;
}

/**
 * Reads the name at `offset`, compressed or not, that ends in place at `limit` at the latest; undefined for bounds, loops,
 * forward pointers and excess length.
 */
export function decodeName(bytes: Uint8Array, offset: number, limit = bytes.length): DecodedName | undefined {
  const labels: string[] = [];
  let position = offset;
  let segment = offset;
  let end: number | undefined;
  let total = 1;
  let pointers = 0;
  for (;;) {
    const length = bytes[position];
    if (length === undefined) return undefined;
    if (length === 0) {
      const placeEnd = end ?? position + 1;
      return placeEnd > limit ? undefined : { text: labels.join('.') || '.', end: placeEnd };
    }
    if (length <= longestLabel) {
      total += length + 1;
      const labelEnd = position + 1 + length;
      if (total > longestName || labelEnd > bytes.length) return undefined;
      labels.push(labelText(bytes.subarray(position + 1, labelEnd)));
      position = labelEnd;
      continue;
    }
    const low = bytes[position + 1];
    if (length < 0xc0 || low === undefined) return undefined;
    end ??= position + 2;
    const target = ((length & 0x3f) << 8) | low;
    pointers += 1;
    if (target >= segment || pointers > mostPointers) return undefined;
    segment = target;
    position = target;
  }
}

/** The bytes of a name, uncompressed, with its root; a trailing dot is allowed. Undefined for what no message can carry, and for bare control characters. */
export function encodeName(text: string): Uint8Array | undefined {
  if (text === '.' || text === '') return Uint8Array.of(0);
  const input = Buffer.from(text);
  const out = new Uint8Array(longestName);
  let length = 0; // of the finished labels
  let label = 0; // bytes in the present one
  for (let i = 0; i < input.length; ) {
    let byte = input[i++] ?? 0;
    if (byte === dot) {
      if (label === 0) return undefined;
      out[length] = label;
      length += label + 1;
      label = 0;
      continue;
    }
    if (byte === backslash) {
      const escaped = readEscape(input, i);
      if (escaped === undefined) return undefined;
      byte = escaped.byte;
      i = escaped.end;
    } else if (byte < 0x20 || byte === 0x7f) return undefined;
    label += 1;
    // One byte is left for the root.
    if (label > longestLabel || length + label + 1 >= longestName) return undefined;
    out[length + label] = byte;
  }
  if (label > 0) {
    out[length] = label;
    length += label + 1;
  }
  out[length] = 0;
  return out.subarray(0, length + 1);
}

function readEscape(input: Uint8Array, at: number): { byte: number; end: number } | undefined {
  const first = input[at];
  if (first === undefined) return undefined;
  if (first < 0x30 || first > 0x39) return { byte: first, end: at + 1 };
  const digits = Buffer.from(input.subarray(at, at + 3)).toString('latin1');
  return /^\d{3}$/.test(digits) && Number(digits) <= 255 ? { byte: Number(digits), end: at + 3 } : undefined;
}

function labelText(label: Uint8Array): string {
  if (isPlain(label)) return Buffer.from(label.buffer, label.byteOffset, label.length).toString('latin1');
  const text = Buffer.from(label).toString('utf8');
  if (isUtf8(label) && !/[.\\\p{Cc}]/u.test(text)) return text;
  let escaped = '';
  for (const byte of label) {
    if (byte === backslash) escaped += '\\\\';
    else if (byte >= 0x20 && byte < 0x7f && byte !== dot) escaped += String.fromCodePoint(byte);
    else escaped += `\\${String(byte).padStart(3, '0')}`;
  }
  return escaped;
}

/** Printable ASCII without dot and backslash. */
function isPlain(label: Uint8Array): boolean {
  for (const byte of label) if (byte < 0x20 || byte >= 0x7f || byte === dot || byte === backslash) return false;
  return true;
}
