/** What people see of providers: a row each, made of what the profile wants, what there is of it, and how its download does. */

import { AppError } from '../base/app-error.ts';
import { parseUrl } from '../base/parse-url.ts';
import { maxListedUses, type ProviderRow, type ProviderUse } from '../contract/providers.ts';
import type { Wanted } from '../profile/profile-loader.ts';
import type { ProviderPlace, ProxyProvider, RuleProvider } from '../profile/provider-contents.ts';
import { unused } from '../profile/provider-uses.ts';
import { FormatError } from './formats/format-error.ts';
import type { ProviderFacts } from './provider-facts.ts';
import { type GeoUser, urlOf } from './provider-shelf.ts';

export type DownloadState = Pick<ProviderRow, 'updatedAt' | 'nextAt' | 'updating' | 'progress' | 'error'>;

export interface RowSources {
  readonly wanted: Wanted;
  readonly facts: Pick<ProviderFacts, 'nodesOf' | 'madeOf' | 'listsOf'>;
  readonly geo: readonly GeoUser[];
  readonly stateOf: (url: string) => DownloadState;
}

/** Proxy providers, then rule providers, then geodata; each in the order of the profile. */
export function providerRows(sources: RowSources): ProviderRow[] {
  const { nodes, sets } = sources.wanted;
  return [
    ...nodes.map((provider) => nodeRow(provider, sources)),
    ...sets.flatMap((each) =>
      each.kind === 'provider' && each.name.startsWith('rule-set:') ? [ruleRow(each.provider, each.name, sources)] : [],
    ),
    ...sources.geo.map((user) => geoRow(user, sources)),
  ];
}

/** The error that says of what came, or stands there, that it is not what was expected. */
export function unreadable(problem: FormatError): AppError {
  return new AppError('DOWNLOAD_UNREADABLE', problem.message);
}

function nodeRow(provider: ProxyProvider, sources: RowSources): ProviderRow {
  const { facts, wanted } = sources;
  const isInline = provider.place.kind === 'inline';
  const { nodes, missing, problem } = facts.nodesOf(provider);
  return {
    name: provider.name,
    kind: 'proxies',
    ...placeOf(provider.place, problem, sources),
    entries: missing === undefined && !isInline ? nodes.length : null,
    leftOut: 0,
    use: wanted.uses.nodes.get(provider.name) ?? unused,
  };
}

function ruleRow(provider: RuleProvider, set: string, sources: RowSources): ProviderRow {
  const { name, place, behavior, format } = provider;
  const made = sources.facts.madeOf(provider);
  const problem = made instanceof FormatError ? made : undefined;
  const contents = made === undefined || made instanceof FormatError ? undefined : made;
  return {
    name,
    kind: 'rules',
    ...placeOf(place, problem, sources),
    behavior,
    ...(place.kind === 'inline' ? {} : { format }),
    entries: contents?.entries ?? null,
    leftOut: contents?.leftOut ?? 0,
    use: sources.wanted.uses.sets.get(set) ?? unused,
  };
}

function geoRow(user: GeoUser, sources: RowSources): ProviderRow {
  const { name, lists } = user;
  const made = [...sources.facts.listsOf(user).values()];
  const there = made.filter((each) => each !== undefined && !(each instanceof FormatError)).length;
  // A code that it has not is no fault of the file.
  const problem = made.find(
    (each): each is FormatError => each instanceof FormatError && each.trouble !== 'NOT_LISTED',
  );
  return {
    name,
    kind: 'geodata',
    ...placeOf({ kind: 'http', url: urlOf(user), interval: 0, headers: {} }, problem, sources),
    entries: made.includes(undefined) ? null : there,
    leftOut: made.length - there,
    use: together(lists.map((list) => sources.wanted.uses.sets.get(list.name) ?? unused)),
    lists: lists.map((list) => list.name),
  };
}

function together(uses: readonly ProviderUse[]): ProviderUse {
  return {
    groups: [],
    rules: uses.flatMap(({ rules }) => rules).slice(0, maxListedUses),
    ruleCount: uses.reduce((sum, { ruleCount }) => sum + ruleCount, 0),
  };
}

function placeOf(
  place: ProviderPlace,
  problem: FormatError | undefined,
  { stateOf }: RowSources,
): DownloadState & Pick<ProviderRow, 'source' | 'host'> {
  const broken = problem === undefined ? {} : { error: unreadable(problem).toData() };
  if (place.kind !== 'http') return { source: place.kind, updatedAt: null, nextAt: null, updating: false, ...broken };
  const host = parseUrl(place.url)?.hostname ?? '';
  return { source: 'http', ...(host === '' ? {} : { host }), ...broken, ...stateOf(place.url) };
}
