/** Profiles in memory, as the app process sees them. */
import { AppError } from '../../core/base/app-error.ts';
import { Emitter } from '../../core/base/emitter.ts';
import type { ProfileEntry } from '../../core/contract/app.ts';
import { defaultConfig } from '../../core/contract/config.ts';
import type { LoadedProfile } from '../../core/profile/profile-library.ts';

export const builtInProfile: LoadedProfile = { path: null, text: '', config: defaultConfig, problems: [] };

export class ProfileLibraryDouble {
  /** By id; the name is the id, too. */
  readonly profiles: Map<string, LoadedProfile>;
  readonly changes = new Emitter<void>();
  readonly updated: string[] = [];
  dueNow: string[] = [];
  #active: string;

  constructor(profiles: Readonly<Record<string, LoadedProfile>> = { one: builtInProfile }) {
    this.profiles = new Map(Object.entries(profiles));
    this.#active = Object.keys(profiles)[0] ?? '';
  }

  async load(): Promise<LoadedProfile> {
    return this.profiles.get(this.#active) ?? builtInProfile;
  }

  async list(): Promise<ProfileEntry[]> {
    return [...this.profiles].map(([id, { path }]) => ({
      id,
      name: id,
      source: { kind: 'file', path: path ?? '' },
      active: id === this.#active,
    }));
  }

  async use(id: string): Promise<ProfileEntry> {
    const entry = (await this.list()).find((each) => each.id === id);
    if (entry === undefined) throw new AppError('PROFILE_UNKNOWN', `there is no profile "${id}"`);
    this.#active = id;
    return { ...entry, active: true };
  }

  async addUrl(): Promise<ProfileEntry> {
    throw new AppError('DOWNLOAD_FAILED', 'nothing can be downloaded here');
  }

  async update(id: string): Promise<ProfileEntry> {
    this.updated.push(id);
    return await this.use(id);
  }

  due(): string[] {
    return this.dueNow.splice(0);
  }

  onChanged(handler: () => void): () => void {
    return this.changes.on(handler);
  }
}
