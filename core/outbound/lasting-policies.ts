/**
 * What is known of policies whatever the configuration says: what people have chosen in groups, where automatic ones led, what
 * tests of nodes have shown, and the chosen mode. It lives beside the tables that a reload swaps.
 */
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { PolicyMode } from '../contract/config.ts';
import { NodeTests } from './health/node-tests.ts';

/** Moves that are remembered; who has seen less looks at everything. */
const maxMoves = 1_000;

/** The table in force, as far as it is needed here. */
export interface PoliciesInForce {
  currentOf(group: string): string | undefined;
  /** Its tests by the clock end. */
  stop(): void;
}

export class LastingPolicies {
  readonly clock: Clock;
  readonly tests: NodeTests;
  /** When the members of groups were tested last (`GroupChecks`). */
  readonly swept = new Map<string, number>();
  /** The same of the nodes of providers. */
  readonly sweptProviders = new Map<string, number>();
  /** What is shown of policies of these names may have changed; of all, without names. */
  readonly changed = new Emitter<readonly string[] | undefined>();
  readonly #choices = new Map<string, string>();
  #inForce: PoliciesInForce | undefined;
  #mode: PolicyMode | null = null;
  #modes = 0;
  #revision = 0;
  /** What moved the last revisions, one entry each: a policy, or undefined for all. */
  #moves: (string | undefined)[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
    this.tests = new NodeTests(clock);
    this.tests.judged.on((name) => this.#note(name));
    this.tests.changed.on((name) => this.changed.emit([name]));
  }

  /** Grows when a group may choose otherwise than before. */
  get revision(): number {
    return this.#revision;
  }

  /** The policies that have moved `revision` since it had this value; undefined: any. */
  movedSince(revision: number): readonly string[] | undefined {
    const count = this.#revision - revision;
    if (count > this.#moves.length) return undefined;
    const names = count === 0 ? [] : this.#moves.slice(-count);
    const known = names.filter((name) => name !== undefined);
    return known.length < names.length ? undefined : known;
  }

  get chosenMode(): PolicyMode | null {
    return this.#mode;
  }

  /** Instead of the configuration's, whatever that may be; null = as it says. */
  chooseMode(mode: PolicyMode | null): void {
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.#modes += 1;
  }

  /** Of a configuration that says `configured`. */
  modeOver(configured: PolicyMode): { readonly current: PolicyMode; readonly revision: number } {
    const current = (): PolicyMode => this.#mode ?? configured;
    const revision = (): number => this.#modes;
    return {
      get current() {
        return current();
      },
      get revision() {
        return revision();
      },
    };
  }

  /** What a person has chosen in a group; undefined: what the group does by itself. */
  choiceOf(group: string): string | undefined {
    return this.#choices.get(group);
  }

  /** Null: as the group does by itself. */
  choose(group: string, member: string | null): void {
    if (member === null) this.#choices.delete(group);
    else this.#choices.set(group, member);
    this.#note(group);
    this.changed.emit([group]);
  }

  /** These choices, and no others. */
  useChoices(choices: ReadonlyMap<string, string>): void {
    this.#choices.clear();
    for (const [group, member] of choices) this.#choices.set(group, member);
    this.#note(undefined);
    this.changed.emit(undefined);
  }

  /** Where an automatic group led last. */
  currentOf(group: string): string | undefined {
    return this.#inForce?.currentOf(group);
  }

  /** This table is in force from now on. */
  use(table: PoliciesInForce): void {
    if (this.#inForce !== table) this.#inForce?.stop();
    this.#inForce = table;
    this.changed.emit(undefined);
  }

  #note(name: string | undefined): void {
    this.#revision += 1;
    this.#moves.push(name);
    if (this.#moves.length > 2 * maxMoves) this.#moves = this.#moves.slice(-maxMoves);
  }
}
