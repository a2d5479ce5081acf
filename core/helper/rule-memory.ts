/**
 * What is known of the rules in force, from one helper to the next: which are switched off, and their counters. What cannot be read is
 * unknown, what cannot be written is told by health.
 */
import { AppError } from '../base/app-error.ts';
import type { Logger } from '../base/logger.ts';
import { KnownRules } from '../rule/known-rules.ts';
import type { RuleStore, StoredRule } from '../state/rule-store.ts';
import type { Remembered } from './remembered.ts';

/** Rules that are written at a time: those switched off first, then those that decide most. DNS waits meanwhile. */
const maxWritten = 2_000;
/** UTF-16 units of a rule's text. */
const maxText = 2_000;

export class RuleMemory {
  readonly #store: RuleStore;
  readonly #remembered: Pick<Remembered, 'write'>;
  readonly #log: Logger;
  /** As it is in the store. */
  #stored = new Map<string, StoredRule>();

  constructor(store: RuleStore, remembered: Pick<Remembered, 'write'>, log: Logger) {
    this.#store = store;
    this.#remembered = remembered;
    this.#log = log;
  }

  /** Of which profile the saved configuration of a user is. */
  profileOf(uid: number): string {
    return this.#read(() => this.#store.profileOf(uid)) ?? '';
  }

  noteProfile(uid: number, profile: string): void {
    if (this.profileOf(uid) !== profile)
      this.#remembered.write('STATE_NOT_SAVED', () => this.#store.noteProfile(uid, profile));
  }

  /** What is known of the rules of a profile; from now on `save` is about these. */
  recall(uid: number, profile: string): KnownRules {
    const rules = this.#read(() => this.#store.rules(uid, profile)) ?? [];
    this.#stored = new Map(rules.map((rule) => [rule.key, rule]));
    const known = new KnownRules();
    for (const { key, ...rule } of rules) known.set(key, rule);
    return known;
  }

  /** Writes what has changed, apart from misses of rules that have decided nothing. */
  save(uid: number, profile: string, known: KnownRules): void {
    const changed: StoredRule[] = [];
    const seen = new Set<string>();
    for (const [key, rule] of known.entries()) {
      seen.add(key);
      const before = this.#stored.get(key);
      if (key.length > maxText || (before === undefined && !rule.off && rule.hits === 0)) continue;
      if (before?.off !== rule.off || before.hits !== rule.hits) changed.push({ key, ...rule });
    }
    for (const key of this.#stored.keys()) if (!seen.has(key)) changed.push({ key, off: false, hits: 0, misses: 0 });
    if (changed.length === 0) return;
    const first = changed.toSorted((a, b) => Number(b.off) - Number(a.off) || b.hits - a.hits).slice(0, maxWritten);
    const isWritten = this.#remembered.write('STATE_NOT_SAVED', () => this.#store.noteRules(uid, profile, first));
    if (isWritten) for (const rule of first) this.#stored.set(rule.key, rule);
  }

  #read<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      this.#log.error('what is known of rules cannot be read', { reason: AppError.from(error).message });
      return undefined;
    }
  }
}
