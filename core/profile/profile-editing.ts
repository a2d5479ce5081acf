/**
 * Changes profiles by hand: their own texts and their overrides are read, tried and kept. What cannot be used is never kept, and what
 * another program has changed meanwhile is not written over.
 */
import { chmodSync, realpathSync, statSync } from 'node:fs';
import { AppError } from '../base/app-error.ts';
import { replaceFile } from '../base/replace-file.ts';
import type { ProfileEntry } from '../contract/app.ts';
import {
  type KnownNames,
  maxKnownNames,
  type ProfilePart,
  type ProfilePreview,
  type ProfileTexts,
  type ProfileTrial,
} from '../contract/profile-editing.ts';
import { builtInPolicies } from '../contract/proxy-config.ts';
import type { RulePlace } from '../contract/rule-places.ts';
import { diffConfigs } from './config-diff.ts';
import { FileSource } from './file-source.ts';
import { diffLines } from './line-diff.ts';
import { type ReadingOptions, readText } from './loaded-profile.ts';
import { withRule } from './override-rule.ts';
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
  /** It is left aside. */
  readonly isOff: boolean;
}

export interface ProfileChange {
  readonly part: ProfilePart;
  readonly text: string;
  /** It is kept even where it cannot be used. */
  readonly unusable?: boolean;
}

/** A change that was made, and what takes it back. */
export interface KeptChange {
  readonly entry: ProfileEntry;
  readonly undo: () => Promise<void>;
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
    const parsed = this.#parse(entry, changed(before, change));
    const { config, problems } = parsed;
    const known = compare && config !== undefined ? this.#parse(entry, before).config : undefined;
    const { part, text } = change;
    return {
      valid: config !== undefined,
      problems,
      diff: known === undefined || config === undefined ? null : diffConfigs(known, config),
      lines: compare ? diffLines(before[part], text) : null,
      version: hashOfText(before[part]),
      names: namesOf(parsed),
    };
  }

  /** What the override changes, or would if it were on. Rejects as `read` does. */
  async previewOverride(wanted: string): Promise<ProfilePreview> {
    const entry = await this.#entry(wanted);
    const texts = await this.#texts(entry);
    const [bare, whole] = [
      { ...texts, override: '' },
      { ...texts, isOff: false },
    ].map((each) => this.#parse(entry, each));
    const diff = bare?.config && whole?.config ? diffConfigs(bare.config, whole.config) : null;
    return { diff, problems: whole?.problems.filter(({ file }) => file === 'override') ?? [] };
  }

  /**
   * The text of the override with one more rule. Rejects as `read` does, with CONFIG_INVALID where it cannot be put there or is no rule,
   * and with PROFILE_READ_ONLY while the override is turned off.
   */
  async withRule(wanted: string, rule: string, place: RulePlace): Promise<{ text: string; version: string }> {
    const entry = await this.#entry(wanted);
    const before = await this.#texts(entry);
    if (before.isOff)
      throw new AppError('PROFILE_READ_ONLY', `the override of "${entry.name}" is turned off`, {
        expected: 'turn it on first',
      });
    const text = withRule(before.override, rule, place);
    const known = new Set(this.#parse(entry, before).problems.map(({ message }) => message));
    const added = this.#parse(entry, { ...before, override: text }).problems;
    const wrong = added.filter(({ severity, message }) => severity === 'error' && !known.has(message));
    if (wrong.length > 0)
      throw new AppError('CONFIG_INVALID', `the rule cannot be used: ${wrong[0]?.message}`, { problems: wrong });
    return { text, version: hashOfText(before.override) };
  }

  /** Merges the override or leaves it aside. Rejects as `save` does. */
  async switchOverride(wanted: string, on: boolean): Promise<KeptChange> {
    const { index, files } = this.#options;
    const entry = await this.#entry(wanted);
    if (on) this.#assertUsable(this.#parse(entry, { ...(await this.#texts(entry)), isOff: false }));
    const change = (to: boolean): void =>
      void index.change((data) => {
        files.switchOverride(entry.id, to);
        return { ...data, edits: (data.edits ?? 0) + 1 };
      });
    change(on);
    return { entry, undo: async () => change(!on) };
  }

  /**
   * Keeps the change. `version` is that of the text which was changed. Rejects as `read` does, with CONFIG_* and the problems when it
   * cannot be used, with PROFILE_CHANGED, and with PROFILE_READ_ONLY.
   */
  async save(wanted: string, change: ProfileChange, version: string): Promise<KeptChange> {
    const entry = await this.#entry(wanted);
    const before = await this.#texts(entry);
    const { part, text, unusable = false } = change;
    if (part === 'source' ? entry.source.kind === 'url' : entry.id === namedId)
      throw new AppError('PROFILE_READ_ONLY', `this text of "${entry.name}" cannot be changed here`, {
        expected:
          part === 'source' ? 'change its override, which an update leaves as it is' : 'add the file to the list',
      });
    if (hashOfText(before[part]) !== version)
      throw new AppError('PROFILE_CHANGED', `"${entry.name}" was changed by another program meanwhile`);
    // An override that is left aside changes nothing: what is wrong with it is told when it is turned on.
    if (!unusable && !(part === 'override' && before.isOff))
      this.#assertUsable(this.#parse(entry, changed(before, change)));
    this.#write(entry, part, text);
    const undo = async (): Promise<void> => {
      if (hashOfText((await this.#texts(entry))[part]) === hashOfText(text)) this.#write(entry, part, before[part]);
    };
    return { entry, undo };
  }

  #assertUsable({ config, failure, problems }: ParsedProfile): void {
    if (config !== undefined) return;
    throw new AppError(failure ?? 'CONFIG_INVALID', 'the profile cannot be used with this change: nothing was kept', {
      problems: problems.filter(({ severity }) => severity === 'error'),
    });
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

  #parse({ source }: ProfileEntry, { source: text, override, isOff }: Texts): ParsedProfile {
    return readText(source, text, this.#options.reading, override === '' || isOff ? undefined : override);
  }

  async #texts({ id, source }: ProfileEntry): Promise<Texts> {
    const { files } = this.#options;
    const override = id === namedId ? undefined : files.readAnyOverride(id);
    const isOff = files.overrideState(id) === 'off';
    return { source: await new FileSource(source.path).read(), override: override ?? '', isOff };
  }

  async #entry(wanted: string): Promise<ProfileEntry> {
    return findEntry(await this.#options.list(), wanted);
  }
}

/** An override is looked at as if it were on. */
function changed(before: Texts, { part, text }: ProfileChange): Texts {
  return { ...before, [part]: text, ...(part === 'override' ? { isOff: false } : {}) };
}

function namesOf({ config, wanted }: ParsedProfile): KnownNames | null {
  if (config === undefined) return null;
  const some = (names: readonly string[]): string[] => names.slice(0, maxKnownNames);
  const named = (all: readonly { readonly name: string }[]): string[] => all.map(({ name }) => name);
  return {
    policies: some([...named(config.groups), ...builtInPolicies, ...named(config.proxies)]),
    ruleProviders: some(wanted?.ruleProviders ?? []),
    proxyProviders: some(named(wanted?.nodes ?? [])),
    subRules: some(Object.keys(config.subRules)),
  };
}

/** A file of the person's own: behind a link the file itself, with the permissions that it has. */
function replaceOwn(path: string, text: string): void {
  const real = realpathSync(path);
  const { mode } = statSync(real);
  replaceFile(real, text);
  chmodSync(real, mode & 0o7777);
}
