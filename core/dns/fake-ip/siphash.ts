/** SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed 64-bit hash, so that nobody without the key can aim at a slot. */

export interface Hash64 {
  /** Unsigned 32 bits each. */
  readonly high: number;
  readonly low: number;
}

/**
 * Of the first `length` bytes; `key` has 16. Words are pairs of 32-bit halves, which is several times faster than BigInt: additions
 * carry from the low half, rotations swap bits.
 */
export function sipHash24(key: Uint8Array, data: Uint8Array, length = data.length): Hash64 {
  if (key.length !== 16) throw new RangeError('the key has 16 bytes');
  // "somepseudorandomlygeneratedbytes"
  let v0l = word(key, 0) ^ 0x70736575;
  let v0h = word(key, 4) ^ 0x736f6d65;
  let v1l = word(key, 8) ^ 0x6e646f6d;
  let v1h = word(key, 12) ^ 0x646f7261;
  let v2l = word(key, 0) ^ 0x6e657261;
  let v2h = word(key, 4) ^ 0x6c796765;
  let v3l = word(key, 8) ^ 0x79746573;
  let v3h = word(key, 12) ^ 0x74656462;

  const whole = length & ~7;
  for (let at = 0; at <= whole + 8; at += 8) {
    const isData = at <= whole;
    let low = 0;
    let high = 0;
    if (at < whole) {
      low = word(data, at);
      high = word(data, at + 4);
    } else if (isData) {
      high = length << 24;
      for (let i = whole; i < length; i++) {
        const bits = (data[i] ?? 0) << (8 * (i & 3));
        if (i - whole < 4) low |= bits;
        else high |= bits;
      }
    } else {
      v2l ^= 0xff;
    }
    v3l ^= low;
    v3h ^= high;
    // v0 += v1; v1 <<<= 13; v1 ^= v0; v0 <<<= 32; and so on.
    for (let rounds = isData ? 2 : 4; rounds > 0; rounds--) {
      let sum: number;
      let swap: number;

      sum = (v0l >>> 0) + (v1l >>> 0);
      v0h = (v0h + v1h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v0l = sum | 0;
      swap = (v1l << 13) | (v1h >>> 19);
      v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
      v1l = swap ^ v0l;
      swap = v0l;
      v0l = v0h;
      v0h = swap;

      sum = (v2l >>> 0) + (v3l >>> 0);
      v2h = (v2h + v3h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v2l = sum | 0;
      swap = (v3l << 16) | (v3h >>> 16);
      v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
      v3l = swap ^ v2l;

      sum = (v0l >>> 0) + (v3l >>> 0);
      v0h = (v0h + v3h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v0l = sum | 0;
      swap = (v3l << 21) | (v3h >>> 11);
      v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
      v3l = swap ^ v0l;

      sum = (v2l >>> 0) + (v1l >>> 0);
      v2h = (v2h + v1h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v2l = sum | 0;
      swap = (v1l << 17) | (v1h >>> 15);
      v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
      v1l = swap ^ v2l;
      swap = v2l;
      v2l = v2h;
      v2h = swap;
    }
    v0l ^= low;
    v0h ^= high;
  }
  return { high: (v0h ^ v1h ^ v2h ^ v3h) >>> 0, low: (v0l ^ v1l ^ v2l ^ v3l) >>> 0 };
}

/** The hash as a number below `range`, which must be below 2^26. */
export function reduceHash(hash: Hash64, range: number): number {
  return ((((hash.high % range) * (4_294_967_296 % range)) % range) + (hash.low % range)) % range;
}

/** Little-endian 32 bits. */
function word(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] ?? 0) |
    ((bytes[offset + 1] ?? 0) << 8) |
    ((bytes[offset + 2] ?? 0) << 16) |
    ((bytes[offset + 3] ?? 0) << 24)
  );
}
