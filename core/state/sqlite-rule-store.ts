/** The tables of a state database that say what is known of rules. Besides what earlier helpers know, who pass them over. */
import type { DatabaseSync } from 'node:sqlite';
import { maxStoredRules, type RuleStore, type StoredRule, saysNothing } from './rule-store.ts';

export const ruleTables = `
  CREATE TABLE IF NOT EXISTS rule_note (
    uid INTEGER NOT NULL, profile TEXT NOT NULL, rule TEXT NOT NULL, off INTEGER NOT NULL, hits INTEGER NOT NULL,
    misses INTEGER NOT NULL, PRIMARY KEY (uid, profile, rule)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS applied_profile (uid INTEGER PRIMARY KEY, profile TEXT NOT NULL) STRICT;
`;

/** `attempt` runs a piece of work, `inOneTransaction` as a whole or not at all; both throw FAKE_IP_STORE. */
export interface RuleTablesAccess {
  attempt<T>(work: () => T): T;
  inOneTransaction(work: () => void): void;
}

export class SqliteRuleStore implements RuleStore {
  readonly #database: DatabaseSync;
  readonly #access: RuleTablesAccess;

  constructor(database: DatabaseSync, access: RuleTablesAccess) {
    this.#database = database;
    this.#access = access;
  }

  rules(uid: number, profile: string): StoredRule[] {
    return this.#access.attempt(() => {
      const select = 'SELECT rule, off, hits, misses FROM rule_note WHERE uid = ? AND profile = ? ORDER BY rowid';
      return this.#database
        .prepare(select)
        .all(uid, profile)
        .map((row) => ({
          key: String(row['rule']),
          off: row['off'] === 1,
          hits: Number(row['hits']),
          misses: Number(row['misses']),
        }));
    });
  }

  noteRules(uid: number, profile: string, rules: readonly StoredRule[]): void {
    this.#access.inOneTransaction(() => {
      const remove = this.#database.prepare('DELETE FROM rule_note WHERE uid = ? AND profile = ? AND rule = ?');
      const insert = this.#database.prepare('INSERT INTO rule_note VALUES (?, ?, ?, ?, ?, ?)');
      for (const rule of rules) {
        const { key, off, hits, misses } = rule;
        remove.run(uid, profile, key);
        if (!saysNothing(rule)) insert.run(uid, profile, key, off ? 1 : 0, hits, misses);
      }
      this.#database
        .prepare(
          `DELETE FROM rule_note WHERE uid = ? AND rowid <=
             (SELECT rowid FROM rule_note WHERE uid = ? ORDER BY rowid DESC LIMIT 1 OFFSET ?)`,
        )
        .run(uid, uid, maxStoredRules);
    });
  }

  profileOf(uid: number): string {
    return this.#access.attempt(() => {
      const row = this.#database.prepare('SELECT profile FROM applied_profile WHERE uid = ?').get(uid);
      return row === undefined ? '' : String(row['profile']);
    });
  }

  noteProfile(uid: number, profile: string): void {
    this.#access.attempt(() =>
      this.#database.prepare('INSERT OR REPLACE INTO applied_profile VALUES (?, ?)').run(uid, profile),
    );
  }
}
