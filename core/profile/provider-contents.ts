/**
 * What a profile names and does not contain: proxy providers, rule providers, geodata. The sections say what is wanted; a
 * `ProviderSource` says what there is at the moment, at once. Who downloads and keeps it is not known here: when there is
 * something else, the profile is read again.
 */

import type { GroupTest } from '../contract/config.ts';
import type { ProviderUse, setFormats } from '../contract/providers.ts';
import type { ProxyConfig } from '../contract/proxy-config.ts';
import type { SetBehavior, SetTrouble } from '../contract/sets.ts';
import type { NameChange, NameFilter } from './name-filter.ts';

export type SetFormat = (typeof setFormats)[number];

export type ProviderPlace =
  | {
      readonly kind: 'http';
      readonly url: string;
      /** Seconds between two looks; 0 = only once. */
      readonly interval: number;
      readonly headers: Readonly<Record<string, string>>;
      /** How far whoever names the address is (`base/nearness.ts`): it may be no nearer. Absent: it is the person. */
      readonly from?: number;
      /** The policy that the download takes in place of the rules. */
      readonly policy?: string;
      /** Bytes; absent = as many as may be. */
      readonly maxBytes?: number;
    }
  /** As the profile says it; read only within the profile's own directory. */
  | { readonly kind: 'file'; readonly path: string }
  /** The entries of a set, or the nodes as a text of their own. */
  | { readonly kind: 'inline'; readonly entries: readonly string[] };

export interface RuleProvider {
  readonly name: string;
  readonly behavior: SetBehavior;
  readonly format: SetFormat;
  readonly place: ProviderPlace;
}

/** What a provider does to each of its nodes before it is read. */
export interface NodeOverride {
  readonly prefix: string;
  readonly suffix: string;
  /** Replacements in names, in order. */
  readonly renames: readonly NameChange[];
  /** Keys of the node that are set, as JSON values. */
  readonly keys: Readonly<Record<string, string | number | boolean>>;
}

export interface ProxyProvider {
  readonly name: string;
  readonly place: ProviderPlace;
  readonly filters: readonly NameFilter[];
  readonly excludeFilters: readonly NameFilter[];
  /** Types in lower case. */
  readonly excludeTypes: ReadonlySet<string>;
  readonly override: NodeOverride;
  /** Absent: it has no health check, or has turned it off. */
  readonly test?: GroupTest;
  /** All that is said here, so that equal ones are known. */
  readonly text: string;
}

/** Files of geodata by what is in them. */
export const geoFiles = ['geosite', 'geoip', 'country', 'asn'] as const;
export type GeoFile = (typeof geoFiles)[number];

/** Where geodata comes from. */
export interface GeoPlaces {
  readonly urls: Readonly<Record<GeoFile, string>>;
  /** Whether countries come from `geoip` instead of `country`. */
  readonly usesDat: boolean;
  /** Seconds between two looks; 0 = only once. */
  readonly interval: number;
  /** As of a place that is downloaded. */
  readonly from?: number;
}

/** A set that rules name. */
export type WantedSet =
  | { readonly name: string; readonly kind: 'provider'; readonly provider: RuleProvider }
  /** `code` as rules write it, without what inverts it. */
  | {
      readonly name: string;
      readonly kind: 'geo';
      readonly file: GeoFile;
      readonly code: string;
      readonly places: GeoPlaces;
    };

export type SetContents =
  | {
      readonly behavior: SetBehavior;
      readonly blob: string;
      /** Entries that are neither names nor prefixes; 0 where that is not known. */
      readonly others?: number;
      /** Sets that its own rules name, by the names of `setNameOf`. */
      readonly needs: readonly string[];
    }
  | { readonly missing: SetTrouble };

/** Who uses providers: proxy providers by name, sets as `setNameOf` gives it. What nobody uses is absent. */
export interface ProviderUses {
  readonly nodes: ReadonlyMap<string, ProviderUse>;
  readonly sets: ReadonlyMap<string, ProviderUse>;
}

export interface ProviderNodes {
  /** After filter and override, each name once. */
  readonly nodes: readonly ProxyConfig[];
  /** Present when they cannot be had. */
  readonly missing?: SetTrouble;
}

/** What there is now. Never waits, never throws; remembers what was asked for, so that it is fetched. */
export interface ProviderSource {
  nodesOf(provider: ProxyProvider): ProviderNodes;
  setsOf(wanted: readonly WantedSet[]): ReadonlyMap<string, SetContents>;
}

/** Of somebody who has nothing. */
export const noContents: ProviderSource = {
  nodesOf: () => ({ nodes: [], missing: 'NOT_FETCHED' }),
  setsOf: (wanted) => new Map(wanted.map(({ name }) => [name, { missing: 'NOT_FETCHED' }])),
};
