/** What is known of rules by their text: what one list hands on to the next. */
import type { RuleConfig } from '../contract/config.ts';
import { ruleText } from './rule-text.ts';

/** Rules whose counters are remembered, and such as are off; of more those that were noted first are forgotten. */
const mostRules = 65_536;

export interface KnownRule {
  /** Flows that it has decided, and such as it was tested for in vain. */
  readonly hits: number;
  readonly misses: number;
  readonly off: boolean;
}

const nothing = { hits: 0, misses: 0 };

export class KnownRules {
  readonly #counted = new Map<string, Pick<KnownRule, 'hits' | 'misses'>>();
  /** Switched off by hand: counters do not push them out. */
  readonly #off = new Map<string, true>();

  /** What is known of a rule so far, the `nth` of its text. */
  note(rule: RuleConfig, known: KnownRule, nth: number): void {
    this.set(keyOf(rule, nth), known);
  }

  /** What was known of a rule, by the key that `entries` gave. */
  set(key: string, { hits, misses, off }: KnownRule): void {
    remember(this.#off, key, off ? true : undefined);
    remember(this.#counted, key, hits > 0 || misses > 0 ? { hits, misses } : undefined);
  }

  /** Of every rule of which something is known: a key that stands for its text, and for which of that text it is. */
  *entries(): Generator<readonly [key: string, KnownRule]> {
    for (const [key, counted] of this.#counted) yield [key, { ...counted, off: this.#off.has(key) }];
    for (const key of this.#off.keys()) if (!this.#counted.has(key)) yield [key, { ...nothing, off: true }];
  }

  of(rule: RuleConfig, nth: number): KnownRule {
    const key = keyOf(rule, nth);
    return { ...(this.#counted.get(key) ?? nothing), off: this.#off.has(key) };
  }
}

function keyOf(rule: RuleConfig, nth: number): string {
  return `${nth}:${ruleText(rule)}`;
}

function remember<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  map.delete(key);
  if (value === undefined) return;
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > mostRules && oldest !== undefined) map.delete(oldest);
}

/** Rules, each with which of its text it is: 0 for the first. */
export function* numbered(rules: readonly RuleConfig[]): Generator<readonly [rule: RuleConfig, nth: number]> {
  const seen = new Map<string, number>();
  for (const rule of rules) {
    const text = ruleText(rule);
    const nth = seen.get(text) ?? 0;
    seen.set(text, nth + 1);
    yield [rule, nth];
  }
}
