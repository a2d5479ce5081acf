/**
 * What there is now of what a profile names: copies from the cache, files beside the profile, entries that it has itself. Sets are
 * made of them once and kept. Downloads nothing and never waits.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { LRUCache } from 'lru-cache';
import { groupBy } from '../base/group-by.ts';
import type { Logger } from '../base/logger.ts';
import { maxSets, type SetTrouble } from '../contract/sets.ts';
import type {
  ProviderNodes,
  ProviderPlace,
  ProviderSource,
  ProxyProvider,
  RuleProvider,
  SetContents,
  WantedSet,
} from '../profile/provider-contents.ts';
import { maxProviders } from '../profile/provider-section.ts';
import { FormatError } from './formats/format-error.ts';
import { geoCode, keyOf, readGeoFile } from './formats/geo-file.ts';
import { inlineSet, readSet } from './formats/read-set.ts';
import type { CanonicalSet } from './formats/set-writer.ts';
import { readNodes } from './nodes/read-nodes.ts';
import { hashOf, type MadeSet, type ProviderCache } from './provider-cache.ts';

/** Grows when sets are made otherwise of the same bytes. */
const makeVersion = 2;
/** Nodes that are remembered, of all providers; a configuration has 9,000 at most. */
const mostNodes = 100_000;
/** Bytes of a file beside the profile. */
const maxFileBytes = 64 * 1024 * 1024;

export type WantedGeo = Extract<WantedSet, { kind: 'geo' }>;
/** The lists of one file of geodata that rules want. */
export interface GeoUser {
  readonly kind: 'geodata';
  readonly name: string;
  readonly lists: readonly WantedGeo[];
}

export type Nodes = ProviderNodes & { readonly problem?: FormatError };
export type Made = MadeSet | FormatError;

export class ProviderShelf {
  readonly #cache: ProviderCache;
  readonly #log: Logger;
  /** What was understood of nodes lately, by what it was made of: of each provider what is there and what has just come. */
  readonly #nodes = new LRUCache<string, Nodes>({
    max: 2 * maxProviders,
    maxSize: mostNodes,
    sizeCalculation: ({ nodes }) => nodes.length + 1,
  });
  /** Sets that cannot be made, by key: their bytes are not read again and again. */
  readonly #failures = new LRUCache<string, FormatError>({ max: 2 * maxSets });

  constructor(cache: ProviderCache, log: Logger) {
    this.#cache = cache;
    this.#log = log;
  }

  /** For a profile in this directory; undefined = it has none, and no file can be named. */
  sourceFor(directory: string | undefined): ProviderSource {
    return {
      nodesOf: (provider) => this.nodesOf(provider, directory),
      setsOf: (wanted) => this.#setsOf(wanted, directory),
    };
  }

  blob(sha256: string): Buffer | undefined {
    return this.#cache.blob(sha256);
  }

  nodesOf(provider: ProxyProvider, directory: string | undefined): Nodes {
    const { place } = provider;
    if (place.kind === 'http') {
      const copy = this.#cache.copyOf(place.url);
      return copy === undefined
        ? { nodes: [], missing: 'NOT_FETCHED' }
        : this.#nodesOf(provider, copy.sha256, () => this.#cache.bytesOf(place.url));
    }
    const bytes = this.#bytesOf(place, directory);
    return bytes === undefined ? { nodes: [], missing: 'NOT_FETCHED' } : this.nodesIn(bytes, provider);
  }

  /** Nodes in these bytes. */
  nodesIn(bytes: Buffer, provider: ProxyProvider): Nodes {
    return this.#nodesOf(provider, hashOf(bytes), () => bytes);
  }

  #nodesOf(provider: ProxyProvider, sha256: string, bytes: () => Buffer | undefined): Nodes {
    const key = `${sha256} ${provider.text}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const there = bytes();
    if (there === undefined) return { nodes: [], missing: 'NOT_FETCHED' };
    const nodes = attempt(() => readNodes(there, provider));
    const found: Nodes =
      nodes instanceof FormatError ? { nodes: [], missing: nodes.trouble, problem: nodes } : { nodes };
    this.#nodes.set(key, found);
    return found;
  }

  /** The set of a provider; undefined when there is nothing to make it of. */
  madeOf(provider: RuleProvider, directory: string | undefined): Made | undefined {
    const { place } = provider;
    if (place.kind === 'inline') {
      const key = setKey(['inline', provider.behavior, JSON.stringify(place.entries)]);
      return this.#made(key, () => inlineSet(place.entries, provider.behavior));
    }
    if (place.kind === 'http') {
      const copy = this.#cache.copyOf(place.url);
      const key = copy && providerKey(copy.sha256, provider);
      const known = key === undefined ? undefined : this.#known(key);
      if (key === undefined || known !== undefined) return known;
      const bytes = this.#cache.bytesOf(place.url);
      return bytes && this.#made(key, () => this.#setIn(bytes, provider));
    }
    const bytes = this.#bytesOf(place, directory);
    return bytes && this.madeIn(bytes, provider);
  }

  /** The set of a provider whose bytes are these. */
  madeIn(bytes: Buffer, provider: RuleProvider): Made {
    return this.#made(providerKey(hashOf(bytes), provider), () => this.#setIn(bytes, provider));
  }

  /** Lists of one file of geodata, by name of the set. `bytes`, if they are at hand; else the copy of its address. */
  madeOfGeo(wanted: readonly WantedGeo[], bytes?: Buffer): Map<string, Made | undefined> {
    const made = new Map<string, Made | undefined>();
    const [first] = wanted;
    if (first === undefined) return made;
    const url = first.places.urls[first.file];
    const sha256 = bytes === undefined ? this.#cache.copyOf(url)?.sha256 : hashOf(bytes);
    if (sha256 === undefined) return new Map(wanted.map(({ name }) => [name, undefined]));
    const open: WantedGeo[] = [];
    for (const each of wanted) {
      const key = geoKey(sha256, each);
      const known = this.#known(key);
      if (known === undefined) open.push(each);
      else made.set(each.name, known);
    }
    if (open.length > 0) this.#makeGeo(open, bytes ?? this.#cache.bytesOf(url), sha256, made);
    return made;
  }

  #makeGeo(
    open: readonly WantedGeo[],
    bytes: Buffer | undefined,
    sha256: string,
    made: Map<string, Made | undefined>,
  ): void {
    const [first] = open;
    for (const { name } of open) made.set(name, undefined);
    if (bytes === undefined || first === undefined) return;
    const codes = open.map((each) => geoCode(each.file === 'geosite' ? 'GEOSITE' : 'GEOIP', each.code));
    const lists = attempt(() => readGeoFile(first.file, bytes, codes));
    for (const [i, each] of open.entries()) {
      const code = codes[i];
      const list = lists instanceof FormatError ? lists : code && lists.get(keyOf(code));
      made.set(
        each.name,
        this.#made(geoKey(sha256, each), () => orThrow(list)),
      );
    }
  }

  #setsOf(wanted: readonly WantedSet[], directory: string | undefined): ReadonlyMap<string, SetContents> {
    const found = new Map<string, SetContents>();
    const geo = wanted.filter((each) => each.kind === 'geo');
    for (const each of wanted)
      if (each.kind === 'provider') found.set(each.name, contentsOf(this.madeOf(each.provider, directory)));
    for (const [, some] of groupBy(geo, ({ file, places }) => `${file} ${places.urls[file]}`))
      for (const [name, made] of this.madeOfGeo(some)) found.set(name, contentsOf(made));
    return found;
  }

  #setIn(bytes: Buffer, { format, behavior }: RuleProvider): CanonicalSet {
    return readSet(bytes, format, behavior);
  }

  #known(key: string): Made | undefined {
    return this.#cache.madeSet(key) ?? this.#failures.get(key);
  }

  #made(key: string, make: () => CanonicalSet): Made {
    const known = this.#known(key);
    if (known !== undefined) return known;
    const made = attempt(() => this.#cache.keepSet(key, make()));
    if (made instanceof FormatError) this.#failures.set(key, made);
    return made;
  }

  #bytesOf(place: Exclude<ProviderPlace, { kind: 'http' }>, directory: string | undefined): Buffer | undefined {
    return place.kind === 'file' ? this.#fileBytes(place.path, directory) : undefined;
  }

  /** Only regular files within the directory, wherever links lead. */
  #fileBytes(path: string, directory: string | undefined): Buffer | undefined {
    if (directory === undefined) return undefined;
    try {
      const within = realpathSync(directory);
      const file = realpathSync(resolve(within, path));
      const inside = relative(within, file);
      const status = statSync(file);
      if (
        inside === '' ||
        inside.startsWith('..') ||
        isAbsolute(inside) ||
        !status.isFile() ||
        status.size > maxFileBytes
      ) {
        this.#log.warning('a file of a provider is not read: it is not in the directory of the profile, or not a file');
        return undefined;
      }
      return readFileSync(file);
    } catch {
      return undefined;
    }
  }
}

/** Where the file is that has these lists. */
export function urlOf({ lists: [first] }: GeoUser): string {
  return first?.places.urls[first.file] ?? '';
}

export function contentsOf(made: Made | undefined): SetContents {
  if (made === undefined) return { missing: 'NOT_FETCHED' };
  if (made instanceof FormatError) return { missing: made.trouble satisfies SetTrouble };
  return { behavior: made.behavior, blob: made.blob, others: made.others, needs: made.needs };
}

function providerKey(sha256: string, { format, behavior }: RuleProvider): string {
  return setKey(['provider', sha256, format, behavior]);
}

function geoKey(sha256: string, { file, code }: WantedGeo): string {
  return setKey(['geo', sha256, file, code]);
}

function setKey(parts: readonly string[]): string {
  return JSON.stringify([makeVersion, ...parts]);
}

/** What it returns, or the trouble; a disk that cannot be written is trouble, too. */
function attempt<T>(make: () => T): T | FormatError {
  try {
    return make();
  } catch (caught) {
    return caught instanceof FormatError
      ? caught
      : new FormatError('NOT_READABLE', caught instanceof Error ? caught.message : String(caught));
  }
}

function orThrow(list: CanonicalSet | FormatError | undefined): CanonicalSet {
  if (list === undefined || list instanceof FormatError)
    throw list ?? new FormatError('NOT_LISTED', 'there is no such list');
  return list;
}
