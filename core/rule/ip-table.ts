/** All rules about addresses, compiled: prefixes flattened to sorted, disjoint ranges that each know their first rule. */
import { type Ip, ipFamily, ipv4ToNumber } from '../base/address.ts';
import type { Cidr } from '../base/cidr.ts';
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

  /** The lowest index whose prefix contains the (canonical) address; `noRule` if none does. */
  lookup(ip: Ip): number {
    if (ipFamily(ip) === 4) return this.#v4.isEmpty ? noRule : this.#v4.lookup([ipv4ToNumber(ip)]);
    return this.#v6.isEmpty ? noRule : this.#v6.lookup(ipv6Words(ip));
  }
}

/** Ranges over integers of `words` 32-bit words, most significant first. */
class RangeTable {
  readonly isEmpty: boolean;
  readonly #words: number;
  /** Where each range begins; it ends before the next one. The first begins at zero. */
  readonly #starts: Uint32Array;
  readonly #values: Float64Array;

  constructor(entries: readonly IpEntry[], words: 1 | 4) {
    const ranges = flatten(entries, 1n << BigInt(words * 32));
    this.isEmpty = entries.length === 0;
    this.#words = words;
    this.#starts = new Uint32Array(ranges.length * words);
    this.#values = Float64Array.from(ranges, (range) => range.value);
    for (const [i, range] of ranges.entries()) {
      for (let w = 0; w < words; w++) {
        this.#starts[i * words + w] = Number((range.start >> BigInt((words - 1 - w) * 32)) & 0xffff_ffffn);
      }
    }
  }

  lookup(key: readonly number[]): number {
    let low = 0;
    let high = this.#values.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#beginsAfter(middle, key)) high = middle - 1;
      else low = middle;
    }
    return this.#values[low] ?? noRule;
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

interface Range {
  start: bigint;
  value: number;
}

/** Prefixes are nested or apart, never crossing, so one pass with a stack of open ones yields the ranges. */
function flatten(entries: readonly IpEntry[], end: bigint): Range[] {
  const sorted = [...entries].sort(
    (a, b) => compare(a.cidr.first, b.cidr.first) || a.cidr.prefix - b.cidr.prefix || a.index - b.index,
  );
  const ranges: Range[] = [{ start: 0n, value: noRule }];
  const open: { last: bigint; best: number }[] = [];
  const emit = (start: bigint, value: number) => {
    const previous = ranges.at(-1);
    if (previous !== undefined && previous.start === start) previous.value = value;
    else if (previous?.value !== value) ranges.push({ start, value });
  };
  const closeBefore = (position: bigint) => {
    for (let top = open.at(-1); top !== undefined && top.last < position; top = open.at(-1)) {
      open.pop();
      if (top.last + 1n < end) emit(top.last + 1n, open.at(-1)?.best ?? noRule);
    }
  };
  for (const { cidr, index } of sorted) {
    closeBefore(cidr.first);
    const best = Math.min(index, open.at(-1)?.best ?? noRule);
    open.push({ last: cidr.last, best });
    emit(cidr.first, best);
  }
  closeBefore(end);
  return ranges;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Reads canonical text (RFC 5952), where `::` stands for the groups that are missing. */
function ipv6Words(ip: Ip): number[] {
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
