/** What a kind of policy group decides, and what it may know for it. One file each; `group-kinds.ts` lists them. */
import type { GroupConfig } from '../../contract/config.ts';
import type { Metadata } from '../../flow/metadata.ts';

/** What is known of members when a group chooses. */
export interface MemberFacts {
  /** Whether anything could be dialled through it: not a node that is not spoken, nor a group without such members. */
  isUsable(member: string): boolean;
  /** By the group's own test; true while none has ended. */
  isAlive(member: string): boolean;
  /** Milliseconds that the last test took; undefined before it, and for one that is not alive. */
  delayOf(member: string): number | undefined;
}

/** What a group goes by besides what it is told of its members. */
export interface GroupMemory {
  /** What a person has chosen. */
  readonly chosen: string | undefined;
  /** Where an automatic group led last, also under an earlier configuration; it says itself where it leads now. */
  current: string | undefined;
}

export interface GroupKind {
  /**
   * The members that new flows may be given now; whoever asks without a flow gets the first. Empty where there is nothing to offer.
   * Called when something has changed.
   */
  candidates(members: readonly string[], facts: MemberFacts, memory: GroupMemory): readonly string[];
  /** Which of several candidates takes this flow; without it always the first. */
  pick?(flow: Metadata): string | undefined;
  /** Whether a person may choose its member. */
  readonly isChosen: boolean;
  /** Whether it goes by tests of its members. */
  readonly isTested: boolean;
  /** Whether a flow goes through all of its members, one after the other. */
  readonly isChain?: true;
}

export type MakeGroup = (config: GroupConfig) => GroupKind;
