/**
 * The user's profiles: which there are, which one is in use, and the last version of each that could be applied. What a profile
 * comes from is its source; a file stays where it is and is read anew each time. Knows nothing of the helper.
 *
 * `profile.yaml` of the directory is always one of them while it is there (as it was the only one before there was a list).
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, watch } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isLoopback } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { replaceFileIn } from '../base/replace-file.ts';
import type { ProfileEntry, ProfileSource } from '../contract/app.ts';
import { type Config, defaultConfig } from '../contract/config.ts';
import type { ConfigProblem, ErrorCode } from '../contract/error.ts';
import { FileSource } from './file-source.ts';
import { problemOf } from './problem-list.ts';
import { indexName, maxProfiles, ProfileIndex, type ProfileIndexData } from './profile-index.ts';
import { loadProfile, type ParsedProfile, type Wanted } from './profile-loader.ts';
import { noContents, type ProviderSource } from './provider-contents.ts';
import {
  type DownloadWatch,
  type FetchedSubscription,
  type FetchSubscription,
  type KeptSubscription,
  nextLookAt,
  type SubscriptionRequest,
  usualInterval,
} from './subscription.ts';

export interface LoadedProfile {
  /** What was read; null when there is no profile and the built-in default holds. */
  readonly path: string | null;
  /** As it was read; empty for the built-in default and when it could not be read. */
  readonly text: string;
  /** Absent when an error among `problems` forbids its use. */
  readonly config?: Config;
  /** The code to report with; present when `config` is absent. */
  readonly failure?: ErrorCode;
  readonly problems: ConfigProblem[];
  /** What it names and does not contain; absent when it is not a profile at all. */
  readonly wanted?: Wanted;
  /** Where files that it names may be; undefined where none may. */
  readonly directory?: string;
  /** Of a profile that cannot be used now: what it was when it could. */
  readonly lastGood?: { readonly config: Config; readonly at: number };
}

export interface ProfileLibraryOptions {
  /** The user's own directory, `userConfigDir()`. */
  readonly directory: string;
  /** A file that the person named for this run; it is in use until another profile is chosen, and is not kept in the list. */
  readonly named?: string;
  /** What there is of what profiles name, for one of this directory. */
  readonly contents?: ContentsOf;
  /** Downloads profiles; absent = none can be. */
  readonly fetch?: FetchSubscription;
  readonly now?: () => number;
}

export type ContentsOf = (directory: string | undefined) => ProviderSource;

/** The one that is in the list by itself, and the one that was named. */
const ownId = 'default';
const namedId = 'named';

export class ProfileLibrary {
  readonly #directory: string;
  readonly #index: ProfileIndex;
  #named: string | undefined;
  readonly #contents: ContentsOf;
  readonly #fetch: FetchSubscription | undefined;
  readonly #now: () => number;
  /** As it was read or written last, to tell another process' changes from ours. */
  #known: string | undefined;

  constructor({ directory, named, contents, fetch, now }: ProfileLibraryOptions) {
    this.#fetch = fetch;
    this.#now = now ?? Date.now;
    this.#directory = directory;
    this.#index = new ProfileIndex(directory);
    this.#named = named;
    this.#contents = contents ?? (() => noContents);
  }

  /** Rejects with PROFILE_STORE when the list cannot be read. */
  async list(): Promise<ProfileEntry[]> {
    return this.#entriesOf(this.#read());
  }

  /** Undefined: there is none, and the built-in default holds. */
  async active(): Promise<ProfileEntry | undefined> {
    return (await this.list()).find((entry) => entry.active);
  }

  /**
   * Reads and understands the profile in use, anew each time. Never rejects: a source that cannot be read, or the list itself, is a
   * problem in the answer.
   */
  async load(): Promise<LoadedProfile> {
    if (this.#named !== undefined)
      return await understand({ kind: 'file', path: resolve(this.#named) }, this.#contents);
    let entry: ProfileEntry | undefined;
    try {
      entry = await this.active();
    } catch (caught) {
      return unreadable(join(this.#directory, indexName), caught);
    }
    return await this.#load(entry);
  }

  /** The same of any profile, by id or name. Rejects with PROFILE_UNKNOWN and PROFILE_STORE. */
  async loadOne(wanted: string): Promise<LoadedProfile> {
    return await this.#load(find(await this.list(), wanted));
  }

  async #load(entry: ProfileEntry | undefined): Promise<LoadedProfile> {
    if (entry === undefined) return { path: null, text: '', config: defaultConfig, problems: [] };
    const loaded = await understand(entry.source, this.#contents);
    if (entry.id === namedId) return loaded;
    if (loaded.config !== undefined) {
      this.#keep(entry.id, loaded.text);
      return loaded;
    }
    const lastGood = this.#lastGood(entry);
    return lastGood === undefined ? loaded : { ...loaded, lastGood };
  }

  /** Chooses the profile in use, for this process and those to come. Rejects with PROFILE_UNKNOWN and PROFILE_STORE. */
  async use(wanted: string): Promise<ProfileEntry> {
    const entry = find(this.#entriesOf(this.#read()), wanted);
    if (entry.id === namedId) return entry;
    this.#change((data) => ({ ...data, active: entry.id, choices: (data.choices ?? 0) + 1 }));
    this.#named = undefined;
    return { ...entry, active: true };
  }

  /** Adds a file, which stays where it is; the first profile of all is in use at once. Rejects with PROFILE_STORE. */
  async add(path: string, name = basename(path)): Promise<ProfileEntry> {
    const source: ProfileSource = { kind: 'file', path: resolve(path) };
    const known = (await this.list()).find((entry) => entry.id !== namedId && entry.source.path === source.path);
    return known ?? this.#append(randomBytes(4).toString('hex'), name, source);
  }

  /**
   * Downloads a profile and adds it; one that is there already is updated. Rejects with DOWNLOAD_*, with CONFIG_* and its problems
   * when what came cannot be used, and with PROFILE_STORE; nothing is added then.
   */
  async addUrl(url: string, { name, ...watch }: { name?: string } & DownloadWatch = {}): Promise<ProfileEntry> {
    const known = (await this.list()).find(({ source }) => source.kind === 'url' && source.url === url);
    if (known !== undefined) return await this.update(known.id, watch);
    const fetched = await this.#download({ url, ...watch });
    if (fetched.kind === 'unchanged') throw new AppError('DOWNLOAD_FAILED', 'the server says that nothing has changed');
    this.#assertUsable(fetched.text);
    const id = randomBytes(4).toString('hex');
    replaceFileIn(join(this.#directory, 'profiles'), `${id}.source.yaml`, fetched.text);
    const source = { kind: 'url', url, path: this.#copyFile(id) } as const;
    const called = name ?? fetched.name ?? new URL(url).hostname;
    return this.#append(id, called, source, this.#subscriptionOf(fetched, undefined));
  }

  /** Keeps a text as a profile. Rejects with CONFIG_* and its problems when it cannot be used, and with PROFILE_STORE. */
  async addText(text: string, name: string): Promise<ProfileEntry> {
    this.#assertUsable(text);
    const id = randomBytes(4).toString('hex');
    replaceFileIn(join(this.#directory, 'profiles'), `${id}.source.yaml`, text);
    return this.#append(id, name, { kind: 'text', path: this.#copyFile(id) });
  }

  /** Rejects with PROFILE_UNKNOWN, PROFILE_IN_USE when another one is called so or it is one that names itself, and PROFILE_STORE. */
  async rename(wanted: string, name: string): Promise<ProfileEntry> {
    const entries = await this.list();
    const entry = find(entries, wanted);
    const others = entries.filter(({ id }) => id !== entry.id);
    if (entry.id === ownId || entry.id === namedId || freeName(name, others) !== name)
      throw new AppError('PROFILE_IN_USE', `"${name}" cannot be the name of this profile`, {
        expected: 'a name of at most 90 characters that no other profile has',
      });
    this.#change((data) => ({
      ...data,
      profiles: data.profiles.map((each) => (each.id === entry.id ? { ...each, name } : each)),
    }));
    return find(await this.list(), entry.id);
  }

  /**
   * Downloads a profile anew; only a version that can be used takes the place of the one that is there. Rejects as `addUrl` does, and
   * with PROFILE_UNKNOWN; the reason stays with the entry.
   */
  async update(wanted: string, watch: DownloadWatch = {}): Promise<ProfileEntry> {
    const entry = find(await this.list(), wanted);
    if (entry.source.kind !== 'url')
      throw new AppError('PROFILE_UNKNOWN', `"${entry.name}" does not come from an address`, {
        expected: 'a profile that was added by its address',
      });
    const { url } = entry.source;
    const before = this.#read().profiles.find(({ id }) => id === entry.id)?.subscription;
    try {
      const hasCopy = existsSync(entry.source.path);
      const fetched = await this.#download({
        url,
        ...(hasCopy && before?.etag !== undefined ? { etag: before.etag } : {}),
        ...(hasCopy && before?.lastModified !== undefined ? { lastModified: before.lastModified } : {}),
        ...watch,
      });
      if (fetched.kind === 'fresh') {
        this.#assertUsable(fetched.text);
        replaceFileIn(join(this.#directory, 'profiles'), `${entry.id}.source.yaml`, fetched.text);
      }
      this.#noteSubscription(entry.id, this.#subscriptionOf(fetched, before));
    } catch (caught) {
      const { code, message } = AppError.from(caught);
      if (code === 'DOWNLOAD_STOPPED') throw caught;
      const now = this.#now();
      this.#noteSubscription(entry.id, {
        updatedAt: before?.updatedAt ?? 0,
        interval: before?.interval ?? usualInterval,
        ...before,
        checkedAt: now,
        error: { code, message },
      });
      throw caught;
    }
    return find(await this.list(), entry.id);
  }

  /** Ids of profiles that are to be looked for anew now. After a look that failed an hour passes. */
  due(): string[] {
    const now = this.#now();
    return this.#read().profiles.flatMap(({ id, subscription }) => {
      const next = subscription && nextLookAt(subscription);
      if (subscription === undefined || next === undefined) return [];
      return now >= next || now < subscription.checkedAt ? [id] : [];
    });
  }

  async #download(request: SubscriptionRequest): Promise<FetchedSubscription> {
    if (this.#fetch === undefined) throw new AppError('DOWNLOAD_FAILED', 'nothing can be downloaded here');
    return await this.#fetch(request);
  }

  #assertUsable(text: string): void {
    const { config, failure, problems } = loadProfile(text, this.#contents(undefined));
    if (config !== undefined) return;
    const errors = problems.filter(({ severity }) => severity === 'error');
    throw new AppError(
      failure ?? 'CONFIG_INVALID',
      `what came cannot be used: ${errors[0]?.message ?? 'it is not a profile'}`,
      { problems: errors },
    );
  }

  #subscriptionOf(fetched: FetchedSubscription, before: KeptSubscription | undefined): KeptSubscription {
    const now = this.#now();
    const { etag = before?.etag, lastModified = before?.lastModified, info = before?.info } = fetched;
    return {
      updatedAt: fetched.kind === 'fresh' ? now : (before?.updatedAt ?? now),
      checkedAt: now,
      interval: fetched.interval ?? before?.interval ?? usualInterval,
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { lastModified }),
      ...(info === undefined ? {} : { info }),
    };
  }

  #noteSubscription(id: string, subscription: KeptSubscription): void {
    this.#change((data) => ({
      ...data,
      profiles: data.profiles.map((each) => (each.id === id ? { ...each, subscription } : each)),
    }));
  }

  #append(id: string, name: string, source: ProfileSource, subscription?: KeptSubscription): ProfileEntry {
    this.#change((data) => {
      const entries = this.#entriesOf(data);
      if (data.profiles.length >= maxProfiles)
        throw new AppError('PROFILE_STORE', `there are ${maxProfiles} profiles already`, {
          expected: 'remove one first',
        });
      const profile = {
        id,
        name: freeName(name, entries),
        source,
        ...(subscription === undefined ? {} : { subscription }),
      };
      return { ...data, active: entries.length === 0 ? id : data.active, profiles: [...data.profiles, profile] };
    });
    return find(this.#entriesOf(this.#read()), id);
  }

  /**
   * Takes a profile out of the list, with its last good version; its file stays. Rejects with PROFILE_UNKNOWN, PROFILE_IN_USE (it is
   * in use and there are others, or in the list as long as its file is there) and PROFILE_STORE.
   */
  async remove(wanted: string): Promise<ProfileEntry> {
    const entries = this.#entriesOf(this.#read());
    const entry = find(entries, wanted);
    if (entry.active && entries.length > 1)
      throw new AppError('PROFILE_IN_USE', `"${entry.name}" is in use`, { expected: 'use another one first' });
    if (entry.id === namedId || (entry.id === ownId && existsSync(entry.source.path)))
      throw new AppError('PROFILE_IN_USE', `${entry.source.path} is in the list while it is there`, {
        expected: 'move the file away',
      });
    this.#change((data) => ({
      ...data,
      active: entry.active ? null : data.active,
      profiles: data.profiles.filter(({ id }) => id !== entry.id),
    }));
    rmSync(this.#keptFile(entry.id), { force: true });
    rmSync(this.#copyFile(entry.id), { force: true });
    return entry;
  }

  /** Hears of every change of the list that another process makes, until the returned function is called. */
  onChanged(handler: () => void): () => void {
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      const watcher = watch(this.#directory, { persistent: false }, (_, file) => {
        if (file === indexName && this.#isForeign()) handler();
      });
      watcher.on('error', () => undefined); // the directory is gone; its list is read when somebody asks
      return () => watcher.close();
    } catch {
      return () => undefined; // a home that cannot be written: nobody changes its list
    }
  }

  /** Another process has written the list; what it chose goes before what was named for this run. */
  #isForeign(): boolean {
    const before = this.#known;
    try {
      const data = this.#read();
      if (this.#known === before) return false;
      if (before !== undefined && choiceIn(before) !== choiceIn(JSON.stringify(data))) this.#named = undefined;
      return true;
    } catch {
      return false; // it is told when it is read for somebody
    }
  }

  #read(): ProfileIndexData {
    const data = this.#index.read();
    this.#known = JSON.stringify(data);
    return data;
  }

  #change(change: (data: ProfileIndexData) => ProfileIndexData): void {
    this.#known = JSON.stringify(this.#index.change(change));
  }

  #entriesOf({ active, profiles }: ProfileIndexData): ProfileEntry[] {
    const own = join(this.#directory, 'profile.yaml');
    const kept = [
      // A file that has vanished is a profile that cannot be read, not one that nobody has.
      ...(existsSync(own) || existsSync(this.#keptFile(ownId))
        ? [{ id: ownId, name: 'profile', source: { kind: 'file', path: own } as const }]
        : []),
      ...profiles.map(({ id, name, source, subscription }) => ({
        id,
        name,
        source: source.kind === 'file' ? source : { ...source, path: this.#copyFile(id) },
        ...(subscription === undefined ? {} : { subscription: shown(subscription) }),
      })),
    ];
    const chosen = kept.some(({ id }) => id === active) ? active : kept[0]?.id === ownId ? ownId : null;
    const named = this.#named;
    const entries = kept.map((entry) => ({ ...entry, active: named === undefined && entry.id === chosen }));
    if (named === undefined) return entries;
    const source = { kind: 'file', path: resolve(named) } as const;
    return [{ id: namedId, name: basename(named), source, active: true }, ...entries];
  }

  /** The last version of one that comes from an address, or all there is of one that was handed over. */
  #copyFile(id: string): string {
    return join(this.#directory, 'profiles', `${id}.source.yaml`);
  }

  #keptFile(id: string): string {
    return join(this.#directory, 'profiles', `${id}.yaml`);
  }

  /** Where it cannot be kept, an earlier one stays or there is none: nothing but the fallback depends on it. */
  #keep(id: string, text: string): void {
    try {
      if (this.#kept(id) !== text) replaceFileIn(join(this.#directory, 'profiles'), `${id}.yaml`, text);
    } catch {
      // no room, or read-only
    }
  }

  #kept(id: string): string | undefined {
    try {
      return readFileSync(this.#keptFile(id), 'utf8');
    } catch {
      return undefined;
    }
  }

  #lastGood({ id, source }: ProfileEntry): LoadedProfile['lastGood'] {
    const text = this.#kept(id);
    const config = text === undefined ? undefined : readFrom(source, text, this.#contents(directoryOf(source))).config;
    return config === undefined ? undefined : { config, at: statSync(this.#keptFile(id)).mtimeMs };
  }
}

/** Reads and understands what a source has. Never rejects: one that cannot be read is a problem in the answer. */
export async function understand(
  source: ProfileSource,
  contents: ContentsOf = () => noContents,
): Promise<LoadedProfile> {
  const { path } = source;
  const directory = directoryOf(source);
  try {
    const text = await new FileSource(path).read();
    return {
      path,
      text,
      ...(directory === undefined ? {} : { directory }),
      ...readFrom(source, text, contents(directory)),
    };
  } catch (caught) {
    return unreadable(path, caught);
  }
}

/** What was downloaded or handed over opens no port to the network: that takes the word of the person, and another one wrote it. */
function readFrom(source: ProfileSource, text: string, contents: ProviderSource): ParsedProfile {
  const read = loadProfile(text, contents);
  const mixed = read.config?.mixed;
  if (source.kind === 'file' || read.config === undefined || mixed == null || isLoopback(mixed.address)) return read;
  const config = { ...read.config, mixed: { ...mixed, address: '127.0.0.1' } };
  return { ...read, config, problems: [...read.problems, problemOf('warning', 'allow-lan', 'LAN_OF_SUBSCRIPTION')] };
}

function unreadable(path: string, caught: unknown): LoadedProfile {
  const { code, message, expected } = AppError.from(caught);
  const hint = expected === undefined ? undefined : { write: expected };
  const problem = problemOf('error', '', 'FILE_UNREADABLE', { reason: message }, hint);
  return { path, text: '', failure: code, problems: [problem] };
}

/** Where its files may be. Only what is a file itself can name any. */
function directoryOf(source: ProfileSource): string | undefined {
  return source.kind === 'file' ? dirname(source.path) : undefined;
}

/** By id, else by name. Throws PROFILE_UNKNOWN. */
function find(entries: readonly ProfileEntry[], wanted: string): ProfileEntry {
  const found = entries.find(({ id }) => id === wanted) ?? entries.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  throw new AppError('PROFILE_UNKNOWN', `there is no profile "${wanted}"`, {
    expected: entries.length === 0 ? 'add one first' : `one of ${entries.map(({ name }) => `"${name}"`).join(', ')}`,
  });
}

/** The file's name without its ending, and a number where another profile has it. */
function freeName(file: string, entries: readonly ProfileEntry[]): string {
  const name = file.replace(/\.ya?ml$/i, '').slice(0, 90) || 'profile';
  const taken = new Set([ownId, 'profile', namedId, ...entries.flatMap((entry) => [entry.name, entry.id])]);
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name} ${number}`;
    if (!taken.has(candidate)) return candidate;
  }
}

/** Which profile was chosen, and how often one was. */
function choiceIn(known: string): string {
  // What we have parsed and written ourselves.
  const { active, choices }: ProfileIndexData = JSON.parse(known);
  return JSON.stringify([active, choices ?? 0]);
}

function shown(kept: KeptSubscription): NonNullable<ProfileEntry['subscription']> {
  const { updatedAt, checkedAt, interval, info, error } = kept;
  const nextAt = nextLookAt(kept) ?? null;
  const rest = { ...(info === undefined ? {} : { info }), ...(error === undefined ? {} : { error }) };
  return { updatedAt, checkedAt, nextAt, interval, ...rest };
}
