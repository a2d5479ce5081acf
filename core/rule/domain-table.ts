/** All rules about names, compiled: hash look-ups for whole names and suffixes, a list for keywords. */
import { comparableDomain } from '../base/domain.ts';
import { KeyedIndexes, placeFrom } from './keyed-indexes.ts';
import type { RuleEntry } from './rule-kind.ts';

const dot = '.'.charCodeAt(0);

/** So many keywords are first searched for together; the expression that does it must stay small. */
const maxJointKeywords = 1000;

export class DomainTable {
  /** By comparable name. */
  readonly #exact = new KeyedIndexes();
  readonly #suffix = new KeyedIndexes();
  /** In the order of the rules, with their indexes beside them. */
  readonly #keywords: string[] = [];
  readonly #keywordIndexes: number[] = [];
  /** Whether any keyword occurs; undefined when that is not worth asking. */
  readonly #anyKeyword: RegExp | undefined;
  readonly #filter: NameFilter;

  /** Of `DOMAIN`, `DOMAIN-SUFFIX` and `DOMAIN-KEYWORD`, in the order of their indexes. */
  constructor(entries: readonly RuleEntry[]) {
    for (const { type, payload, index } of entries) {
      if (type === 'DOMAIN-KEYWORD') {
        this.#keywords.push(payload.toLowerCase());
        this.#keywordIndexes.push(index);
      } else (type === 'DOMAIN' ? this.#exact : this.#suffix).add(comparableDomain(payload), index);
    }
    this.#anyKeyword = jointKeywords(this.#keywords);
    this.#filter = new NameFilter(this.#exact.size + this.#suffix.size);
    for (const name of this.#exact.keys()) this.#filter.add(name);
    for (const name of this.#suffix.keys()) this.#filter.add(name);
  }

  /** The lowest index from `from` on and below `limit` that matches a comparable name; else `limit`. */
  lookup(name: string, from: number, limit: number): number {
    let best = limit;
    let hash = NameFilter.start;
    for (let i = name.length - 1; i >= 0; i--) {
      hash = NameFilter.extend(hash, name.charCodeAt(i));
      if (i > 0 && name.charCodeAt(i - 1) !== dot) continue;
      if (!this.#filter.mayContain(hash)) continue;
      best = Math.min(best, this.#suffix.first(name.slice(i), from));
      if (i === 0) best = Math.min(best, this.#exact.first(name, from));
    }
    return this.#lookupKeyword(name, from, best);
  }

  #lookupKeyword(name: string, from: number, limit: number): number {
    const begin = from === 0 ? 0 : placeFrom(this.#keywordIndexes, from);
    if ((this.#keywordIndexes[begin] ?? limit) >= limit || this.#anyKeyword?.test(name) === false) return limit;
    for (let place = begin; place < this.#keywords.length; place++) {
      const index = this.#keywordIndexes[place] ?? limit;
      if (index >= limit) break;
      if (name.includes(this.#keywords[place] ?? '')) return index;
    }
    return limit;
  }
}

/** Keywords are letters, digits, `.`, `-` and `_` (see `kinds/domain.ts`), so that only the dot needs care. */
function jointKeywords(keywords: readonly string[]): RegExp | undefined {
  if (keywords.length < 2 || keywords.length > maxJointKeywords) return undefined;
  return new RegExp(keywords.map((keyword) => keyword.replaceAll('.', '\\.')).join('|'));
}

/**
 * One bit per hash: most suffixes of most names are in no list, and this says so without cutting out and hashing a string
 * for each. Names are hashed from their end (FNV-1a), so that one pass over a name yields the hashes of all its suffixes.
 */
class NameFilter {
  static readonly start = 0x811c_9dc5;
  readonly #bits: Uint32Array;
  readonly #mask: number;

  constructor(names: number) {
    const bits = 2 ** Math.ceil(Math.log2(Math.max(names * 8, 32)));
    this.#bits = new Uint32Array(bits / 32);
    this.#mask = bits - 1;
  }

  static extend(hash: number, charCode: number): number {
    return Math.imul(hash ^ charCode, 0x0100_0193);
  }

  add(name: string): void {
    let hash: number = NameFilter.start;
    for (let i = name.length - 1; i >= 0; i--) hash = NameFilter.extend(hash, name.charCodeAt(i));
    const bit = this.#bitOf(hash);
    this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
  }

  /** No false negatives. */
  mayContain(hash: number): boolean {
    const bit = this.#bitOf(hash);
    return (((this.#bits[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  #bitOf(hash: number): number {
    return (hash ^ (hash >>> 15)) & this.#mask;
  }
}
