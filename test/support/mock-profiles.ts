/** The profiles and providers of a Mirage in memory: recognised as the app does it, downloaded as slowly as a test wants. */
import { AppError } from '../../core/base/app-error.ts';
import type { Clock } from '../../core/base/clock.ts';
import type { AppInfo, AppMethodName, AppParams, AppResult, ProfileEntry } from '../../core/contract/app.ts';
import type { ErrorData } from '../../core/contract/error.ts';
import type { ProviderRow } from '../../core/contract/providers.ts';
import { recognise } from '../../core/provider/recognise.ts';

export interface MockProfilesOptions {
  readonly profiles: readonly ProfileEntry[];
  readonly providers: readonly ProviderRow[];
  readonly profile: AppInfo['profile'];
  /** Downloads do not end by themselves. */
  readonly endless: boolean;
  /** What downloads end with, instead of an answer. */
  readonly failure: ErrorData | undefined;
}

type Answers = { readonly [M in AppMethodName]?: (params: AppParams<M>) => AppResult<M> | Promise<AppResult<M>> };

const stepMs = 60;
const total = 240_000;

export class MockProfiles {
  readonly #options: MockProfilesOptions;
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #appInfo: () => AppInfo;
  readonly #downloads = new Map<string, { stop: () => void }>();
  #profile: AppInfo['profile'];
  #profiles: ProfileEntry[];
  #providers: ProviderRow[];
  #adding: AppInfo['adding'];
  #offer: AppInfo['offer'];
  #moreOffers = 0;

  constructor(options: MockProfilesOptions, clock: Clock, changed: () => void, appInfo: () => AppInfo) {
    this.#options = options;
    this.#clock = clock;
    this.#changed = changed;
    this.#appInfo = appInfo;
    this.#profile = options.profile;
    this.#profiles = [...options.profiles];
    this.#providers = [...options.providers];
  }

  info(): Pick<AppInfo, 'profile' | 'profiles' | 'providers' | 'adding' | 'offer' | 'moreOffers'> {
    return {
      profile: this.#profile,
      profiles: this.#profiles,
      providers: this.#providers,
      ...(this.#adding === undefined ? {} : { adding: this.#adding }),
      ...(this.#offer === undefined ? {} : { offer: this.#offer }),
      ...(this.#moreOffers === 0 ? {} : { moreOffers: this.#moreOffers }),
    };
  }

  setProfile(profile: AppInfo['profile']): void {
    this.#profile = profile;
    this.#changed();
  }

  /** `more` wait behind it. */
  propose(offer: AppInfo['offer'], more = 0): void {
    this.#offer = offer;
    this.#moreOffers = more;
    this.#changed();
  }

  readonly answers: Answers = {
    recognise: ({ text }) => recognise(text),
    useProfile: ({ id }) => this.#use(id),
    reloadProfile: () => this.#appInfo(),
    addProfile: async ({ from, name }) => {
      const now = this.#clock.now();
      if (from.kind === 'url')
        await this.#download('adding', (adding) => {
          this.#adding = adding;
        });
      const id = `mock${this.#profiles.length}`;
      const subscription = { updatedAt: now, checkedAt: now, nextAt: now + 86_400_000, interval: 86_400 };
      const path = `/home/mira/.config/mirage/profiles/${id}.source.yaml`;
      const entry: ProfileEntry =
        from.kind === 'url'
          ? {
              id,
              name: name ?? 'From the server',
              source: { kind: 'url', address: new URL(from.url).origin, path },
              active: false,
              subscription,
            }
          : { id, name: name ?? 'profile', source: { kind: 'text', path }, active: false };
      if (from.kind === 'url' && from.url === this.#offer?.url) this.#offer = undefined;
      this.#profiles.push(entry);
      if (this.#profiles.length === 1) this.#use(id);
      this.#changed();
      return { added: id, info: this.#appInfo() };
    },
    dismissOffer: ({ url }) => {
      if (url === this.#offer?.url) this.#offer = undefined;
      this.#changed();
      return this.#appInfo();
    },
    updateProfile: async ({ id }) => {
      const some = this.#profiles.filter((each) => each.source.kind === 'url' && (id === undefined || each.id === id));
      const done = await Promise.allSettled(some.map((entry) => this.#update(entry)));
      const failed = done.find((each) => each.status === 'rejected');
      if (id !== undefined && failed !== undefined) throw failed.reason;
      return this.#appInfo();
    },
    renameProfile: ({ id, name }) => this.#changeEntry(id, { name }),
    removeProfile: ({ id }) => {
      this.#profiles = this.#profiles.filter((each) => each.id !== id);
      this.#changed();
      return this.#appInfo();
    },
    stopProfiles: ({ what, id }) => {
      for (const [key, download] of this.#downloads) {
        const isMeant = key === 'adding' ? what !== 'updating' : what !== 'adding' && (id === undefined || key === id);
        if (isMeant) download.stop();
      }
      return {};
    },
    updateProviders: async ({ name, kind }) => {
      const isMeant = (row: ProviderRow) =>
        row.source === 'http' && (name === undefined || row.name === name) && (kind === undefined || row.kind === kind);
      await Promise.all(this.#providers.filter(isMeant).map((row) => this.#updateProvider(row)));
      return this.#appInfo();
    },
    stopProviders: ({ name }) => {
      for (const [key, download] of this.#downloads)
        if (key.includes(' ') && (name === undefined || key.endsWith(` ${name}`))) download.stop();
      return {};
    },
  };

  #use(id: string): AppInfo {
    this.#profiles = this.#profiles.map((each) => ({ ...each, active: each.id === id }));
    const used = this.#profiles.find(({ active }) => active);
    this.setProfile(used === undefined ? null : { path: used.source.path, problems: [], state: 'applied' });
    return this.#appInfo();
  }

  #changeEntry(id: string, change: Partial<ProfileEntry>): AppInfo {
    this.#profiles = this.#profiles.map((each) => (each.id === id ? { ...each, ...change } : each));
    this.#changed();
    return this.#appInfo();
  }

  async #update({ id, subscription }: ProfileEntry): Promise<void> {
    const now = this.#clock.now();
    const before = subscription ?? { updatedAt: 0, checkedAt: 0, nextAt: null, interval: 86_400 };
    try {
      await this.#download(id, (updating) => this.#show(id, updating));
      const { error: _, ...rest } = before;
      this.#changeEntry(id, { subscription: { ...rest, updatedAt: now, checkedAt: now, nextAt: now + 86_400_000 } });
    } catch (caught) {
      const error = AppError.from(caught);
      if (error.code !== 'DOWNLOAD_STOPPED')
        this.#changeEntry(id, { subscription: { ...before, checkedAt: now, error: error.toData() } });
      throw error;
    }
  }

  #show(id: string, updating: ProfileEntry['updating']): void {
    this.#profiles = this.#profiles.map((each) => {
      if (each.id !== id) return each;
      const { updating: _, ...rest } = each;
      return updating === undefined ? rest : { ...rest, updating };
    });
  }

  async #updateProvider(row: ProviderRow): Promise<void> {
    const key = `${row.kind} ${row.name}`;
    const change = (fresh: Partial<ProviderRow>, without: readonly (keyof ProviderRow)[] = []): void => {
      this.#providers = this.#providers.map((each) =>
        each.kind === row.kind && each.name === row.name
          ? (Object.fromEntries(
              Object.entries({ ...each, ...fresh }).filter(([field]) => !without.some((gone) => gone === field)),
            ) as ProviderRow)
          : each,
      );
      this.#changed();
    };
    const now = this.#clock.now();
    try {
      await this.#download(key, (progress) =>
        progress === undefined ? change({ updating: false }, ['progress']) : change({ updating: true, progress }),
      );
      change({ updatedAt: now, nextAt: now + 3_600_000, entries: row.entries ?? 1200 }, ['error']);
    } catch (caught) {
      change({ error: AppError.from(caught).toData() });
    }
  }

  async #download(key: string, show: (progress: AppInfo['adding']) => void): Promise<void> {
    let stopped = false;
    this.#downloads.set(key, { stop: () => (stopped = true) });
    try {
      for (let bytes = 0; this.#options.endless || bytes <= total; bytes = Math.min(bytes + total / 4, total + 1)) {
        show({ bytes: Math.min(bytes, total), total });
        this.#changed();
        await new Promise<void>((resolve) => void this.#clock.after(stepMs, resolve));
        if (stopped) throw new AppError('DOWNLOAD_STOPPED', 'it was stopped');
        if (bytes > total && !this.#options.endless) break;
      }
      if (this.#options.failure !== undefined) throw AppError.fromData(this.#options.failure);
    } finally {
      this.#downloads.delete(key);
      show(undefined);
      this.#changed();
    }
  }
}
