/**
 * Rules with a regular expression. Those that RE2 reads are one automaton: a name is read once, whatever their number. Those with
 * look-around are tried one after the other, in bounded steps.
 */
import { RE2JS, RE2Set } from 're2js';
import { compileExpression, maxPrograms, type RuleExpression } from './rule-expression.ts';
import type { RuleEntry } from './rule-kind.ts';

/** Bytes that the automaton remembers; beyond, it forgets and begins anew. */
const maxMemory = 8 * 1024 * 1024;

export class RegexTable {
  readonly #set = new RE2Set(RE2Set.UNANCHORED, RE2JS.CASE_INSENSITIVE, maxMemory);
  /** Of those in the set, by their place in it. */
  readonly #indexes: readonly number[];
  readonly #others: readonly { readonly index: number; readonly expression: RuleExpression }[];

  /** Entries must come in the order of their indexes. Throws RangeError when they are larger than `maxPrograms` together. */
  constructor(entries: readonly RuleEntry[]) {
    let size = 0;
    const indexes: number[] = [];
    const others: { index: number; expression: RuleExpression }[] = [];
    for (const { payload, index } of entries) {
      const expression = compileExpression(payload);
      size += expression.size;
      if (size > maxPrograms) throw new RangeError('the regular expressions are too large together');
      if (!expression.isLinear) {
        others.push({ index, expression });
        continue;
      }
      this.#set.add(payload);
      indexes.push(index);
    }
    this.#set.compile();
    this.#indexes = indexes;
    this.#others = others;
  }

  /** The lowest index from `from` on and below `limit` whose expression matches; else `limit`. */
  lookup(text: string, from: number, limit: number): number {
    let best = limit;
    if ((this.#indexes[0] ?? limit) < limit && (this.#indexes.at(-1) ?? -1) >= from) {
      for (const place of this.#set.match(text)) {
        const index = this.#indexes[place] ?? limit;
        if (index >= from && index < best) best = index;
      }
    }
    for (const { index, expression } of this.#others) {
      if (index >= best) break;
      if (index >= from && expression.test(text)) return index;
    }
    return best;
  }
}
