/**
 * What there is of what the profile wants, as it was when it was looked at last: once when the profile is read, and where a download
 * has come. Rows for people, and what is due, are made of it; neither looks at the disk.
 */
import type { Wanted } from '../profile/profile-loader.ts';
import type { ProviderPlace, ProxyProvider, RuleProvider } from '../profile/provider-contents.ts';
import type { Copy, ProviderCache } from './provider-cache.ts';
import { type GeoUser, type Made, type Nodes, type ProviderShelf, urlOf } from './provider-shelf.ts';

export class ProviderFacts {
  readonly #shelf: ProviderShelf;
  readonly #cache: ProviderCache;
  #directory: string | undefined;
  #wanted: Pick<Wanted, 'nodes' | 'sets'> = { nodes: [], sets: [] };
  #geo: readonly GeoUser[] = [];
  readonly #copies = new Map<string, Copy | undefined>();
  readonly #nodes = new Map<ProxyProvider, Nodes>();
  readonly #made = new Map<RuleProvider, Made | undefined>();
  readonly #lists = new Map<GeoUser, ReadonlyMap<string, Made | undefined>>();

  constructor(shelf: ProviderShelf, cache: ProviderCache) {
    this.#shelf = shelf;
    this.#cache = cache;
  }

  /** These are wanted from now on. */
  use(wanted: Pick<Wanted, 'nodes' | 'sets'>, geo: readonly GeoUser[], directory: string | undefined): void {
    this.#wanted = wanted;
    this.#geo = geo;
    this.#directory = directory;
    for (const facts of [this.#copies, this.#nodes, this.#made, this.#lists]) facts.clear();
    this.#look(() => true);
  }

  /** There may be something else at this address. */
  lookAgain(url: string): void {
    this.#look((place) => place.kind === 'http' && place.url === url);
  }

  copyOf(url: string): Copy | undefined {
    return this.#copies.get(url);
  }

  nodesOf(provider: ProxyProvider): Nodes {
    return this.#nodes.get(provider) ?? { nodes: [] };
  }

  madeOf(provider: RuleProvider): Made | undefined {
    return this.#made.get(provider);
  }

  /** By the name of the set. */
  listsOf(user: GeoUser): ReadonlyMap<string, Made | undefined> {
    return this.#lists.get(user) ?? new Map();
  }

  #look(isMeant: (place: ProviderPlace) => boolean): void {
    for (const provider of this.#wanted.nodes) {
      const { place } = provider;
      if (place.kind === 'inline' || !isMeant(place)) continue;
      const nodes = this.#shelf.nodesOf(provider, this.#directory);
      this.#nodes.set(provider, nodes);
      this.#noteCopy(place, nodes.missing !== 'NOT_FETCHED');
    }
    for (const each of this.#wanted.sets) {
      if (each.kind !== 'provider' || !isMeant(each.provider.place)) continue;
      const made = this.#shelf.madeOf(each.provider, this.#directory);
      this.#made.set(each.provider, made);
      this.#noteCopy(each.provider.place, made !== undefined);
    }
    for (const user of this.#geo) {
      const place: ProviderPlace = { kind: 'http', url: urlOf(user), interval: 0, headers: {} };
      if (!isMeant(place)) continue;
      const lists = this.#shelf.madeOfGeo(user.lists);
      this.#lists.set(user, lists);
      this.#noteCopy(place, ![...lists.values()].includes(undefined));
    }
  }

  /** A copy of which somebody has nothing is lost, and to be fetched. */
  #noteCopy(place: ProviderPlace, isThere: boolean): void {
    if (place.kind === 'http') this.#copies.set(place.url, isThere ? this.#cache.copyOf(place.url) : undefined);
  }
}
