/** A set in canonical form to what rules look into, in steps. Whoever sent it is not trusted: every line is checked. */
import { AppError } from '../../base/app-error.ts';
import type { Steps } from '../../base/steps.ts';
import { type RuleType, ruleTypes } from '../../contract/rule-types.ts';
import type { SetBehavior } from '../../contract/sets.ts';
import {
  belowKind,
  bothKind,
  exactKind,
  lineFeed,
  linesOf,
  maxOtherRules,
  maxSetBytes,
  maxWildcards,
  wildcardKind,
} from '../canonical-set.ts';
import type { SetContents, SetRule } from '../rule-set.ts';
import { AddressRanges } from './address-ranges.ts';
import { NameTable } from './name-table.ts';

/** Bytes between two steps: a few hundred lines. */
const stepBytes = 4 * 1024;
const noResolveMark = 'n'.charCodeAt(0);
const colon = ':'.charCodeAt(0);
const four = '4'.charCodeAt(0);
const six = '6'.charCodeAt(0);
const ruleKind = 'R'.charCodeAt(0);
const knownRuleKind = 'N'.charCodeAt(0);
/** Those that lead elsewhere cannot stand in a set. */
const foreign: readonly RuleType[] = ['MATCH'];

/** Throws CONFIG_INVALID with the offset of what is wrong. Keeps `bytes`. */
export function* readCanonicalSet(bytes: Buffer, behavior: SetBehavior): Steps<SetContents> {
  if (bytes.length > maxSetBytes) throw new AppError('CONFIG_INVALID', `a set has more than ${maxSetBytes} bytes`);
  if (bytes.length > 0 && bytes.at(-1) !== lineFeed) throw wrong(bytes.length, 'the last line does not end');
  const reader = new SetReader(bytes, behavior, yield* countLines(bytes));
  let pause = stepBytes;
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(lineFeed, start);
    reader.readLine(start, end);
    start = end + 1;
    if (start < pause) continue;
    pause = start + stepBytes;
    yield;
  }
  return reader.set();
}

interface LineCounts {
  names: number;
  v4: number;
  v6: number;
}

function* countLines(bytes: Buffer): Steps<LineCounts> {
  const counts = { names: 0, v4: 0, v6: 0 };
  let pause = stepBytes * 4;
  for (let start = 0; start < bytes.length; start = bytes.indexOf(lineFeed, start) + 1) {
    const kind = bytes[start];
    if (kind === exactKind || kind === belowKind || kind === bothKind) counts.names += 1;
    else if (kind === four) counts.v4 += 1;
    else if (kind === six) counts.v6 += 1;
    if (start < pause) continue;
    pause = start + stepBytes * 4;
    yield;
  }
  return counts;
}

class SetReader {
  readonly #bytes: Buffer;
  readonly #behavior: SetBehavior;
  readonly #names: NameTable;
  readonly #addresses: AddressRanges;
  readonly #knownAddresses: AddressRanges;
  readonly #others: SetRule[] = [];

  constructor(bytes: Buffer, behavior: SetBehavior, { names, v4, v6 }: LineCounts) {
    this.#bytes = bytes;
    this.#behavior = behavior;
    this.#names = new NameTable(bytes, names);
    const known = behavior === 'classical' ? [v4, v6] : [0, 0];
    this.#addresses = new AddressRanges(v4, v6);
    this.#knownAddresses = new AddressRanges(known[0] ?? 0, known[1] ?? 0);
  }

  set(): SetContents {
    const names = this.#names;
    const addresses = this.#addresses;
    switch (this.#behavior) {
      case 'domain':
        return { behavior: 'domain', size: names.size, names };
      case 'ipcidr':
        return { behavior: 'ipcidr', size: addresses.size, addresses };
      case 'classical': {
        const knownAddresses = this.#knownAddresses;
        const others = this.#others;
        const size = names.size + addresses.size + knownAddresses.size + others.length;
        return { behavior: 'classical', size, names, addresses, knownAddresses, others };
      }
    }
  }

  readLine(start: number, end: number): void {
    const kind = this.#bytes[start];
    if (kind === undefined || start === end) throw wrong(start, 'a line is empty');
    const may = linesOf[this.#behavior];
    if (kind === exactKind || kind === belowKind || kind === bothKind) {
      if (!may.names) throw wrong(start, 'a name');
      this.#readName(start, end);
    } else if (kind === wildcardKind && may.names) this.#readWildcard(start, end);
    else if ((kind === four || kind === six) && may.addresses) this.#readRange(kind === four ? 4 : 6, start, end);
    else if ((kind === ruleKind || kind === knownRuleKind) && this.#behavior === 'classical')
      this.#readRule(start, end);
    else throw wrong(start, 'a line of an unknown kind');
  }

  #readName(start: number, end: number): void {
    if (end - start > 256 || end - start < 2) throw wrong(start, 'a name is empty or too long');
    for (let i = start + 1; i < end; i++) {
      const byte = this.#bytes[i] ?? 0;
      if (byte <= 0x20 || byte >= 0x7f || (byte >= 0x41 && byte <= 0x5a)) throw wrong(i, 'a name is not comparable');
    }
    if (!this.#names.add(start, end)) throw wrong(start, 'the names are too alike');
  }

  #readWildcard(start: number, end: number): void {
    if (this.#names.wildcards >= maxWildcards) throw wrong(start, 'too many patterns');
    const problem = this.#names.addWildcard(this.#bytes.toString('latin1', start + 1, end));
    if (problem !== undefined || end - start > 256) throw wrong(start, problem ?? 'a pattern is too long');
  }

  #readRange(family: 4 | 6, start: number, end: number): void {
    const isKnown = this.#bytes[start + 1] === noResolveMark;
    const from = start + (isKnown ? 3 : 2);
    const digits = family === 4 ? 8 : 32;
    const isRange = this.#bytes[from - 1] === colon && end - from === digits * 2 + 1;
    if (!isRange || (isKnown && this.#behavior !== 'classical')) throw wrong(start, 'not a range of addresses');
    const ranges = isKnown ? this.#knownAddresses : this.#addresses;
    const taken = ranges.add(family, this.#words(from, digits), this.#words(from + digits + 1, digits));
    if (!taken) throw wrong(start, 'ranges are not in order');
  }

  #words(from: number, digits: number): number[] {
    const words: number[] = [];
    for (let at = from; at < from + digits; at += 8) {
      let word = 0;
      for (let i = at; i < at + 8; i++) word = word * 16 + hexDigit(this.#bytes[i] ?? 0, i);
      words.push(word);
    }
    return words;
  }

  #readRule(start: number, end: number): void {
    if (this.#others.length >= maxOtherRules) throw wrong(start, 'too many rules');
    const text = this.#bytes.toString('utf8', start, end);
    const [, mark, name, payload = ''] = /^([RN]):([A-Z0-9-]{1,30}),(.{0,1024})$/su.exec(text) ?? [];
    const type = ruleTypes.find((each) => each === name);
    if (type === undefined || foreign.includes(type)) throw wrong(start, 'not a rule that can stand in a set');
    this.#others.push({ type, payload, noResolve: mark === 'N' });
  }
}

function hexDigit(byte: number, offset: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57;
  throw wrong(offset, 'not a hexadecimal digit');
}

function wrong(offset: number, what: string): AppError {
  return new AppError('CONFIG_INVALID', `a set is malformed at byte ${offset}: ${what}`);
}
