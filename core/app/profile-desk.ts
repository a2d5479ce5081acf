/**
 * What people do with the list of profiles, and what the clock does: recognise, add, update, rename, remove, with how far downloads
 * are and the way to end them. Which profile is in use, and what is in force, is the service's.
 */
import { randomUUID } from 'node:crypto';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { AppInfo, AppParams, AppResult, ProfileEntry } from '../contract/app.ts';
import { configRefusals } from '../contract/error.ts';
import { type ChosenFile, maxOffers, type ProfileOffer, type ProfileOrigin } from '../contract/profile-import.ts';
import type { Progress } from '../contract/providers.ts';
import type { KeptChange, ProfileEditing } from '../profile/profile-editing.ts';
import type { ProfileLibrary } from '../profile/profile-library.ts';
import type { DownloadWatch } from '../profile/subscription.ts';
import { downloadStopped } from '../provider/download/download.ts';
import { linkedNodes } from '../provider/nodes/read-nodes.ts';
import { profileOf } from '../provider/subscription.ts';
import { describe } from './describe.ts';
import type { ProfileInForce } from './profile-in-force.ts';

/** Milliseconds between two looks at which profiles are due to be downloaded anew. */
const updateInterval = 60_000;

export type DeskLibrary = Pick<
  ProfileLibrary,
  'list' | 'add' | 'addText' | 'addUrl' | 'update' | 'preview' | 'due' | 'rename' | 'remove'
> & {
  readonly editing: Pick<ProfileEditing, 'read' | 'try' | 'save' | 'withRule' | 'switchOverride' | 'previewOverride'>;
};

/** A file that a person chose: where it is, and what is in it. */
export interface PickedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface ProfileDeskOptions {
  readonly profiles: DeskLibrary;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asks the person for a file; absent where there is no screen. Undefined = none was chosen. */
  readonly pickFile?: () => Promise<PickedFile | undefined>;
}

interface Download {
  readonly stop: AbortController;
  progress: Progress;
}

export class ProfileDesk {
  readonly #options: ProfileDeskOptions;
  readonly #inForce: Pick<ProfileInForce, 'reload' | 'relist' | 'tellSoon' | 'refusalError'>;
  readonly #updates = new Map<string, Download>();
  #adding: Download | undefined;
  /** Something is being added, downloaded or not. */
  #busy = false;
  /** In the order in which they came: the first one is being asked about. */
  #offers: readonly ProfileOffer[] = [];
  #chosen: { readonly id: string; readonly path: string } | undefined;
  #updatingDue = false;

  constructor(
    options: ProfileDeskOptions,
    inForce: Pick<ProfileInForce, 'reload' | 'relist' | 'tellSoon' | 'refusalError'>,
  ) {
    this.#options = options;
    this.#inForce = inForce;
  }

  /** Looks after what is due until the returned function is called, which ends downloads, too. */
  start(): () => void {
    const cancel = this.#options.clock.every(updateInterval, () => void this.#updateDue());
    return () => {
      cancel();
      this.stop({ what: 'all' });
    };
  }

  /** What windows see of this. */
  info(): Pick<AppInfo, 'adding' | 'offer' | 'moreOffers'> {
    const [offer, ...more] = this.#offers;
    return {
      ...(this.#adding === undefined ? {} : { adding: this.#adding.progress }),
      ...(offer === undefined ? {} : { offer }),
      ...(more.length === 0 ? {} : { moreOffers: more.length }),
    };
  }

  /** The entries, with what is under way. */
  withProgress(entries: readonly ProfileEntry[]): ProfileEntry[] {
    return entries.map((entry) => {
      const update = this.#updates.get(entry.id);
      return update === undefined ? entry : { ...entry, updating: update.progress };
    });
  }

  /** A link from outside asks for a profile. It waits until those before it have an answer; the same one asks once. */
  propose(offer: ProfileOffer): void {
    if (this.#offers.some(({ url }) => url === offer.url)) return;
    if (this.#offers.length >= maxOffers) {
      this.#options.logger.warning('too many links ask for a profile: one was dropped', { host: offer.host });
      return;
    }
    this.#offers = [...this.#offers, offer];
    this.#inForce.tellSoon();
  }

  async dismiss(url: string): Promise<void> {
    this.#offers = this.#offers.filter((each) => each.url !== url);
    this.#inForce.tellSoon();
  }

  async chooseFile(): Promise<ChosenFile | null> {
    const { pickFile } = this.#options;
    if (pickFile === undefined) throw new AppError('RPC_UNKNOWN_METHOD', 'no file can be chosen here');
    const picked = await pickFile();
    if (picked === undefined) return null;
    const { path, bytes } = picked;
    this.#chosen = { id: randomUUID(), path };
    const name = path.split(/[/\\]/).at(-1) ?? path;
    return { id: this.#chosen.id, name, path, data: Buffer.from(bytes).toString('base64') };
  }

  /** Returns the id. Rejects with RPC_BUSY while another one is being added, else as the library does. */
  async add({ from, name }: AppParams<'addProfile'>): Promise<string> {
    if (this.#busy) throw new AppError('RPC_BUSY', 'another profile is being added');
    this.#busy = true;
    try {
      const { id, active } = await this.#addFrom(from, name);
      if (from.kind === 'url') await this.dismiss(from.url);
      // Refused or not, it is in the list: what came of it is told with the profile.
      if (active) await this.#inForce.reload().catch(() => this.#inForce.relist());
      else await this.#inForce.relist();
      return id;
    } finally {
      this.#busy = false;
    }
  }

  async #addFrom(from: ProfileOrigin, name: string | undefined): Promise<ProfileEntry> {
    const { profiles } = this.#options;
    switch (from.kind) {
      case 'url': {
        this.#adding = { stop: new AbortController(), progress: { bytes: 0 } };
        this.#inForce.tellSoon();
        try {
          const watch = this.#watch(this.#adding);
          return await profiles.addUrl(from.url, { ...watch, ...(name === undefined ? {} : { name }) });
        } finally {
          this.#adding = undefined;
          this.#inForce.tellSoon();
        }
      }
      case 'text':
        if (linkedNodes(from.text)?.length === 0)
          throw new AppError('CONFIG_INVALID', 'none of the links is understood');
        return await profiles.addText(profileOf(from.text), name ?? 'profile');
      case 'file': {
        if (from.id !== this.#chosen?.id)
          throw new AppError('PROFILE_UNKNOWN', 'another file was chosen since', { expected: 'choose it again' });
        return await profiles.add(this.#chosen.path, name);
      }
    }
  }

  /** Of one: rejects as the library does. Of all: what comes of each is told by its entry. */
  async update({ id, looked }: AppParams<'updateProfile'>): Promise<void> {
    if (id !== undefined) return await this.#update(id, looked);
    const ids = (await this.#options.profiles.list()).flatMap((entry) => (entry.source.kind === 'url' ? entry.id : []));
    await Promise.allSettled(ids.map((each) => this.#update(each)));
  }

  /** What a new version would change, with the progress of an update. RPC_BUSY while one is under way. */
  async preview(id: string): Promise<AppResult<'previewProfile'>> {
    if (this.#updates.has(id)) throw new AppError('RPC_BUSY', 'the profile is being downloaded already');
    return await this.#downloading(id, (watch) => this.#options.profiles.preview(id, watch)).finally(() =>
      this.#inForce.tellSoon(),
    );
  }

  async #downloading<T>(id: string, download: (watch: Required<DownloadWatch>) => Promise<T>): Promise<T> {
    const own: Download = { stop: new AbortController(), progress: { bytes: 0 } };
    this.#updates.set(id, own);
    this.#inForce.tellSoon();
    return await download(this.#watch(own)).finally(() => this.#updates.delete(id));
  }

  /** One that is under way goes on. */
  async #update(id: string, looked?: string): Promise<void> {
    if (this.#updates.has(id)) return;
    try {
      const { active } = await this.#downloading(id, (watch) =>
        this.#options.profiles.update(id, { ...watch, looked }),
      );
      await (active ? this.#inForce.reload() : this.#inForce.relist());
    } catch (caught) {
      await this.#inForce.relist(); // the entry has the reason
      throw caught;
    }
  }

  #watch(download: Download): Required<DownloadWatch> {
    return {
      signal: download.stop.signal,
      onProgress: (progress) => {
        download.progress = progress;
        this.#inForce.tellSoon();
      },
    };
  }

  stop({ what, id }: AppParams<'stopProfiles'>): void {
    if (what !== 'updating') this.#adding?.stop.abort(downloadStopped());
    if (what === 'adding') return;
    for (const [each, { stop }] of this.#updates) if (id === undefined || id === each) stop.abort(downloadStopped());
  }

  get editing(): DeskLibrary['editing'] {
    return this.#options.profiles.editing;
  }

  /**
   * One that the helper refuses is taken back, unless it was to be kept however wrong it is. Rejects as `ProfileEditing.save` does, and
   * with what the helper says.
   */
  async saveText({ id, part, text, version, unusable }: AppParams<'saveProfileText'>): Promise<void> {
    const kept = await this.editing.save(id, { part, text, unusable: unusable === true }, version);
    if (unusable !== true) return await this.#bring(kept);
    // What came of it is told with the profile.
    await (kept.entry.active ? this.#inForce.reload().catch(() => this.#inForce.relist()) : this.#inForce.relist());
  }

  /** Rejects likewise. */
  async switchOverride({ id, on }: AppParams<'switchOverride'>): Promise<void> {
    await this.#bring(await this.editing.switchOverride(id, on));
  }

  /** Rejects likewise. */
  async addRule({ id, rule, place }: AppParams<'addRule'>): Promise<void> {
    const { text, version } = await this.editing.withRule(id, rule, place);
    await this.saveText({ id, part: 'override', text, version });
  }

  /** Puts a change in force where the profile is in use; what the helper refuses is taken back. */
  async #bring({ entry, undo }: KeptChange): Promise<void> {
    if (!entry.active) return await this.#inForce.relist();
    const failure = await this.#inForce.reload().then(
      () => this.#inForce.refusalError,
      (caught: unknown) => AppError.from(caught),
    );
    if (failure === undefined) return;
    // Whoever cannot be reached has not refused it.
    if (configRefusals.has(failure.code)) await this.#takeBack(undo);
    throw failure;
  }

  async #takeBack(undo: () => Promise<void>): Promise<void> {
    await undo();
    await this.#inForce
      .reload()
      .catch((caught: unknown) =>
        this.#options.logger.warning('the profile of before could not be applied', describe(caught)),
      );
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#options.profiles.rename(id, name);
    await this.#inForce.relist();
  }

  async remove(id: string): Promise<void> {
    this.stop({ what: 'updating', id });
    const { active } = await this.#options.profiles.remove(id);
    await (active ? this.#inForce.reload() : this.#inForce.relist());
  }

  /** One after the other: nobody waits for them. */
  async #updateDue(): Promise<void> {
    if (this.#updatingDue) return;
    this.#updatingDue = true;
    const { profiles, logger } = this.#options;
    try {
      for (const id of profiles.due())
        await this.#update(id).catch((caught: unknown) =>
          logger.warning('a profile was not updated: the earlier version stays', describe(caught)),
        );
    } catch (caught) {
      logger.warning('the list of profiles cannot be read', describe(caught));
    } finally {
      this.#updatingDue = false;
    }
  }
}
