/**
 * Looks a foreign DNS message over before the decoder sees it: bounds, compression pointers.
 * What passes costs the decoder linear work and survives decoding and encoding unchanged. Decodes nothing itself.
 */
const headerBytes = 12;
const maxNameBytes = 255; // RFC 1035 section 3.1, with length bytes and root
/** A real name has one or two; each costs the decoder a step for every name that points at it. */
const maxPointers = 64;
const optType = 41;

/** Record types whose data holds names: offsets of the first name, and whether another follows it. */
const namesInside: Readonly<Record<number, { offset: number; count: 1 | 2 }>> = {
  2: { offset: 0, count: 1 }, // NS
  5: { offset: 0, count: 1 }, // CNAME
  6: { offset: 0, count: 2 }, // SOA
  12: { offset: 0, count: 1 }, // PTR
  15: { offset: 2, count: 1 }, // MX
  17: { offset: 0, count: 2 }, // RP
  33: { offset: 6, count: 1 }, // SRV
  39: { offset: 0, count: 1 }, // DNAME
  46: { offset: 18, count: 1 }, // RRSIG
  47: { offset: 0, count: 1 }, // NSEC
};
/** Types whose data is exactly one name after the offset: the decoder trusts the name's length, not the stated one. */
const nameEndsData: ReadonlySet<number> = new Set([2, 5, 12, 15, 33, 39]);
/** Data of fixed length: A and AAAA. */
const fixedBytes: Readonly<Record<number, number>> = { 1: 4, 28: 16 };

/** Length of the data by the kind of its fingerprint, SHA-1 or SHA-256 (RFC 6594): the decoder knows no others. */
const sshfp: { readonly type: number; readonly lengths: Readonly<Record<number, number>> } = {
  type: 44,
  lengths: { 1: 22, 2: 34 },
};

/** Why the message must not be decoded, or undefined when it may be. At least the 12 bytes of the header are required. */
export function findWireProblem(bytes: Uint8Array): string | undefined {
  if (bytes.length < headerBytes) return 'shorter than a header';
  const questions = word(bytes, 4);
  const records = word(bytes, 6) + word(bytes, 8) + word(bytes, 10);
  if (headerBytes + questions * 5 + records * 11 > bytes.length) return 'counts more entries than it can hold';
  let offset = headerBytes;
  for (let i = 0; i < questions; i++) {
    const end = nameEnd(bytes, offset);
    if (end === undefined || end + 4 > bytes.length) return 'a question is malformed';
    offset = end + 4;
  }
  let extensions = 0;
  for (let i = 0; i < records; i++) {
    const end = recordEnd(bytes, offset);
    if (end === undefined) return 'a record is malformed';
    // Its owner is the root, so its type stands behind one byte.
    if (bytes[offset] === 0 && word(bytes, offset + 1) === optType) {
      extensions += 1;
      if (!areOptions(bytes, offset + 11, end)) return 'an EDNS option is malformed';
    }
    offset = end;
  }
  return extensions > 1 ? 'more than one EDNS record' : undefined;
}

/** Code, length and data, one behind the other up to the end (RFC 6891 section 6.1.2). */
function areOptions(bytes: Uint8Array, start: number, end: number): boolean {
  let position = start;
  while (position + 4 <= end) position += 4 + word(bytes, position + 2);
  return position === end;
}

function recordEnd(bytes: Uint8Array, offset: number): number | undefined {
  const fixed = nameEnd(bytes, offset);
  if (fixed === undefined || fixed + 10 > bytes.length) return undefined;
  const type = word(bytes, fixed);
  const length = word(bytes, fixed + 8);
  const start = fixed + 10;
  const end = start + length;
  if (end > bytes.length) return undefined;
  const exact = fixedBytes[type];
  if (exact !== undefined && exact !== length) return undefined;
  if (type === sshfp.type && length !== sshfp.lengths[bytes[start + 1] ?? 0]) return undefined;
  const inside = type === 35 ? naptrNames(bytes, start, end) : namesInside[type];
  if (inside === undefined) return type === 35 ? undefined : end;
  let position = start + inside.offset;
  for (let i = 0; i < inside.count; i++) {
    const next = position >= end ? undefined : nameEnd(bytes, position);
    if (next === undefined || next > end) return undefined;
    position = next;
  }
  return nameEndsData.has(type) && position !== end ? undefined : end;
}

/** NAPTR (RFC 3403): order, preference, three strings, a name. */
function naptrNames(bytes: Uint8Array, start: number, end: number): { offset: number; count: 1 } | undefined {
  let position = start + 4;
  for (let i = 0; i < 3; i++) position += 1 + (bytes[position] ?? 0);
  return position < end ? { offset: position - start, count: 1 } : undefined;
}

/**
 * Where the name at `offset` ends in place (a pointer ends it). Undefined for bounds, loops, forward pointers and excess
 * length.
 */
function nameEnd(bytes: Uint8Array, offset: number): number | undefined {
  let position = offset;
  let segment = offset;
  let end: number | undefined;
  let total = 1;
  let pointers = 0;
  for (;;) {
    const length = bytes[position];
    if (length === undefined) return undefined;
    if (length === 0) return end ?? position + 1;
    if (length < 0x40) {
      total += length + 1;
      if (total > maxNameBytes || position + 1 + length > bytes.length) return undefined;
      position += length + 1;
    } else if (length >= 0xc0) {
      const low = bytes[position + 1];
      if (low === undefined) return undefined;
      end ??= position + 2;
      const target = ((length & 0x3f) << 8) | low;
      pointers += 1;
      if (target >= segment || pointers > maxPointers) return undefined;
      segment = target;
      position = target;
    } else {
      return undefined;
    }
  }
}

function word(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}
