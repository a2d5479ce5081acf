/**
 * Keeps what the profile in use names up to date: downloads what is missing, looks again after each interval, keeps the old copy
 * where that fails, and says when something has changed. One download for each address, however many name it.
 */

import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { Logger } from '../base/logger.ts';
import type { ErrorData } from '../contract/error.ts';
import type { Progress, ProviderRow } from '../contract/providers.ts';
import { noWishes, type Wanted } from '../profile/profile-loader.ts';
import type { ProviderSource } from '../profile/provider-contents.ts';
import { type Downloader, downloadStopped, progressOf } from './download/download.ts';
import { FormatError } from './formats/format-error.ts';
import type { Copy, ProviderCache } from './provider-cache.ts';
import { ProviderFacts } from './provider-facts.ts';
import { type DownloadState, providerRows, unreadable } from './provider-rows.ts';
import { type GeoUser, ProviderShelf } from './provider-shelf.ts';
import { type Source, sourcesOf, type User, type Worth, worthOf } from './provider-sources.ts';

/** Downloads at a time. */
const maxDownloads = 4;
/** Milliseconds between two looks at what is due, and between attempts that fail: the first, and the longest. */
const tickMs = 15_000;
const firstRetryMs = 60_000;
const lastRetryMs = 3_600_000;
/** Milliseconds in which new contents are told once while downloads are under way: at first, and at most. */
const firstTellingMs = 2_000;
const lastTellingMs = 30_000;

interface Attempts {
  failures: number;
  /** When the last one failed, Unix milliseconds. */
  failedAt: number;
  error?: ErrorData;
  running?: Promise<void>;
  progress?: Progress;
  stop?: AbortController;
}

/** A provider by its name and, as names of different kinds may be equal, its kind; nothing = all. */
export interface OneProvider {
  readonly name?: string | undefined;
  readonly kind?: ProviderRow['kind'] | undefined;
}

export interface ProvidersOptions {
  readonly cache: ProviderCache;
  readonly downloader: Pick<Downloader, 'get'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Providers {
  /** What there is has changed: the profile is to be read again. */
  readonly contentsChanged = new Emitter<void>();
  /** Something of `rows` has. */
  readonly changed = new Emitter<void>();
  readonly #options: ProvidersOptions;
  readonly #shelf: ProviderShelf;
  readonly #attempts = new Map<string, Attempts>();
  readonly #facts: ProviderFacts;
  #wanted = noWishes;
  #sources = new Map<string, Source>();
  #waiting: (() => void)[] = [];
  #running = 0;
  #cancelTick: (() => void) | undefined;
  /** Something has come that nobody was told of. */
  #isFresh = false;
  #tellingMs: number = firstTellingMs;
  #cancelTelling: (() => void) | undefined;

  constructor(options: ProvidersOptions) {
    this.#options = options;
    this.#shelf = new ProviderShelf(options.cache, options.logger);
    this.#facts = new ProviderFacts(this.#shelf, options.cache);
  }

  /** What there is now, for a profile of this directory. */
  sourceFor(directory: string | undefined): ProviderSource {
    return this.#shelf.sourceFor(directory);
  }

  blob(sha256: string): Buffer | undefined {
    return this.#shelf.blob(sha256);
  }

  /** The profile in use names these from now on. What is missing is fetched once `start` was called. */
  use(wanted: Wanted, directory: string | undefined): void {
    this.#wanted = wanted;
    this.#sources = sourcesOf(wanted);
    this.#facts.use(wanted, this.#geo, directory);
    if (this.#cancelTick !== undefined) this.#fetchDue();
    this.changed.emit();
  }

  start(): void {
    const { clock, cache } = this.#options;
    if (this.#cancelTick !== undefined) return;
    cache.prune(clock.now());
    this.#cancelTick = clock.every(tickMs, () => this.#fetchDue());
    this.#fetchDue();
  }

  /** Other policies are in force: what had to wait for one is fetched. */
  policiesChanged(): void {
    for (const attempts of this.#attempts.values())
      if (attempts.error?.code === 'DOWNLOAD_POLICY') attempts.failures = 0;
    if (this.#cancelTick !== undefined) this.#fetchDue();
  }

  stop(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.#cancelTelling?.();
    this.#cancelTelling = undefined;
  }

  /** Looks at all addresses now, or at those of one provider; resolves when that is done, whatever came of it: `rows` tells. */
  async update(one: OneProvider = {}): Promise<void> {
    await Promise.all(this.#sourcesFor(one).map((source) => this.#fetch(source)));
    this.#tellContents();
  }

  /** Ends the looks under way, or those of one provider; what is there stays. */
  stopUpdate(one: OneProvider = {}): void {
    for (const { url } of this.#sourcesFor(one)) this.#attempts.get(url)?.stop?.abort(downloadStopped());
  }

  #sourcesFor({ name, kind }: OneProvider): Source[] {
    const isMeant = (user: User): boolean =>
      (name === undefined || user.name === name) && (kind === undefined || user.kind === kind);
    return [...this.#sources.values()].filter(({ users }) => users.some(isMeant));
  }

  rows(): ProviderRow[] {
    return providerRows({
      wanted: this.#wanted,
      facts: this.#facts,
      geo: this.#geo,
      stateOf: (url) => this.#stateOf(url),
    });
  }

  get #geo(): GeoUser[] {
    return [...this.#sources.values()].flatMap(({ users }) => users.filter((user) => user.kind === 'geodata'));
  }

  #stateOf(url: string): DownloadState {
    const attempts = this.#attempts.get(url);
    const copy = this.#facts.copyOf(url);
    const source = this.#sources.get(url);
    const next = source === undefined ? undefined : nextLook(source, attempts, copy);
    return {
      updatedAt: copy?.fetchedAt ?? null,
      nextAt: next ?? null,
      updating: attempts?.running !== undefined,
      ...(attempts?.progress === undefined ? {} : { progress: attempts.progress }),
      ...(attempts?.error === undefined ? {} : { error: attempts.error }),
    };
  }

  #fetchDue(): void {
    const now = this.#options.clock.now();
    for (const source of this.#sources.values()) if (this.#isDue(source, now)) void this.#fetch(source);
  }

  #isDue(source: Source, now: number): boolean {
    const { url } = source;
    const attempts = this.#attempts.get(url);
    if (url === '' || attempts?.running !== undefined) return false;
    const copy = this.#facts.copyOf(url);
    const next = nextLook(source, attempts, copy);
    // The clock may have been set back.
    const last = attempts !== undefined && attempts.failures > 0 ? attempts.failedAt : (copy?.checkedAt ?? now);
    return next !== undefined && (now >= next || now < last);
  }

  #fetch(source: Source): Promise<void> {
    const attempts = this.#attempts.get(source.url) ?? { failures: 0, failedAt: 0 };
    this.#attempts.set(source.url, attempts);
    attempts.running ??= this.#attempt(source, attempts).finally(() => {
      delete attempts.running;
      delete attempts.progress;
      delete attempts.stop;
      this.changed.emit();
    });
    this.changed.emit();
    return attempts.running;
  }

  async #attempt(source: Source, attempts: Attempts): Promise<void> {
    const { clock, logger } = this.#options;
    const stop = new AbortController();
    attempts.stop = stop;
    await this.#takePlace();
    try {
      stop.signal.throwIfAborted();
      const isNew = await this.#download(source, stop.signal, (progress) => {
        attempts.progress = progress;
        this.changed.emit();
      });
      attempts.failures = 0;
      delete attempts.error;
      this.#facts.lookAgain(source.url);
      if (isNew) this.#contentsCame();
    } catch (caught) {
      const error = caught instanceof FormatError ? unreadable(caught) : AppError.from(caught);
      attempts.failures += 1;
      attempts.failedAt = clock.now();
      attempts.error = error.toData();
      const names = source.users.map(({ name }) => name).join(', ');
      const kept = this.#options.cache.copyOf(source.url) !== undefined;
      logger.warning(kept ? 'not updated: the earlier copy stays' : 'not downloaded', {
        names,
        code: error.code,
        reason: error.message,
      });
    } finally {
      this.#givePlace();
      if (this.#running === 0) this.#tellContents();
    }
  }

  /** To read the profile again is work: what comes within a moment is told once, less and less often while more is under way. */
  #contentsCame(): void {
    this.#isFresh = true;
    this.#cancelTelling ??= this.#options.clock.after(this.#tellingMs, () => {
      this.#tellContents();
      this.#tellingMs = Math.min(this.#tellingMs * 2, lastTellingMs);
    });
  }

  #tellContents(): void {
    this.#cancelTelling?.();
    this.#cancelTelling = undefined;
    if (this.#running === 0) this.#tellingMs = firstTellingMs;
    if (!this.#isFresh) return;
    this.#isFresh = false;
    this.contentsChanged.emit();
  }

  /** Whether there are other bytes now than before. Rejects with what keeps them from being used; the earlier copy stays then. */
  async #download(source: Source, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<boolean> {
    const { cache, downloader, clock, logger } = this.#options;
    const { url, headers } = source;
    const copy = cache.copyOf(url);
    const asked =
      copy === undefined || cache.bytesOf(url) === undefined
        ? {}
        : { etag: copy.etag, lastModified: copy.lastModified };
    const answer = await downloader.get({
      url,
      headers,
      maxBytes: source.maxBytes,
      ...(source.policy === undefined ? {} : { policy: source.policy }),
      ...(source.from === undefined ? {} : { from: source.from }),
      signal,
      onProgress: (bytes, total) => onProgress(progressOf(bytes, total)),
      ...presentOnly(asked),
    });
    if (answer.kind === 'unchanged') {
      cache.noteChecked(url, clock.now());
      return false;
    }
    await this.#assertUsable(source.users, answer.bytes);
    const kept = cache.keepCopy(url, answer.bytes, answer.headers, clock.now());
    logger.info('downloaded', { names: source.users.map(({ name }) => name).join(', '), bytes: answer.bytes.length });
    return kept.sha256 !== copy?.sha256;
  }

  /**
   * Makes of the bytes what their users want of them, a turn of the loop for each. Throws when none of them can use them, and when
   * nothing is in them for any of them and what is there has something.
   */
  async #assertUsable(users: readonly User[], bytes: Buffer): Promise<void> {
    let problem: FormatError | undefined;
    let usable = false;
    let before = 0;
    let after = 0;
    for (const user of users) {
      await new Promise((resolve) => setImmediate(resolve));
      const found = this.#worthOf(user, bytes);
      before += this.#worthOf(user, undefined).entries;
      after += found.entries;
      if (found.problem === undefined) usable = true;
      else problem ??= found.problem;
    }
    if (!usable && problem !== undefined) throw problem;
    if (after === 0 && before > 0)
      throw new AppError('DOWNLOAD_EMPTY', 'what came has no entries, and the copy that is there has some', {
        expected: 'if that is meant, take it out of the profile',
      });
  }

  /** What these bytes, or those of the copy, have for somebody; the profile may have been read again since the download began. */
  #worthOf(user: User, bytes: Buffer | undefined): Worth {
    switch (user.kind) {
      case 'rules': {
        const { provider } = user;
        return worthOf([
          bytes === undefined ? this.#shelf.madeOf(provider, undefined) : this.#shelf.madeIn(bytes, provider),
        ]);
      }
      case 'proxies': {
        const { provider } = user;
        const { nodes, problem } =
          bytes === undefined ? this.#shelf.nodesOf(provider, undefined) : this.#shelf.nodesIn(bytes, provider);
        return { entries: nodes.length, problem };
      }
      case 'geodata':
        return worthOf([...this.#shelf.madeOfGeo(user.lists, bytes).values()]);
    }
  }

  async #takePlace(): Promise<void> {
    if (this.#running < maxDownloads) {
      this.#running += 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #givePlace(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

/** When it is looked at by itself, Unix milliseconds: at once what was never had, later and later what fails; undefined = never. */
function nextLook({ interval }: Source, attempts: Attempts | undefined, copy: Copy | undefined): number | undefined {
  if (attempts !== undefined && attempts.failures > 0)
    return attempts.failedAt + Math.min(firstRetryMs * 2 ** (attempts.failures - 1), lastRetryMs);
  if (copy === undefined) return 0;
  return interval > 0 ? copy.checkedAt + interval : undefined;
}

function presentOnly(asked: { etag?: string | undefined; lastModified?: string | undefined }): {
  etag?: string;
  lastModified?: string;
} {
  const { etag, lastModified } = asked;
  return { ...(etag === undefined ? {} : { etag }), ...(lastModified === undefined ? {} : { lastModified }) };
}
