/** What rules that name a set look into. `core/rule/sets` makes them of blobs. */
import type { Ip } from '../base/address.ts';
import type { RuleConfig } from '../contract/config.ts';
import type { SetTrouble } from '../contract/sets.ts';

/** A rule of a classical set: it has no policy of its own. */
export type SetRule = Omit<RuleConfig, 'policy'>;

export interface NameSet {
  /** Patterns. */
  readonly size: number;
  /** Whether a comparable name is in it. */
  has(name: string): boolean;
}

export interface AddressSet {
  /** Disjoint ranges. */
  readonly size: number;
  /** Whether a canonical address is in it. */
  has(ip: Ip): boolean;
}

export type RuleSet = SetContents & {
  /** Everything that can be told and is not in it, as `!cn` means: a name for a set of names, an address for one of addresses. */
  readonly inverted: boolean;
};

export type SetContents =
  | { readonly behavior: 'domain'; readonly size: number; readonly names: NameSet }
  | { readonly behavior: 'ipcidr'; readonly size: number; readonly addresses: AddressSet }
  /** Matches where any of its rules does. Those that there are many of are taken together. */
  | {
      readonly behavior: 'classical';
      readonly size: number;
      /** DOMAIN and DOMAIN-SUFFIX. */
      readonly names: NameSet;
      /** IP-CIDR and IP-CIDR6, which want the address of a name. */
      readonly addresses: AddressSet;
      /** Those with `no-resolve`. */
      readonly knownAddresses: AddressSet;
      readonly others: readonly SetRule[];
    };

/** The sets of a configuration, by the names of `setNameOf`. */
export interface RuleSets {
  /** Undefined: it cannot be had, and rules that name it do not match. */
  get(name: string): RuleSet | undefined;
  /** Why it cannot be had. */
  trouble(name: string): SetTrouble;
}

/** Of a configuration without sets. */
export const noSets: RuleSets = { get: () => undefined, trouble: () => 'UNDEFINED' };
