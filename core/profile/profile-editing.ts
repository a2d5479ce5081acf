/**
 * Changes profiles by hand: their own texts and their overrides are read, tried and kept. What cannot be used is never kept, and what
 * another program has changed meanwhile is not written over.
 */
import { chmodSync, realpathSync, statSync } from 'node:fs';
import { AppError } from '../base/app-error.ts';
import { replaceFile } from '../base/replace-file.ts';
import type { ProfileEntry } from '../contract/app.ts';
import type { ProfilePart, ProfileTexts, ProfileTrial } from '../contract/profile-editing.ts';
import { diffConfigs } from './config-diff.ts';
import { FileSource } from './file-source.ts';
import { type ReadingOptions, readText } from './loaded-profile.ts';
import { findEntry, namedId } from './profile-entries.ts';
import type { ProfileFiles } from './profile-files.ts';
import type { ProfileIndex } from './profile-index.ts';
import type { ParsedProfile } from './profile-loader.ts';
import { hashOfText } from './subscription.ts';

export interface ProfileEditingOptions {
  readonly index: ProfileIndex;
  readonly files: ProfileFiles;
  readonly reading: ReadingOptions;
  /** Rejects with PROFILE_STORE. */
  readonly list: () => Promise<ProfileEntry[]>;
}

interface Texts {
  readonly source: string;
  /** Empty: there is none. */
  readonly override: string;
}

export interface ProfileChange {
  readonly part: ProfilePart;
  readonly text: string;
}

export class ProfileEditing {
  readonly #options: ProfileEditingOptions;

  constructor(options: ProfileEditingOptions) {
    this.#options = options;
  }

  /** By id or name. Rejects with PROFILE_UNKNOWN, PROFILE_STORE, and CONFIG_* when its file cannot be read. */
  async read(wanted: string): Promise<ProfileTexts> {
    const entry = await this.#entry(wanted);
    const { source, override } = await this.#texts(entry);
    const part = (text: string, editable: boolean) => ({ text, version: hashOfText(text), editable });
    return { source: part(source, entry.source.kind !== 'url'), override: part(override, entry.id !== namedId) };
  }

  /** What would come of the change; nothing is kept. Rejects as `read` does. */
  async try(wanted: string, change: ProfileChange, compare: boolean): Promise<ProfileTrial> {
    const entry = await this.#entry(wanted);
    const before = await this.#texts(entry);
    const { config, problems } = this.#parse(entry, changed(before, change));
    const known = compare && config !== undefined ? this.#parse(entry, before).config : undefined;
    const diff = known === undefined || config === undefined ? null : diffConfigs(known, config);
    return { valid: config !== undefined, problems, diff };
  }

  /**
   * Keeps the change; resolves with the text of before. `version` is that of the text which was changed. Rejects as `read` does, with
   * CONFIG_* and the problems when it cannot be used, with PROFILE_CHANGED, and with PROFILE_READ_ONLY.
   */
  async save(wanted: string, change: ProfileChange, version: string): Promise<{ entry: ProfileEntry; before: string }> {
    const entry = await this.#entry(wanted);
    const before = await this.#texts(entry);
    const { part, text } = change;
    if (part === 'source' ? entry.source.kind === 'url' : entry.id === namedId)
      throw new AppError('PROFILE_READ_ONLY', `this text of "${entry.name}" cannot be changed here`, {
        expected:
          part === 'source' ? 'change its override, which an update leaves as it is' : 'add the file to the list',
      });
    if (hashOfText(before[part]) !== version)
      throw new AppError('PROFILE_CHANGED', `"${entry.name}" was changed by another program meanwhile`);
    const { config, failure, problems } = this.#parse(entry, changed(before, change));
    if (config === undefined)
      throw new AppError(failure ?? 'CONFIG_INVALID', 'the profile cannot be used with this change: nothing was kept', {
        problems: problems.filter(({ severity }) => severity === 'error'),
      });
    this.#write(entry, part, text);
    return { entry, before: before[part] };
  }

  /** Under the lock of the list, which tells others that something has changed. */
  #write(entry: ProfileEntry, part: ProfilePart, text: string): void {
    const { index, files } = this.#options;
    index.change((data) => {
      if (part === 'override') files.writeOverride(entry.id, text);
      else if (entry.source.kind === 'file') replaceOwn(entry.source.path, text);
      else files.writeSource(entry.id, text);
      return { ...data, edits: (data.edits ?? 0) + 1 };
    });
  }

  #parse({ source }: ProfileEntry, { source: text, override }: Texts): ParsedProfile {
    return readText(source, text, this.#options.reading, override === '' ? undefined : override);
  }

  async #texts({ id, source }: ProfileEntry): Promise<Texts> {
    const override = id === namedId ? undefined : this.#options.files.readOverride(id);
    return { source: await new FileSource(source.path).read(), override: override ?? '' };
  }

  async #entry(wanted: string): Promise<ProfileEntry> {
    return findEntry(await this.#options.list(), wanted);
  }
}

function changed(before: Texts, { part, text }: ProfileChange): Texts {
  return { ...before, [part]: text };
}

/** A file of the person's own: behind a link the file itself, with the permissions that it has. */
function replaceOwn(path: string, text: string): void {
  const real = realpathSync(path);
  const { mode } = statSync(real);
  replaceFile(real, text);
  chmodSync(real, mode & 0o7777);
}
