/**
 * Profiles that come from an address: added, looked at anew, and due. A version that cannot be used, or that has lost all nodes, never
 * takes the place of the one that is there. What is downloaded is written under the list's lock, and only for a profile that is still
 * in it.
 */
import { randomBytes } from 'node:crypto';
import { AppError } from '../base/app-error.ts';
import type { ProfilePreview } from '../contract/profile-editing.ts';
import { diffConfigs } from './config-diff.ts';
import { assertUsable, type ReadingOptions, readText } from './loaded-profile.ts';
import type { ProfileFiles } from './profile-files.ts';
import type { IndexedProfile, ProfileIndex, ProfileIndexData } from './profile-index.ts';
import type { ParsedProfile } from './profile-loader.ts';
import {
  type DownloadWatch,
  type FetchedSubscription,
  type FetchSubscription,
  hashOfText,
  type KeptSubscription,
  nextLookAt,
  type SubscriptionRequest,
  usualInterval,
} from './subscription.ts';

export interface SubscriptionsOptions {
  readonly index: ProfileIndex;
  readonly files: ProfileFiles;
  /** Absent = nothing can be downloaded. */
  readonly fetch: FetchSubscription | undefined;
  readonly reading: ReadingOptions;
  readonly now: () => number;
  /** The list with one more, under a name that is free. Throws PROFILE_STORE when it is full. */
  readonly append: (data: ProfileIndexData, profile: IndexedProfile) => ProfileIndexData;
}

/** What a new version would change, and its name for `update`; null: the server has nothing new. */
export type SubscriptionPreview = ProfilePreview & { readonly looked: string | null };

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  /** The version that was looked at last: one at a time. */
  #looked: { readonly id: string; readonly version: string; readonly fetched: FetchedSubscription } | undefined;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** The id of the profile that comes from this address, if there is one. */
  idOf(url: string): string | undefined {
    return idIn(this.#options.index.read(), url);
  }

  /**
   * Downloads a profile and adds it; resolves with its id. Rejects with DOWNLOAD_*, with CONFIG_* and its problems when what came
   * cannot be used, and with PROFILE_STORE; nothing is added then.
   */
  async add(url: string, name: string | undefined, watch: DownloadWatch): Promise<string> {
    const { index, files, append } = this.#options;
    const fetched = await this.#download({ url, ...watch });
    if (fetched.kind === 'unchanged') throw new AppError('DOWNLOAD_FAILED', 'the server says that nothing has changed');
    this.#read(fetched.text);
    let id = randomBytes(4).toString('hex');
    index.change((data) => {
      // Another program may have added it meanwhile.
      const known = idIn(data, url);
      id = known ?? id;
      const subscription = this.#subscriptionOf(fetched, undefined);
      const source = { kind: 'url', url, path: files.sourceOf(id) } as const;
      const after =
        known === undefined
          ? append(data, { id, name: name ?? fetched.name ?? new URL(url).hostname, source, subscription })
          : withSubscription(data, id, subscription);
      files.writeSource(id, fetched.text);
      return after;
    });
    return id;
  }

  /**
   * Looks for another version, or takes the one that `preview` has shown: with PROFILE_CHANGED when that is not there any more. Rejects
   * as `add` does, and with PROFILE_UNKNOWN; the reason stays with the profile, unless the person ended it.
   */
  async update(
    { id, name }: { readonly id: string; readonly name: string },
    { looked, ...watch }: DownloadWatch & { readonly looked?: string | undefined },
  ): Promise<void> {
    const { index, files } = this.#options;
    const { subscription: before, source } = this.#find(id, name);
    const known = looked === undefined ? undefined : this.#takeLooked(id, looked);
    try {
      const fetched =
        known ?? (await this.#download({ url: source.url, ...validatorsOf(before, files.readSource(id)), ...watch }));
      if (fetched.kind === 'fresh')
        this.#assertNoLoss(this.#read(fetched.text, files.readOverride(id)), files.readSource(id), id);
      index.change((data) => {
        const after = withSubscription(data, id, this.#subscriptionOf(fetched, before));
        if (fetched.kind === 'fresh') files.writeSource(id, fetched.text);
        return after;
      });
    } catch (caught) {
      this.#noteFailure(id, before, caught);
      throw caught;
    }
  }

  /** What another version would change; nothing is kept but that version, for `update`. Rejects as `update` does. */
  async preview(
    { id, name }: { readonly id: string; readonly name: string },
    watch: DownloadWatch,
  ): Promise<SubscriptionPreview> {
    const { files } = this.#options;
    const { source } = this.#find(id, name);
    const fetched = await this.#download({ url: source.url, ...watch });
    const [text, override] = [files.readSource(id), files.readOverride(id)];
    if (fetched.kind === 'unchanged' || fetched.text === text) return { diff: null, problems: [], looked: null };
    const next = this.#read(fetched.text, override);
    this.#assertNoLoss(next, text, id);
    const before = text === undefined ? undefined : this.#parse(text, override).config;
    const diff = before === undefined || next.config === undefined ? null : diffConfigs(before, next.config);
    const looked = hashOfText(fetched.text);
    this.#looked = { id, version: looked, fetched };
    return { diff, problems: next.problems, looked };
  }

  #takeLooked(id: string, version: string): FetchedSubscription {
    const looked = this.#looked;
    if (looked === undefined || looked.id !== id || looked.version !== version)
      throw new AppError('PROFILE_CHANGED', 'the version that was looked at is not kept any more', {
        expected: 'look at it once more',
      });
    this.#looked = undefined;
    return looked.fetched;
  }

  /** Throws PROFILE_UNKNOWN for one that does not come from an address. */
  #find(
    id: string,
    name: string,
  ): Pick<IndexedProfile, 'subscription'> & { readonly source: { readonly url: string } } {
    const profile = this.#options.index.read().profiles.find((each) => each.id === id);
    if (profile?.source.kind === 'url') return { subscription: profile.subscription, source: profile.source };
    throw new AppError('PROFILE_UNKNOWN', `"${name}" does not come from an address`, {
      expected: 'a profile that was added by its address',
    });
  }

  /** Ids of profiles that are to be looked for anew now. After a look that failed an hour passes. */
  due(): string[] {
    const now = this.#options.now();
    return this.#options.index.read().profiles.flatMap(({ id, subscription }) => {
      const next = subscription && nextLookAt(subscription);
      if (subscription === undefined || next === undefined) return [];
      return now >= next || now < subscription.checkedAt ? [id] : [];
    });
  }

  async #download(request: SubscriptionRequest): Promise<FetchedSubscription> {
    const { fetch } = this.#options;
    if (fetch === undefined) throw new AppError('DOWNLOAD_FAILED', 'nothing can be downloaded here');
    return await fetch(request);
  }

  #read(text: string, override?: string): ParsedProfile {
    const parsed = this.#parse(text, override);
    assertUsable(parsed);
    return parsed;
  }

  /** A provider that has a bad day sends a profile without nodes, which is not wrong in itself. */
  #assertNoLoss(next: ParsedProfile, text: string | undefined, id: string): void {
    if (text === undefined || hasNodes(next)) return;
    if (!hasNodes(this.#parse(text, this.#options.files.readOverride(id)))) return;
    throw new AppError('DOWNLOAD_EMPTY', 'what came has no proxies, and the version that is there has some', {
      expected: 'if that is meant, remove the profile and add it anew',
    });
  }

  #parse(text: string, override?: string): ParsedProfile {
    return readText({ kind: 'url', path: '' }, text, this.#options.reading, override);
  }

  /** What was said with an earlier version says nothing of this one. */
  #subscriptionOf(fetched: FetchedSubscription, before: KeptSubscription | undefined): KeptSubscription {
    const now = this.#options.now();
    const known = fetched.kind === 'fresh' ? undefined : before;
    const { etag = known?.etag, lastModified = known?.lastModified, info = before?.info } = fetched;
    const sha256 = fetched.kind === 'fresh' ? hashOfText(fetched.text) : before?.sha256;
    return {
      updatedAt: fetched.kind === 'fresh' ? now : (before?.updatedAt ?? now),
      checkedAt: now,
      interval: fetched.interval ?? before?.interval ?? usualInterval,
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { lastModified }),
      ...(sha256 === undefined ? {} : { sha256 }),
      ...(info === undefined ? {} : { info }),
    };
  }

  #noteFailure(id: string, before: KeptSubscription | undefined, caught: unknown): void {
    const { code, message } = AppError.from(caught);
    if (code === 'DOWNLOAD_STOPPED') return;
    const { index, now } = this.#options;
    try {
      index.change((data) =>
        withSubscription(data, id, {
          updatedAt: before?.updatedAt ?? 0,
          interval: before?.interval ?? usualInterval,
          ...before,
          checkedAt: now(),
          error: { code, message },
        }),
      );
    } catch {
      // It is gone, or the list cannot be written: what was caught is told in any case.
    }
  }
}

function idIn({ profiles }: ProfileIndexData, url: string): string | undefined {
  return profiles.find(({ source }) => source.kind === 'url' && source.url === url)?.id;
}

/** Throws PROFILE_UNKNOWN when it has been removed. */
function withSubscription(data: ProfileIndexData, id: string, subscription: KeptSubscription): ProfileIndexData {
  if (!data.profiles.some((each) => each.id === id))
    throw new AppError('PROFILE_UNKNOWN', 'the profile was removed while it was downloaded');
  return { ...data, profiles: data.profiles.map((each) => (each.id === id ? { ...each, subscription } : each)) };
}

/** Only of the very text that is there: a crash, or a person, may have put another one beside them. */
function validatorsOf(
  known: KeptSubscription | undefined,
  text: string | undefined,
): { readonly etag?: string; readonly lastModified?: string } {
  if (known === undefined || text === undefined || known.sha256 !== hashOfText(text)) return {};
  const { etag, lastModified } = known;
  return { ...(etag === undefined ? {} : { etag }), ...(lastModified === undefined ? {} : { lastModified }) };
}

/** Its own, or providers that may have some. */
function hasNodes({ config, wanted }: ParsedProfile): boolean {
  return (config?.proxies.length ?? 0) > 0 || (wanted?.nodes.length ?? 0) > 0;
}
