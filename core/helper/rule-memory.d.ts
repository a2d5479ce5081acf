import type { Logger } from '../base/logger.ts';
import { KnownRules } from '../rule/known-rules.ts';
import type { RuleStore } from '../state/rule-store.ts';
import type { Remembered } from './remembered.ts';
export declare class RuleMemory {
    #private;
    constructor(store: RuleStore, remembered: Pick<Remembered, 'write'>, log: Logger);
    /** Of which profile the saved configuration of a user is. */
    profileOf(uid: number): string;
    noteProfile(uid: number, profile: string): void;
    /** What is known of the rules of a profile; from now on `save` is about these. */
    recall(uid: number, profile: string): KnownRules;
    /** Writes what has changed, apart from misses of rules that have decided nothing. */
    save(uid: number, profile: string, known: KnownRules): void;
}
