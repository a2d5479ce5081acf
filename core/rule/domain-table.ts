/** All rules about names, compiled: hash look-ups for whole names and suffixes, a list for keywords. */
import { comparableDomain } from '../base/domain.ts';
import { noRule } from './no-rule.ts';

export interface DomainEntry {
  readonly type: 'DOMAIN' | 'DOMAIN-SUFFIX' | 'DOMAIN-KEYWORD';
  readonly payload: string;
  readonly index: number;
}

const dot = '.'.charCodeAt(0);

/** So many keywords are first searched for together; the expression that does it must stay small. */
const maxJointKeywords = 1000;

export class DomainTable {
  /** Comparable name -> lowest index. */
  readonly #exact = new Map<string, number>();
  readonly #suffix = new Map<string, number>();
  /** In the order of the rules. */
  readonly #keywords: { readonly keyword: string; readonly index: number }[] = [];
  /** Whether any keyword occurs; undefined when that is not worth asking. */
  readonly #anyKeyword: RegExp | undefined;
  readonly #filter: NameFilter;

  /** Entries must come in the order of their indexes: the first of equal payloads stays. */
  constructor(entries: readonly DomainEntry[]) {
    for (const { type, payload, index } of entries) {
      if (type === 'DOMAIN-KEYWORD') {
        this.#keywords.push({ keyword: payload.toLowerCase(), index });
        continue;
      }
      const map = type === 'DOMAIN' ? this.#exact : this.#suffix;
      const name = comparableDomain(payload);
      if (!map.has(name)) map.set(name, index);
    }
    this.#anyKeyword = jointKeywords(this.#keywords.map((entry) => entry.keyword));
    this.#filter = new NameFilter(this.#exact.size + this.#suffix.size);
    for (const name of this.#exact.keys()) this.#filter.add(name);
    for (const name of this.#suffix.keys()) this.#filter.add(name);
  }

  /** The lowest index below `limit` that matches a comparable name; else `limit`. */
  lookup(name: string, limit: number): number {
    let best = limit;
    let hash = NameFilter.start;
    for (let i = name.length - 1; i >= 0; i--) {
      hash = NameFilter.extend(hash, name.charCodeAt(i));
      if (i > 0 && name.charCodeAt(i - 1) !== dot) continue;
      if (!this.#filter.mayContain(hash)) continue;
      best = Math.min(best, this.#suffix.get(name.slice(i)) ?? noRule);
      if (i === 0) best = Math.min(best, this.#exact.get(name) ?? noRule);
    }
    if ((this.#keywords[0]?.index ?? noRule) >= best || this.#anyKeyword?.test(name) === false) return best;
    for (const { keyword, index } of this.#keywords) {
      if (index >= best) break;
      if (name.includes(keyword)) return index;
    }
    return best;
  }
}

/** Keywords are letters, digits, `.`, `-` and `_` (see `rule-payload.ts`), so that only the dot needs care. */
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
