/** Sets of names that `nameserver-policy` and `fake-ip-filter` name (`geosite:cn`, `rule-set:NAME`); made elsewhere. */
export interface NameSets {
  /** Another text when something else may be in one of them. */
  readonly identity: string;
  /** Whether a normalised name is in this set; false for one that cannot be had. */
  has(set: string, name: string): boolean;
}

export const noNameSets: NameSets = { identity: '', has: () => false };
