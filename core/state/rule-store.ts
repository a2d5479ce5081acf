/** What is known of rules by their text, durable: SQLite in the helper. By user and profile. */

export interface StoredRule {
  /** The rule's text, and which of that text it is. */
  readonly key: string;
  readonly off: boolean;
  readonly hits: number;
  readonly misses: number;
}

export interface RuleStore {
  /** Those that were noted last come last. Throws FAKE_IP_STORE. */
  rules(uid: number, profile: string): StoredRule[];
  /** Instead of what was noted of these before; one that says nothing is forgotten. Throws FAKE_IP_STORE, and nothing has changed then. */
  noteRules(uid: number, profile: string, rules: readonly StoredRule[]): void;
  /** Of which profile the configuration is that a user applied last; empty when none was named. Throws FAKE_IP_STORE. */
  profileOf(uid: number): string;
  /** Throws FAKE_IP_STORE. */
  noteProfile(uid: number, profile: string): void;
}

/** Rules of one user, of all profiles; of more the one that was noted first is forgotten. */
export const maxStoredRules = 20_000;

export function saysNothing({ off, hits, misses }: StoredRule): boolean {
  return !off && hits === 0 && misses === 0;
}
