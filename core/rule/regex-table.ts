/**
 * Rules with a regular expression, compiled to one automaton: a name is read once, whatever their number. RE2's syntax
 * (https://github.com/google/re2/wiki/Syntax), whose time is linear in the text; it has no look-around and no
 * back-references. An expression may match anywhere in the text, in any case.
 */
import { RE2JS, RE2Set } from 're2js';
import type { RuleEntry } from './rule-kind.ts';

/** Instructions of one expression. */
const maxProgram = 2_000;
/** Instructions of all of them: what a name costs at worst is in proportion. */
export const maxPrograms = 20_000;
/** Bytes that the automaton remembers; beyond, it forgets and begins anew. */
const maxMemory = 8 * 1024 * 1024;

export class RegexTable {
  readonly #set = new RE2Set(RE2Set.UNANCHORED, RE2JS.CASE_INSENSITIVE, maxMemory);
  readonly #indexes: readonly number[];
  readonly #last: number;

  /** Entries must come in the order of their indexes. Throws RangeError when they are larger than `maxPrograms` together. */
  constructor(entries: readonly RuleEntry[]) {
    let size = 0;
    for (const { payload } of entries) {
      size += expressionSize(payload);
      if (size > maxPrograms) throw new RangeError('the regular expressions are too large together');
      this.#set.add(payload);
    }
    this.#set.compile();
    this.#indexes = entries.map(({ index }) => index);
    this.#last = this.#indexes.at(-1) ?? -1;
  }

  /** The lowest index from `from` on and below `limit` whose expression matches; else `limit`. */
  lookup(text: string, from: number, limit: number): number {
    if ((this.#indexes[0] ?? limit) >= limit || this.#last < from) return limit;
    let best = limit;
    for (const place of this.#set.match(text)) {
      const index = this.#indexes[place] ?? limit;
      if (index >= from && index < best) best = index;
    }
    return best;
  }
}

/** Why an expression cannot be used, in English; undefined if it can. */
export function expressionProblem(expression: string): string | undefined {
  try {
    return expressionSize(expression) > maxProgram ? 'it is too large' : undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error);
  }
}

/** Whether an expression has what Clash's engine (.NET's syntax) knows and RE2 does not: look-around, atoms, back-references. */
export function isPerlOnly(expression: string): boolean {
  return /\(\?(?:[=!>]|<[=!])|\\(?:[1-9]|k[<'{])/.test(expression.replaceAll('\\\\', ''));
}

/** In instructions. Throws what `expressionProblem` tells. */
export function expressionSize(expression: string): number {
  return compile(expression).programSize();
}

export function expressionMatcher(expression: string): (text: string) => boolean {
  const compiled = compile(expression);
  return (text) => compiled.test(text);
}

function compile(expression: string): RE2JS {
  return RE2JS.compile(expression, RE2JS.CASE_INSENSITIVE);
}
