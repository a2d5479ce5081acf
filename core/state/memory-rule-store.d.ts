/** What is known of rules, in memory, for tests and for tools that keep nothing. */
import { type RuleStore, type StoredRule } from './rule-store.ts';
export declare class MemoryRuleStore implements RuleStore {
    #private;
    rules(uid: number, profile: string): StoredRule[];
    noteRules(uid: number, profile: string, rules: readonly StoredRule[]): void;
    profileOf(uid: number): string;
    noteProfile(uid: number, profile: string): void;
}
