/** What is known of rules, in memory, for tests and for tools that keep nothing. */
import { maxStoredRules, type RuleStore, type StoredRule, saysNothing } from './rule-store.ts';

export class MemoryRuleStore implements RuleStore {
  /** By user, then by profile and rule, as they were noted. */
  readonly #rules = new Map<number, Map<string, { readonly profile: string; readonly rule: StoredRule }>>();
  readonly #profiles = new Map<number, string>();

  rules(uid: number, profile: string): StoredRule[] {
    const own = [...(this.#rules.get(uid)?.values() ?? [])];
    return own.flatMap((each) => (each.profile === profile ? [each.rule] : []));
  }

  noteRules(uid: number, profile: string, rules: readonly StoredRule[]): void {
    const own = this.#rules.get(uid) ?? new Map();
    this.#rules.set(uid, own);
    for (const rule of rules) {
      const key = JSON.stringify([profile, rule.key]);
      own.delete(key);
      if (!saysNothing(rule)) own.set(key, { profile, rule });
    }
    for (const key of own.keys()) {
      if (own.size <= maxStoredRules) break;
      own.delete(key);
    }
  }

  profileOf(uid: number): string {
    return this.#profiles.get(uid) ?? '';
  }

  noteProfile(uid: number, profile: string): void {
    this.#profiles.set(uid, profile);
  }
}
