/** Profiles in memory, as the app process sees them. */
import { AppError } from '../../core/base/app-error.ts';
import { Emitter } from '../../core/base/emitter.ts';
import type { ProfileEntry } from '../../core/contract/app.ts';
import { defaultConfig } from '../../core/contract/config.ts';
import type { ProfilePart, ProfileTexts, ProfileTrial } from '../../core/contract/profile-editing.ts';
import type { LastGood, LoadedProfile } from '../../core/profile/loaded-profile.ts';
import type { DownloadWatch } from '../../core/profile/subscription.ts';

export const builtInProfile: LoadedProfile = { path: null, text: '', config: defaultConfig, problems: [] };

export class ProfileLibraryDouble {
  /** By id; the name is the id, too. */
  readonly profiles: Map<string, LoadedProfile>;
  readonly changes = new Emitter<void>();
  readonly updated: string[] = [];
  /** Versions that were in force, in order, and what there is to fall back on, by id. */
  readonly kept: LoadedProfile[] = [];
  readonly good = new Map<string, LastGood>();
  dueNow: string[] = [];
  #active: string;

  constructor(profiles: Readonly<Record<string, LoadedProfile>> = { one: builtInProfile }) {
    this.profiles = new Map(Object.entries(profiles));
    this.#active = Object.keys(profiles)[0] ?? '';
  }

  async load(): Promise<LoadedProfile> {
    return { ...(this.profiles.get(this.#active) ?? builtInProfile), id: this.#active };
  }

  keepGood(loaded: LoadedProfile): void {
    this.kept.push(loaded);
  }

  lastGood({ id = '' }: LoadedProfile): LastGood | undefined {
    return this.good.get(id);
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
    const entry = await this.#entry(id);
    this.#active = id;
    return { ...entry, active: true };
  }

  readonly switched: boolean[] = [];
  /** What was saved, and what the texts are. */
  readonly saved: { id: string; part: ProfilePart; text: string }[] = [];
  readonly editing = {
    read: async (): Promise<ProfileTexts> => {
      const part = (text: string) => ({ text, version: text, editable: true });
      const last = (wanted: ProfilePart) => this.saved.findLast(({ part: each }) => each === wanted)?.text ?? '';
      return { source: part(last('source')), override: part(last('override')) };
    },
    try: async (): Promise<ProfileTrial> => ({
      valid: true,
      problems: [],
      diff: null,
      lines: null,
      version: '',
      names: null,
    }),
    save: async (id: string, { part, text }: { part: ProfilePart; text: string }) => {
      const before = (await this.editing.read())[part].text;
      this.saved.push({ id, part, text });
      const undo = async () => void this.saved.push({ id, part, text: before });
      return { entry: await this.#entry(id), undo };
    },
    withRule: async (_: string, rule: string) => ({ text: `+rules:\n  - ${rule}\n`, version: '' }),
    switchOverride: async (id: string, on: boolean) => {
      this.switched.push(on);
      return { entry: await this.#entry(id), undo: async () => void this.switched.push(!on) };
    },
    previewOverride: async () => ({ diff: null, problems: [] }),
  };

  /** What `addUrl` and `update` wait for. */
  download: (watch: DownloadWatch) => Promise<void> = async () => undefined;

  async addUrl(
    _url: string,
    { name = 'fetched', ...watch }: { name?: string } & DownloadWatch = {},
  ): Promise<ProfileEntry> {
    await this.download(watch);
    return this.#added(name);
  }

  async addText(_text: string, name: string): Promise<ProfileEntry> {
    return this.#added(name);
  }

  async add(_path: string, name = 'file'): Promise<ProfileEntry> {
    return this.#added(name);
  }

  async update(id: string, watch: DownloadWatch = {}): Promise<ProfileEntry> {
    await this.download(watch);
    this.updated.push(id);
    return await this.#entry(id);
  }

  async rename(id: string, name: string): Promise<ProfileEntry> {
    const loaded = this.profiles.get(id) ?? builtInProfile;
    this.profiles.delete(id);
    this.profiles.set(name, loaded);
    return await this.#entry(name);
  }

  async remove(id: string): Promise<ProfileEntry> {
    const entry = await this.#entry(id);
    this.profiles.delete(id);
    return entry;
  }

  async #added(name: string): Promise<ProfileEntry> {
    this.profiles.set(name, builtInProfile);
    return await this.#entry(name);
  }

  async #entry(id: string): Promise<ProfileEntry> {
    const entry = (await this.list()).find((each) => each.id === id);
    if (entry === undefined) throw new AppError('PROFILE_UNKNOWN', `there is no profile "${id}"`);
    return entry;
  }

  async preview() {
    return { diff: null, problems: [], looked: null };
  }

  due(): string[] {
    return this.dueNow.splice(0);
  }

  onChanged(handler: () => void): () => void {
    return this.changes.on(handler);
  }
}
