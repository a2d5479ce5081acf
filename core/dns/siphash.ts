/** SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed 64-bit hash, so that nobody without the key can aim at a slot. */

export interface Hash64 {
  /** Unsigned 32 bits each. */
  readonly high: number;
  readonly low: number;
}

/** `key` has 16 bytes. Words are pairs of 32-bit halves, which is several times faster than BigInt. */
export function sipHash24(key: Uint8Array, data: Uint8Array): Hash64 {
  const state = new State(key);
  const whole = data.length & ~7;
  for (let i = 0; i < whole; i += 8) state.absorb(word(data, i), word(data, i + 4));
  let low = 0;
  let high = data.length << 24;
  for (let i = whole; i < data.length; i++) {
    const at = i - whole;
    if (at < 4) low |= (data[i] ?? 0) << (8 * at);
    else high |= (data[i] ?? 0) << (8 * (at - 4));
  }
  state.absorb(low, high);
  return state.finish();
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

class State {
  #v0l: number;
  #v0h: number;
  #v1l: number;
  #v1h: number;
  #v2l: number;
  #v2h: number;
  #v3l: number;
  #v3h: number;

  constructor(key: Uint8Array) {
    if (key.length !== 16) throw new RangeError('the key has 16 bytes');
    const [k0l, k0h, k1l, k1h] = [word(key, 0), word(key, 4), word(key, 8), word(key, 12)];
    // "somepseudorandomlygeneratedbytes"
    this.#v0l = k0l ^ 0x70736575;
    this.#v0h = k0h ^ 0x736f6d65;
    this.#v1l = k1l ^ 0x6e646f6d;
    this.#v1h = k1h ^ 0x646f7261;
    this.#v2l = k0l ^ 0x6e657261;
    this.#v2h = k0h ^ 0x6c796765;
    this.#v3l = k1l ^ 0x79746573;
    this.#v3h = k1h ^ 0x74656462;
  }

  absorb(low: number, high: number): void {
    this.#v3l ^= low;
    this.#v3h ^= high;
    this.#round();
    this.#round();
    this.#v0l ^= low;
    this.#v0h ^= high;
  }

  finish(): Hash64 {
    this.#v2l ^= 0xff;
    for (let i = 0; i < 4; i++) this.#round();
    return {
      high: (this.#v0h ^ this.#v1h ^ this.#v2h ^ this.#v3h) >>> 0,
      low: (this.#v0l ^ this.#v1l ^ this.#v2l ^ this.#v3l) >>> 0,
    };
  }

  /** v0 += v1; v1 <<<= 13; v1 ^= v0; v0 <<<= 32; and so on: additions carry from the low half, rotations swap bits. */
  #round(): void {
    let v0l = this.#v0l;
    let v0h = this.#v0h;
    let v1l = this.#v1l;
    let v1h = this.#v1h;
    let v2l = this.#v2l;
    let v2h = this.#v2h;
    let v3l = this.#v3l;
    let v3h = this.#v3h;
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

    this.#v0l = v0l;
    this.#v0h = v0h;
    this.#v1l = v1l;
    this.#v1h = v1h;
    this.#v2l = v2l;
    this.#v2h = v2h;
    this.#v3l = v3l;
    this.#v3h = v3h;
  }
}
