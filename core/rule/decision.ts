/** What the rules made of a connection, and by what. */
import type { Ip } from '../base/address.ts';
import type { MatchFacts } from './match-facts.ts';
import type { Place } from './rule-list.ts';

/** What a look-up of the name came to; without an address when it failed. */
export interface Asked {
  readonly ip?: Ip;
}

export interface Decision {
  /** Empty when no rule takes it. */
  readonly place: Place;
  readonly policy: string;
  readonly facts: MatchFacts;
  /** The first rule that saw what the look-up came to. */
  readonly askedAt?: Place;
  readonly asked?: Asked;
}
