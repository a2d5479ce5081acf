/** Who wants what of which address: one download for each, however many name it. */
import { groupBy } from '../base/group-by.ts';
import type { Wanted } from '../profile/profile-loader.ts';
import type { ProviderPlace, ProxyProvider, RuleProvider } from '../profile/provider-contents.ts';
import { FormatError } from './formats/format-error.ts';
import type { GeoUser, Made } from './provider-shelf.ts';

/** Bytes of a download, by what it is. */
const maxBytes = { rules: 32 * 1024 * 1024, proxies: 8 * 1024 * 1024, geodata: 64 * 1024 * 1024 } as const;
/** Somebody who wants what is at an address. */
export type User =
  | { readonly kind: 'rules'; readonly name: string; readonly provider: RuleProvider }
  | { readonly kind: 'proxies'; readonly name: string; readonly provider: ProxyProvider }
  | GeoUser;

export interface Source {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds; 0 = once. */
  readonly interval: number;
  readonly maxBytes: number;
  /** How far whoever names it is; absent: it is the person. */
  readonly from?: number;
  /** The policy that the download takes. */
  readonly policy?: string;
  readonly users: User[];
}

export function sourcesOf({ sets, nodes }: Wanted): Map<string, Source> {
  const sources = new Map<string, Source>();
  const add = (place: ProviderPlace, user: User): void => {
    if (place.kind !== 'http' || place.url === '') return;
    const interval = place.interval * 1000;
    const known = sources.get(place.url);
    if (known !== undefined) {
      known.users.push(user);
      return;
    }
    const bytes = Math.min(place.maxBytes ?? Number.POSITIVE_INFINITY, maxBytes[user.kind]);
    const { url, headers, policy, from } = place;
    const way = { ...(policy === undefined ? {} : { policy }), ...(from === undefined ? {} : { from }) };
    sources.set(url, { url, headers, interval, maxBytes: bytes, ...way, users: [user] });
  };
  for (const provider of nodes) add(provider.place, { kind: 'proxies', name: provider.name, provider });
  for (const each of sets)
    if (each.kind === 'provider')
      add(each.provider.place, { kind: 'rules', name: each.provider.name, provider: each.provider });
  const geo = sets.filter((each) => each.kind === 'geo');
  for (const [file, lists] of groupBy(geo, (each) => each.file)) {
    const [first] = lists;
    if (first === undefined) continue;
    const { urls, interval, from } = first.places;
    const origin = from === undefined ? {} : { from };
    add({ kind: 'http', url: urls[file], interval, headers: {}, ...origin }, { kind: 'geodata', name: file, lists });
  }
  return sources;
}

/** What bytes have for somebody. */
export interface Worth {
  readonly entries: number;
  readonly problem: FormatError | undefined;
}

/** A code that geodata has not is no fault of the file. */
export function worthOf(made: readonly (Made | undefined)[]): Worth {
  const isProblem = (each: Made | undefined): each is FormatError =>
    each instanceof FormatError && each.trouble !== 'NOT_LISTED';
  const there = made.flatMap((each) => (each === undefined || each instanceof FormatError ? [] : each.entries));
  return { entries: there.reduce((sum, entries) => sum + entries, 0), problem: made.find(isProblem) };
}
