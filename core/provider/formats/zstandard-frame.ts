/** Where a Zstandard frame ends by what its blocks say of their length (RFC 8878 section 3.1.1); nothing is unpacked. */

/**
 * The place of what is wrong: the block that is of no known type, or the end of bytes that are cut off; behind the frame where the
 * blocks themselves are whole.
 */
export function endOfFrame(bytes: Buffer): number {
  const descriptor = bytes[4] ?? 0;
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const content = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  let at = 5 + (isSingle ? 0 : 1) + dictionary + content;
  while (at + 3 <= bytes.length) {
    const head = bytes.readUIntLE(at, 3);
    const type = (head >> 1) & 3;
    if (type === 3) return at;
    at += 3 + (type === 1 ? 1 : head >> 3);
    if ((head & 1) !== 0) return Math.min(at + ((descriptor & 4) === 0 ? 0 : 4), bytes.length);
  }
  return bytes.length;
}
