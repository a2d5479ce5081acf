/** How often each rule of a list was tested and has decided, and which are switched off. */
import type { RuleConfig } from '../contract/config.ts';
import { type KnownRule, type KnownRules, numbered } from './known-rules.ts';

export class RuleCounters {
  readonly #rules: readonly RuleConfig[];
  readonly #hits: Float64Array;
  /** Misses that are counted one by one: those handed on, less those while the rule was off. */
  readonly #misses: Float64Array;
  /** Flows whose tests began at a place, less those that ended there: their running sum is how often a rule was passed. */
  readonly #steps: Float64Array;
  readonly #off = new Set<number>();

  constructor(rules: readonly RuleConfig[], known?: KnownRules) {
    this.#rules = rules;
    this.#hits = new Float64Array(rules.length);
    this.#misses = new Float64Array(rules.length);
    this.#steps = new Float64Array(rules.length + 1);
    if (known === undefined) return;
    for (const [index, [rule, nth]] of [...numbered(rules)].entries()) {
      const { hits, misses, off } = known.of(rule, nth);
      this.#hits[index] = hits;
      this.#misses[index] = misses;
      if (off) this.#off.add(index);
    }
  }

  get off(): ReadonlySet<number> {
    return this.#off;
  }

  /** A flow was tested from the rule `from` on, and decided by the one at `hit`, or by none. */
  count(from: number, hit: number | undefined): void {
    const end = hit ?? this.#rules.length;
    if (end < from) return;
    this.#add(this.#steps, from, 1);
    this.#add(this.#steps, end, -1);
    if (hit !== undefined) this.#add(this.#hits, hit, 1);
  }

  /** Of every rule, in order. */
  all(): KnownRule[] {
    let passed = 0;
    return this.#rules.map((_, index) => {
      passed += this.#steps[index] ?? 0;
      const off = this.#off.has(index);
      const misses = (this.#misses[index] ?? 0) + (off ? 0 : passed);
      return { hits: this.#hits[index] ?? 0, misses, off };
    });
  }

  switchRule(index: number, on: boolean): void {
    if (this.#off.has(index) !== on) return;
    const passed = this.#passed(index);
    // What passes while it is off does not count.
    this.#add(this.#misses, index, on ? -passed : passed);
    if (on) this.#off.delete(index);
    else this.#off.add(index);
  }

  note(known: KnownRules): void {
    const all = this.all();
    for (const [index, [rule, nth]] of [...numbered(this.#rules)].entries()) {
      const counted = all[index];
      if (counted !== undefined) known.note(rule, counted, nth);
    }
  }

  #passed(index: number): number {
    let passed = 0;
    for (let i = 0; i <= index; i++) passed += this.#steps[i] ?? 0;
    return passed;
  }

  #add(counters: Float64Array, index: number, by: number): void {
    counters[index] = (counters[index] ?? 0) + by;
  }
}
