/**
 * All rules about addresses, compiled: prefixes flattened to sorted, disjoint ranges. Each range knows the prefix that it lies
 * in, each prefix its rules, the first rule of all that contain it, and the prefix around it.
 */
import { type Ip, ipFamily, ipv4ToNumber } from '../base/address.ts';
import type { Cidr } from '../base/cidr.ts';
import { placeFrom } from './keyed-indexes.ts';
import { noRule } from './no-rule.ts';

export interface IpEntry {
  readonly cidr: Cidr;
  readonly index: number;
}

export class IpTable {
  readonly #v4: RangeTable;
  readonly #v6: RangeTable;

  /** Entries may come in any order. */
  constructor(entries: readonly IpEntry[]) {
    this.#v4 = new RangeTable(
      entries.filter((entry) => entry.cidr.family === 4),
      1,
    );
    this.#v6 = new RangeTable(
      entries.filter((entry) => entry.cidr.family === 6),
      4,
    );
  }

  /** The lowest index from `from` on whose prefix contains the (canonical) address; `noRule` if none does. */
  lookup(ip: Ip, from = 0): number {
    if (ipFamily(ip) === 4) return this.#v4.isEmpty ? noRule : this.#v4.lookup([ipv4ToNumber(ip)], from);
    return this.#v6.isEmpty ? noRule : this.#v6.lookup(ipv6Words(ip), from);
  }
}

/** Ranges over integers of `words` 32-bit words, most significant first. */
class RangeTable {
  readonly isEmpty: boolean;
  readonly #words: number;
  /** Where each range begins; it ends before the next one. The first begins at zero. */
  readonly #starts: Uint32Array;
  /** The innermost prefix of each range; prefix 0 contains everything and has no rule. */
  readonly #prefixOf: Uint32Array;
  readonly #prefixes: PrefixTree;

  constructor(entries: readonly IpEntry[], words: 1 | 4) {
    const { ranges, prefixes } = flatten(entries, 1n << BigInt(words * 32));
    this.isEmpty = entries.length === 0;
    this.#words = words;
    this.#prefixes = prefixes;
    this.#starts = new Uint32Array(ranges.length * words);
    this.#prefixOf = Uint32Array.from(ranges, (range) => range.prefix);
    for (const [i, range] of ranges.entries()) {
      for (let w = 0; w < words; w++) {
        this.#starts[i * words + w] = Number((range.start >> BigInt((words - 1 - w) * 32)) & 0xffff_ffffn);
      }
    }
  }

  lookup(key: readonly number[], from: number): number {
    let low = 0;
    let high = this.#prefixOf.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#beginsAfter(middle, key)) high = middle - 1;
      else low = middle;
    }
    return this.#prefixes.first(this.#prefixOf[low] ?? 0, from);
  }

  #beginsAfter(range: number, key: readonly number[]): boolean {
    for (let w = 0; w < this.#words; w++) {
      const start = this.#starts[range * this.#words + w] ?? 0;
      const word = key[w] ?? 0;
      if (start !== word) return start > word;
    }
    return false;
  }
}

/** Prefixes by number, each within its parent; number 0 is the whole. */
class PrefixTree {
  readonly #parents: Uint32Array;
  /** Lowest index of a prefix and of all around it. */
  readonly #best: Float64Array;
  /** All indexes, those of one prefix together and ascending, and where those of each begin. */
  readonly #indexes: Uint32Array;
  readonly #begins: Uint32Array;

  constructor(prefixes: readonly { readonly parent: number; readonly indexes: readonly number[] }[]) {
    this.#parents = Uint32Array.from(prefixes, ({ parent }) => parent);
    this.#indexes = Uint32Array.from(prefixes.flatMap(({ indexes }) => indexes));
    this.#best = new Float64Array(prefixes.length);
    this.#begins = new Uint32Array(prefixes.length + 1);
    for (const [i, { parent, indexes }] of prefixes.entries()) {
      const around = i === 0 ? noRule : (this.#best[parent] ?? noRule);
      this.#best[i] = Math.min(indexes[0] ?? noRule, around);
      this.#begins[i + 1] = (this.#begins[i] ?? 0) + indexes.length;
    }
  }

  first(prefix: number, from: number): number {
    const best = this.#best[prefix] ?? noRule;
    if (best >= from) return best;
    let first = noRule;
    for (let at = prefix; at !== 0; at = this.#parents[at] ?? 0) {
      const end = this.#begins[at + 1] ?? 0;
      const place = placeFrom(this.#indexes, from, this.#begins[at] ?? 0, end);
      if (place < end) first = Math.min(first, this.#indexes[place] ?? noRule);
    }
    return first;
  }
}

interface Range {
  start: bigint;
  prefix: number;
}

/** Prefixes are nested or apart, never crossing, so one pass with a stack of open ones yields the ranges. */
function flatten(entries: readonly IpEntry[], end: bigint): { ranges: Range[]; prefixes: PrefixTree } {
  const sorted = [...entries].sort(
    (a, b) => compare(a.cidr.first, b.cidr.first) || a.cidr.prefix - b.cidr.prefix || a.index - b.index,
  );
  const ranges: Range[] = [{ start: 0n, prefix: 0 }];
  const prefixes: { parent: number; indexes: number[] }[] = [{ parent: 0, indexes: [] }];
  const open: { first: bigint; last: bigint; prefix: number }[] = [];
  const emit = (start: bigint, prefix: number) => {
    const previous = ranges.at(-1);
    if (previous !== undefined && previous.start === start) previous.prefix = prefix;
    else if (previous?.prefix !== prefix) ranges.push({ start, prefix });
  };
  const closeBefore = (position: bigint) => {
    for (let top = open.at(-1); top !== undefined && top.last < position; top = open.at(-1)) {
      open.pop();
      if (top.last + 1n < end) emit(top.last + 1n, open.at(-1)?.prefix ?? 0);
    }
  };
  for (const { cidr, index } of sorted) {
    closeBefore(cidr.first);
    const around = open.at(-1);
    if (around?.first === cidr.first && around.last === cidr.last) {
      prefixes[around.prefix]?.indexes.push(index);
      continue;
    }
    const prefix = prefixes.push({ parent: around?.prefix ?? 0, indexes: [index] }) - 1;
    open.push({ first: cidr.first, last: cidr.last, prefix });
    emit(cidr.first, prefix);
  }
  closeBefore(end);
  return { ranges, prefixes: new PrefixTree(prefixes) };
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Reads canonical text (RFC 5952), where `::` stands for the groups that are missing. */
export function ipv6Words(ip: Ip): number[] {
  const words = [0, 0, 0, 0];
  const gap = ip.indexOf('::');
  const head = gap < 0 ? ip : ip.slice(0, gap);
  const tail = gap < 0 ? '' : ip.slice(gap + 2);
  const place = (groups: string[], first: number) => {
    for (const [i, group] of groups.entries()) {
      const position = first + i;
      const shift = position % 2 === 0 ? 0x1_0000 : 1;
      words[position >> 1] = (words[position >> 1] ?? 0) + Number.parseInt(group, 16) * shift;
    }
  };
  if (head !== '') place(head.split(':'), 0);
  const last = tail === '' ? [] : tail.split(':');
  place(last, 8 - last.length);
  return words;
}
