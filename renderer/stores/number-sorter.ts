/** Rows in the order of a number. */

const digitBits = 11;
const buckets = 1 << digitBits;
/** Of both halves of a double, the lower half first. */
const digits = [false, true].flatMap((high) => [0, 1, 2].map((place) => ({ high, shift: place * digitBits })));
const double = new Float64Array(1);
const bits = new Int32Array(double.buffer);
const highWord = isLittleEndian() ? 1 : 0;

/** Takes time that grows with the rows alone: a radix sort, 11 bits at a time from the lowest. Keeps its memory for the next time. */
export class NumberSorter {
  #size = 0;
  #low = new Uint32Array(0);
  #high = new Uint32Array(0);
  #from = new Uint32Array(0);
  #to = new Uint32Array(0);
  readonly #counts = new Uint32Array(digits.length * buckets);

  /** Rows that are equal keep their order; those without a number come last, whatever the direction. */
  sort<E>(rows: readonly E[], value: (row: E) => unknown, direction: 'asc' | 'desc'): E[] {
    const { length } = rows;
    this.#reserve(length);
    this.#readKeys(rows, value, direction === 'desc' ? 0xffff_ffff : 0);
    for (const [place, { high, shift }] of digits.entries()) {
      const counts = this.#counts.subarray(place * buckets, (place + 1) * buckets);
      this.#pass(length, high ? this.#high : this.#low, shift, counts);
    }
    const sorted: E[] = [];
    for (let i = 0; i < length; i++) {
      const row = rows[this.#from[i] ?? 0];
      if (row !== undefined) sorted.push(row);
    }
    return sorted;
  }

  #reserve(length: number): void {
    if (length <= this.#size) return;
    this.#size = Math.max(length, 2 * this.#size);
    this.#low = new Uint32Array(this.#size);
    this.#high = new Uint32Array(this.#size);
    this.#from = new Uint32Array(this.#size);
    this.#to = new Uint32Array(this.#size);
  }

  /** The bits of a double (IEEE 754), changed so that they are in the order of the numbers; and how often each digit occurs. */
  #readKeys<E>(rows: readonly E[], value: (row: E) => unknown, invert: number): void {
    const low = this.#low;
    const high = this.#high;
    const from = this.#from;
    const counts = this.#counts.fill(0);
    let i = 0;
    for (const row of rows) {
      const number = value(row);
      let lowBits = 0xffff_ffff;
      let highBits = 0xffff_ffff;
      if (typeof number === 'number' && !Number.isNaN(number)) {
        // Without the zero that is negative.
        double[0] = number + 0;
        const sign = (bits[highWord] ?? 0) >> 31;
        lowBits = ((bits[1 - highWord] ?? 0) ^ sign ^ invert) >>> 0;
        highBits = ((bits[highWord] ?? 0) ^ (sign | 0x8000_0000) ^ invert) >>> 0;
      }
      from[i] = i;
      low[i] = lowBits;
      high[i] = highBits;
      for (let place = 0; place < digits.length; place++) {
        const word = place < 3 ? lowBits : highBits;
        const at = place * buckets + ((word >>> ((place % 3) * digitBits)) & (buckets - 1));
        counts[at] = (counts[at] ?? 0) + 1;
      }
      i++;
    }
  }

  /** Orders by one digit; nothing to do where all have the same. */
  #pass(length: number, keys: Uint32Array, shift: number, counts: Uint32Array): void {
    let place = 0;
    for (let digit = 0; digit < buckets; digit++) {
      const count = counts[digit] ?? 0;
      if (count === length) return;
      counts[digit] = place;
      place += count;
    }
    const from = this.#from;
    const to = this.#to;
    for (let i = 0; i < length; i++) {
      const row = from[i] ?? 0;
      const digit = ((keys[row] ?? 0) >>> shift) & (buckets - 1);
      const at = counts[digit] ?? 0;
      counts[digit] = at + 1;
      to[at] = row;
    }
    this.#from = to;
    this.#to = from;
  }
}

function isLittleEndian(): boolean {
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
}
