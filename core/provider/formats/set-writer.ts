/** Collects what is in a set, whatever it was written in, and writes the canonical form (`core/rule/canonical-set.ts`). */
import { type Cidr, parseCidr } from '../../base/cidr.ts';
import { comparableDomain, domainPatternProblem } from '../../base/domain.ts';
import { type SetBehavior, setNameOf, setRuleTypes } from '../../contract/sets.ts';
import { maxOtherRules, maxSetBytes, maxWildcards } from '../../rule/canonical-set.ts';
import { parseRule, rulesWithin } from '../../rule/rule-parser.ts';
import { FormatError } from './format-error.ts';

export interface CanonicalSet {
  readonly behavior: SetBehavior;
  readonly bytes: Buffer;
  /** Entries that are in it, and those that were left out because nothing can match them or they are not understood. */
  readonly entries: number;
  readonly leftOut: number;
  /** The first that was left out, and why. */
  readonly example?: string;
  /** Entries that are neither names nor prefixes: they are tested one by one. */
  readonly others: number;
  /** Sets that its rules name: `geoip:cn`. */
  readonly needs: readonly string[];
}

/** They lead elsewhere: to other sets, other rules, or everywhere. */
const foreign: readonly string[] = ['MATCH', 'RULE-SET', 'SUB-RULE'];
const exact = 1;
const below = 2;
const plainName = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

export class SetWriter {
  readonly #behavior: SetBehavior;
  /** Bare comparable names, and whether they themselves, what is below them, or both are in it. */
  readonly #names = new Map<string, number>();
  readonly #wildcards = new Set<string>();
  readonly #ranges = {
    '4:': new RangeList(8),
    '4n:': new RangeList(8),
    '6:': new RangeList(32),
    '6n:': new RangeList(32),
  };
  readonly #rules = new Set<string>();
  readonly #needs = new Set<string>();
  #entries = 0;
  #leftOut = 0;
  #example: string | undefined;
  #room = maxSetBytes;

  constructor(behavior: SetBehavior) {
    this.#behavior = behavior;
  }

  /** An entry as a set of this behaviour has it: a pattern, a prefix, or a rule without a policy. */
  add(text: string): void {
    switch (this.#behavior) {
      case 'domain':
        return this.addPattern(text);
      case 'ipcidr':
        return this.addPrefix(text, false);
      case 'classical':
        return this.addRule(text);
    }
  }

  /** A pattern of Clash's domain sets. */
  addPattern(pattern: string): void {
    const isSelf = pattern.startsWith('+.');
    const isBelow = isSelf || pattern.startsWith('.');
    const written = isBelow ? pattern.slice(isSelf ? 2 : 1) : pattern;
    const name = plainName.test(written) ? written : comparableDomain(written);
    if (name !== written || !plainName.test(name)) {
      const problem = domainPatternProblem(pattern);
      if (problem !== undefined) return this.#leaveOut(pattern, problem);
    }
    if (name.includes('*')) return this.#addWildcard(`${isSelf ? '+.' : isBelow ? '.' : ''}${name}`, pattern);
    this.addName(name, !isBelow || isSelf, isBelow);
  }

  /** A comparable name: itself, what is below it, or both. */
  addName(name: string, self: boolean, belowIt: boolean): void {
    if (name.length > 253 || !/^[\x21-\x40\x5b-\x7e]+$/.test(name)) return this.#leaveOut(name, 'not a name');
    const before = this.#names.get(name);
    this.#entries += 1;
    if (before === undefined) this.#spend(name.length + 2);
    this.#names.set(name, (before ?? 0) | (self ? exact : 0) | (belowIt ? below : 0));
  }

  addPrefix(text: string, noResolve: boolean): void {
    const cidr = parseCidr(text);
    if (cidr === undefined) return this.#leaveOut(text, 'not an address prefix');
    this.addCidr(cidr, noResolve);
  }

  addCidr({ family, first, last }: Pick<Cidr, 'family' | 'first' | 'last'>, noResolve = false): void {
    this.#entries += 1;
    this.#spend(family === 4 ? 20 : 68);
    this.#ranges[`${family}${noResolve ? 'n' : ''}:`].add(first, last);
  }

  /** A rule as a line of a list has it: `TYPE,payload[,no-resolve]`. */
  addRule(line: string): void {
    const parsed = parseRule(withPolicy(line));
    if (parsed.kind !== 'rule') return this.#leaveOut(line, parsed.note.code);
    const { type, payload, noResolve } = parsed.rule;
    const within = rulesWithin(parsed.rule);
    const stranger = within.find((rule) => foreign.includes(rule.type));
    if (stranger !== undefined) return this.#leaveOut(line, `${stranger.type} cannot stand in a set`);
    if (type === 'DOMAIN' || type === 'DOMAIN-SUFFIX')
      return this.addName(comparableDomain(payload), true, type === 'DOMAIN-SUFFIX');
    if (type === 'IP-CIDR' || type === 'IP-CIDR6') return this.addPrefix(payload, noResolve);
    this.addOther(type, payload, noResolve);
    for (const rule of within) {
      const setType = setRuleTypes.find((each) => each === rule.type);
      if (setType !== undefined) this.#needs.add(setNameOf(setType, rule.payload));
    }
  }

  /** A rule of another type, in the spelling that is compiled. */
  addOther(type: string, payload: string, noResolve = false): void {
    const line = `${noResolve ? 'N' : 'R'}:${type},${payload}`;
    if (/[\r\n]/.test(line)) return this.#leaveOut(line, 'a line break');
    this.#entries += 1;
    if (this.#rules.has(line)) return;
    if (this.#rules.size >= maxOtherRules)
      throw new FormatError('TOO_LARGE', `more than ${maxOtherRules} rules that are not about a name or a prefix`);
    this.#spend(Buffer.byteLength(line) + 1);
    this.#rules.add(line);
  }

  /** Notes an entry that is not taken. */
  #leaveOut(text: string, why: string): void {
    this.#leftOut += 1;
    this.#example ??= `${text.slice(0, 100)}: ${why}`;
  }

  #addWildcard(pattern: string, written: string): void {
    const problem = domainPatternProblem(pattern) ?? (/^[\x21-\x7e]{1,253}$/.test(pattern) ? undefined : 'not a name');
    if (problem !== undefined) return this.#leaveOut(written, problem);
    this.#entries += 1;
    if (this.#wildcards.has(pattern)) return;
    if (this.#wildcards.size >= maxWildcards)
      throw new FormatError('TOO_LARGE', `more than ${maxWildcards} patterns with "*"`);
    this.#spend(pattern.length + 2);
    this.#wildcards.add(pattern);
  }

  /** Throws TOO_LARGE when it is used up. */
  #spend(bytes: number): void {
    this.#room -= bytes;
    if (this.#room < 0) throw new FormatError('TOO_LARGE', `more than ${maxSetBytes / 1024 / 1024} MiB`);
  }

  /** The set; `behavior` is the plainest one that has all that is in it. */
  finish(): CanonicalSet {
    const lines: string[] = [];
    for (const [name, kinds] of this.#names)
      lines.push(`${kinds === exact ? '=' : kinds === below ? '.' : '+'}${name}`);
    for (const pattern of this.#wildcards) lines.push(`*${pattern}`);
    for (const [prefix, ranges] of Object.entries(this.#ranges))
      for (const line of ranges.lines(prefix)) lines.push(line);
    for (const rule of this.#rules) lines.push(rule);
    const text = lines.length === 0 ? '' : `${lines.join('\n')}\n`;
    const plain =
      this.#behavior === 'classical' && this.#rules.size === 0 && this.#hasNoRanges() ? 'domain' : this.#behavior;
    return {
      behavior: plain,
      bytes: Buffer.from(text, 'utf8'),
      entries: this.#entries,
      leftOut: this.#leftOut,
      ...(this.#example === undefined ? {} : { example: this.#example }),
      others: this.#rules.size,
      needs: [...this.#needs],
    };
  }

  #hasNoRanges(): boolean {
    return Object.values(this.#ranges).every((ranges) => ranges.size === 0);
  }
}

/** Ranges of one kind, joined where they touch. */
class RangeList {
  readonly #digits: number;
  readonly #ranges: { readonly first: bigint; readonly last: bigint }[] = [];

  constructor(digits: 8 | 32) {
    this.#digits = digits;
  }

  get size(): number {
    return this.#ranges.length;
  }

  add(first: bigint, last: bigint): void {
    this.#ranges.push({ first, last });
  }

  *lines(prefix: string): Generator<string> {
    const hex = (value: bigint): string => value.toString(16).padStart(this.#digits, '0');
    const sorted = this.#ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
    let open: { first: bigint; last: bigint } | undefined;
    for (const { first, last } of sorted) {
      if (open !== undefined && first <= open.last + 1n) {
        if (last > open.last) open.last = last;
        continue;
      }
      if (open !== undefined) yield `${prefix}${hex(open.first)}-${hex(open.last)}`;
      open = { first, last };
    }
    if (open !== undefined) yield `${prefix}${hex(open.first)}-${hex(open.last)}`;
  }
}

/** Types whose payload may have commas: it goes on to the end of the line. */
const openEnded = /^\s*(?:AND|OR|NOT|[A-Z-]+-REGEX)\s*,/i;

/** Written out as a rule of a profile, whose policy is of no account. */
function withPolicy(line: string): string {
  if (openEnded.test(line)) return `${line},DIRECT`;
  const [type = '', payload = '', ...options] = line.split(',');
  return [type, payload, 'DIRECT', ...options].join(',');
}
