/**
 * The user's profiles: which there are, which one is in use, and the last version of each that was in force. What a profile comes
 * from is its source; a file stays where it is and is read anew each time. Knows nothing of the helper.
 *
 * `profile.yaml` of the directory is always one of them while it is there (as it was the only one before there was a list).
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, watch } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { AppError } from '../base/app-error.ts';
import type { ProfileEntry } from '../contract/app.ts';
import { defaultConfig } from '../contract/config.ts';
import {
  assertUsable,
  type LastGood,
  type LoadedProfile,
  type ReadingOptions,
  readText,
  understand,
  unreadable,
} from './loaded-profile.ts';
import { ProfileEditing } from './profile-editing.ts';
import { entriesOf, findEntry, freeName, namedId, ownId } from './profile-entries.ts';
import { ProfileFiles } from './profile-files.ts';
import { type IndexedProfile, indexName, maxProfiles, ProfileIndex, type ProfileIndexData } from './profile-index.ts';
import type { DownloadWatch, FetchSubscription } from './subscription.ts';
import { type SubscriptionPreview, Subscriptions } from './subscriptions.ts';

export interface ProfileLibraryOptions extends ReadingOptions {
  /** The user's own directory, `userConfigDir()`. */
  readonly directory: string;
  /** A file that the person named for this run; it is in use until another profile is chosen, and is not kept in the list. */
  readonly named?: string;
  /** Downloads profiles; absent = none can be. */
  readonly fetch?: FetchSubscription;
  readonly now?: () => number;
}

export class ProfileLibrary {
  /** Changes their texts by hand. */
  readonly editing: ProfileEditing;
  readonly #directory: string;
  readonly #index: ProfileIndex;
  readonly #files: ProfileFiles;
  readonly #subscriptions: Subscriptions;
  readonly #reading: ReadingOptions;
  #named: string | undefined;

  constructor({ directory, named, fetch, now = Date.now, ...reading }: ProfileLibraryOptions) {
    this.#directory = directory;
    this.#index = new ProfileIndex(directory);
    this.#files = new ProfileFiles(directory);
    this.#reading = reading;
    this.#named = named;
    this.editing = new ProfileEditing({
      index: this.#index,
      files: this.#files,
      reading,
      list: () => this.list(),
    });
    this.#subscriptions = new Subscriptions({
      index: this.#index,
      files: this.#files,
      fetch,
      reading,
      now,
      append: (data, profile) => this.#appended(data, profile),
    });
  }

  /** Rejects with PROFILE_STORE when the list cannot be read. */
  async list(): Promise<ProfileEntry[]> {
    return this.#entriesOf(this.#index.read());
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
    if (this.#named !== undefined) return await understand({ kind: 'file', path: resolve(this.#named) }, this.#reading);
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
    return await this.#load(findEntry(await this.list(), wanted));
  }

  async #load(entry: ProfileEntry | undefined): Promise<LoadedProfile> {
    if (entry === undefined) return { path: null, text: '', config: defaultConfig, problems: [] };
    if (entry.id === namedId) return await understand(entry.source, this.#reading);
    const override = this.#files.readOverride(entry.id);
    const path = this.#files.overrideOf(entry.id);
    const patch = override === undefined ? undefined : { path, text: override };
    return { ...(await understand(entry.source, this.#reading, patch)), id: entry.id };
  }

  /** This version is in force: from now on it is the last good one of its profile. */
  keepGood({ id, text, override, config }: LoadedProfile): void {
    if (id === undefined || config === undefined) return;
    try {
      // Under the lock: who removes a profile removes its files.
      this.#index.hold((data) => {
        if (this.#entriesOf(data).some((entry) => entry.id === id)) this.#files.writeLastGood(id, text, override?.text);
      });
    } catch {
      // a list that cannot be read or locked: an earlier version stays
    }
  }

  /** The last version that was in force of a profile that cannot be used; undefined when there is no other than the one at hand. */
  lastGood({ id, path, text, override }: LoadedProfile): LastGood | undefined {
    const kept = id === undefined || path === null ? undefined : this.#files.readLastGood(id);
    if (id === undefined || path === null || kept === undefined) return undefined;
    if (kept.text === text && kept.override === override?.text) return undefined;
    const kind = path === this.#files.sourceOf(id) ? 'url' : 'file';
    const { config } = readText({ kind, path }, kept.text, this.#reading, kept.override);
    return config === undefined ? undefined : { config, at: kept.at };
  }

  /** Chooses the profile in use, for this process and those to come. Rejects with PROFILE_UNKNOWN and PROFILE_STORE. */
  async use(wanted: string): Promise<ProfileEntry> {
    const entry = findEntry(await this.list(), wanted);
    if (entry.id === namedId) return entry;
    this.#index.change((data) => ({ ...data, active: entry.id, choices: (data.choices ?? 0) + 1 }));
    this.#named = undefined;
    return { ...entry, active: true };
  }

  /** Adds a file, which stays where it is; the first profile of all is in use at once. Rejects with PROFILE_STORE. */
  async add(path: string, name = basename(path)): Promise<ProfileEntry> {
    const source = { kind: 'file', path: resolve(path) } as const;
    const known = (await this.list()).find((entry) => entry.id !== namedId && entry.source.path === source.path);
    if (known !== undefined) return known;
    const id = randomBytes(4).toString('hex');
    this.#index.change((data) => this.#appended(data, { id, name, source }));
    return findEntry(await this.list(), id);
  }

  /**
   * Downloads a profile and adds it; one that is there already is updated. Rejects with DOWNLOAD_*, with CONFIG_* and its problems
   * when what came cannot be used, and with PROFILE_STORE; nothing is added then.
   */
  async addUrl(url: string, { name, ...watch }: { name?: string } & DownloadWatch = {}): Promise<ProfileEntry> {
    const known = this.#subscriptions.idOf(url);
    if (known !== undefined) return await this.update(known, watch);
    const id = await this.#subscriptions.add(url, name, watch);
    return findEntry(await this.list(), id);
  }

  /** Keeps a text as a profile. Rejects with CONFIG_* and its problems when it cannot be used, and with PROFILE_STORE. */
  async addText(text: string, name: string): Promise<ProfileEntry> {
    assertUsable(readText({ kind: 'text', path: '' }, text, this.#reading));
    const id = randomBytes(4).toString('hex');
    this.#index.change((data) => {
      const after = this.#appended(data, { id, name, source: { kind: 'text', path: this.#files.sourceOf(id) } });
      this.#files.writeSource(id, text);
      return after;
    });
    return findEntry(await this.list(), id);
  }

  /** Rejects with PROFILE_UNKNOWN, PROFILE_IN_USE when another one is called so or it is one that names itself, and PROFILE_STORE. */
  async rename(wanted: string, name: string): Promise<ProfileEntry> {
    const entries = await this.list();
    const entry = findEntry(entries, wanted);
    const others = entries.filter(({ id }) => id !== entry.id);
    if (entry.id === ownId || entry.id === namedId || freeName(name, others) !== name)
      throw new AppError('PROFILE_IN_USE', `"${name}" cannot be the name of this profile`, {
        expected: 'a name of at most 90 characters that no other profile has',
      });
    this.#index.change((data) => ({
      ...data,
      profiles: data.profiles.map((each) => (each.id === entry.id ? { ...each, name } : each)),
    }));
    return findEntry(await this.list(), entry.id);
  }

  /**
   * Downloads a profile anew; only a version that can be used, and has not lost all nodes, takes the place of the one that is there.
   * `looked`: the version that `preview` has shown. Rejects as `addUrl` does, with DOWNLOAD_EMPTY and with PROFILE_UNKNOWN; the reason stays with the entry.
   */
  async update(wanted: string, watch: DownloadWatch & { looked?: string | undefined } = {}): Promise<ProfileEntry> {
    const entry = findEntry(await this.list(), wanted);
    await this.#subscriptions.update(entry, watch);
    return findEntry(await this.list(), entry.id);
  }

  /**
   * Downloads a profile and says what it would change; the version in use stays, and the failure is noted nowhere. `update` takes
   * exactly what was shown by its name, `looked`. Rejects as `update` does.
   */
  async preview(wanted: string, watch: DownloadWatch = {}): Promise<SubscriptionPreview> {
    return await this.#subscriptions.preview(findEntry(await this.list(), wanted), watch);
  }

  /** Ids of profiles that are to be looked for anew now. After a look that failed an hour passes. */
  due(): string[] {
    return this.#subscriptions.due();
  }

  /** The first of all is in use at once. Throws PROFILE_STORE when there are too many. */
  #appended(data: ProfileIndexData, profile: IndexedProfile): ProfileIndexData {
    const entries = this.#entriesOf(data);
    if (data.profiles.length >= maxProfiles)
      throw new AppError('PROFILE_STORE', `there are ${maxProfiles} profiles already`, {
        expected: 'remove one first',
      });
    const named = { ...profile, name: freeName(profile.name, entries) };
    return { ...data, active: entries.length === 0 ? profile.id : data.active, profiles: [...data.profiles, named] };
  }

  /**
   * Takes a profile out of the list, with its last good version; its file stays. Rejects with PROFILE_UNKNOWN, PROFILE_IN_USE (it is
   * in use and there are others, or in the list as long as its file is there) and PROFILE_STORE.
   */
  async remove(wanted: string): Promise<ProfileEntry> {
    const entries = await this.list();
    const entry = findEntry(entries, wanted);
    if (entry.active && entries.length > 1)
      throw new AppError('PROFILE_IN_USE', `"${entry.name}" is in use`, { expected: 'use another one first' });
    if (entry.id === namedId || (entry.id === ownId && existsSync(entry.source.path)))
      throw new AppError('PROFILE_IN_USE', `${entry.source.path} is in the list while it is there`, {
        expected: 'move the file away',
      });
    this.#index.change((data) => ({
      ...data,
      active: entry.active ? null : data.active,
      profiles: data.profiles.filter(({ id }) => id !== entry.id),
    }));
    // Nobody writes them any more: who does looks under the lock whether the profile is in the list.
    this.#files.remove(entry.id);
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
    const change = this.#index.foreignChange();
    if (change === 'choice') this.#named = undefined;
    return change !== 'none';
  }

  #entriesOf(data: ProfileIndexData): ProfileEntry[] {
    return entriesOf(data, { directory: this.#directory, files: this.#files, named: this.#named });
  }
}
