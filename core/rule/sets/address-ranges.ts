/** The addresses of a set as sorted, disjoint ranges in typed arrays. */
import { type Ip, ipFamily, ipv4ToNumber } from '../../base/address.ts';
import { ipv6Words } from '../ip-table.ts';
import type { AddressSet } from '../rule-set.ts';

export class AddressRanges implements AddressSet {
  readonly #v4: Ranges;
  readonly #v6: Ranges;

  /** For so many ranges at most. */
  constructor(v4: number, v6: number) {
    this.#v4 = new Ranges(1, v4);
    this.#v6 = new Ranges(4, v6);
  }

  get size(): number {
    return this.#v4.size + this.#v6.size;
  }

  /** Adds a range by the 32-bit words of its ends (one or four). Returns false when it is not behind all that are there. */
  add(family: 4 | 6, first: readonly number[], last: readonly number[]): boolean {
    return (family === 4 ? this.#v4 : this.#v6).add(first, last);
  }

  has(ip: Ip): boolean {
    if (ipFamily(ip) === 4) return this.#v4.size > 0 && this.#v4.has([ipv4ToNumber(ip)]);
    return this.#v6.size > 0 && this.#v6.has(ipv6Words(ip));
  }
}

/** Ranges of numbers of `words` 32-bit words, most significant first. */
class Ranges {
  readonly #words: number;
  readonly #firsts: Uint32Array;
  readonly #lasts: Uint32Array;
  #size = 0;

  constructor(words: 1 | 4, room: number) {
    this.#words = words;
    this.#firsts = new Uint32Array(room * words);
    this.#lasts = new Uint32Array(room * words);
  }

  get size(): number {
    return this.#size;
  }

  add(first: readonly number[], last: readonly number[]): boolean {
    const at = this.#size * this.#words;
    if (at >= this.#firsts.length) return false;
    if (this.#size > 0 && this.#compare(this.#lasts, this.#size - 1, first) >= 0) return false;
    this.#firsts.set(first, at);
    this.#lasts.set(last, at);
    if (this.#compare(this.#firsts, this.#size, last) > 0) return false;
    this.#size += 1;
    return true;
  }

  has(key: readonly number[]): boolean {
    let low = 0;
    let high = this.#size - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#firsts, middle, key) > 0) high = middle - 1;
      else if (this.#compare(this.#lasts, middle, key) < 0) low = middle + 1;
      else return true;
    }
    return false;
  }

  #compare(list: Uint32Array, index: number, key: readonly number[]): number {
    for (let word = 0; word < this.#words; word++) {
      const difference = (list[index * this.#words + word] ?? 0) - (key[word] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}
