/** Key -> the rules that have it. Most keys have one, and cost no list. */
import { noRule } from './no-rule.ts';

export class KeyedIndexes {
  readonly #indexes = new Map<string, number | number[]>();

  /** Indexes come in ascending order. */
  add(key: string, index: number): void {
    const known = this.#indexes.get(key);
    if (known === undefined) this.#indexes.set(key, index);
    else if (typeof known !== 'number') known.push(index);
    else if (known !== index) this.#indexes.set(key, [known, index]);
  }

  get size(): number {
    return this.#indexes.size;
  }

  keys(): MapIterator<string> {
    return this.#indexes.keys();
  }

  /** The lowest index of this key from `from` on, or `noRule`. */
  first(key: string, from: number): number {
    const known = this.#indexes.get(key);
    if (known === undefined) return noRule;
    if (typeof known === 'number') return known >= from ? known : noRule;
    return firstFrom(known, from);
  }
}

/** The lowest of ascending numbers that is not below `from`, or `noRule`. */
export function firstFrom(ascending: readonly number[], from: number): number {
  return ascending[placeFrom(ascending, from)] ?? noRule;
}

/** Where in ascending numbers the first stands that is not below `from`. */
export function placeFrom(ascending: ArrayLike<number>, from: number, begin = 0, end = ascending.length): number {
  let low = begin;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? noRule) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
