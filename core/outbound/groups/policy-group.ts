/** One policy group of a configuration: its kind, what it remembers, and the members that it chose last. */
import type { GroupConfig } from '../../contract/config.ts';
import type { Metadata } from '../../flow/metadata.ts';
import type { Outbound } from '../dialer.ts';
import { RefusingOutbound } from '../refusing.ts';
import { withoutUdp } from '../without-udp.ts';
import type { GroupKind, GroupMemory, MemberFacts } from './group-kind.ts';
import { groupKindOf } from './group-kinds.ts';

export class PolicyGroup {
  readonly config: GroupConfig;
  /** What takes its flows while there is nothing to offer. */
  readonly refusing: Outbound;
  readonly #kind: GroupKind;
  readonly #withoutUdp = new WeakMap<Outbound, Outbound>();
  #current: string | undefined;
  #candidates: readonly string[] = [];

  /** `current`: where a group of this name led last. */
  constructor(config: GroupConfig, current: string | undefined) {
    this.config = config;
    this.#current = current;
    this.#kind = groupKindOf(config);
    const { name } = config;
    const message = `the group "${name}" has no member that could be dialled`;
    this.refusing = new RefusingOutbound(name, { code: 'DIAL_GROUP_EMPTY', message });
  }

  /** Whether a person may choose its member. */
  get isChosen(): boolean {
    return this.#kind.isChosen;
  }

  /** Whether a flow goes through all of its members. */
  get isChain(): boolean {
    return this.#kind.isChain === true;
  }

  /** Whether it goes by tests of its members. */
  get isTested(): boolean {
    return this.#kind.isTested;
  }

  /** As of the last `choose`. */
  get candidates(): readonly string[] {
    return this.#candidates;
  }

  /** Where an automatic group leads. */
  get current(): string | undefined {
    return this.#current;
  }

  /** Chooses anew; returns whether flows may be given to others than before. */
  choose(facts: MemberFacts, chosen: string | undefined): boolean {
    const before = this.#candidates;
    const memory: GroupMemory = { chosen, current: this.#current };
    this.#candidates = this.#kind.candidates(this.config.members, facts, memory);
    this.#current = memory.current;
    return before.length !== this.#candidates.length || before.some((name, i) => name !== this.#candidates[i]);
  }

  /** Undefined while there is nothing to offer. */
  memberFor(flow: Metadata | undefined): string | undefined {
    const picked = flow === undefined || this.#candidates.length < 2 ? undefined : this.#kind.pick?.(flow);
    return picked ?? this.#candidates[0];
  }

  /** A leaf below it, as far as this group lets it go. */
  through(leaf: Outbound): Outbound {
    if (this.config.udp) return leaf;
    const known = this.#withoutUdp.get(leaf) ?? withoutUdp(leaf);
    this.#withoutUdp.set(leaf, known);
    return known;
  }
}
