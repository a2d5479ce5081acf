/**
 * The files of each profile beside the list: the last version from its address, the person's override, and what
 * was in force last. 0600.
 */
import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFileIn } from '../base/replace-file.ts';

export class ProfileFiles {
  readonly #directory: string;

  /** `directory` is the user's own. */
  constructor(directory: string) {
    this.#directory = join(directory, 'profiles');
  }

  /** Where the last version from its address is. */
  sourceOf(id: string): string {
    return join(this.#directory, `${id}.source.yaml`);
  }

  /** Undefined: there is none that can be read. */
  readSource(id: string): string | undefined {
    return readText(this.sourceOf(id));
  }

  /** Throws what the file system says; an earlier version stays then. */
  writeSource(id: string, text: string): void {
    replaceFileIn(this.#directory, `${id}.source.yaml`, text);
  }

  /** Where the person's own patch of it is. */
  overrideOf(id: string): string {
    return join(this.#directory, `${id}.override.yaml`);
  }

  /** Undefined: there is none that can be read, or it is turned off. */
  readOverride(id: string): string | undefined {
    return readText(this.overrideOf(id));
  }

  /** The same of one that is turned off, too. */
  readAnyOverride(id: string): string | undefined {
    return this.readOverride(id) ?? readText(this.#idleOverrideOf(id));
  }

  /** Undefined: there is none. */
  overrideState(id: string): 'on' | 'off' | undefined {
    if (existsSync(this.overrideOf(id))) return 'on';
    return existsSync(this.#idleOverrideOf(id)) ? 'off' : undefined;
  }

  /** An empty one is none; one that is turned off stays so. Throws what the file system says; an earlier one stays then. */
  writeOverride(id: string, text: string): void {
    const isOff = this.overrideState(id) === 'off';
    if (text.trim() === '') this.#removeOverride(id);
    else replaceFileIn(this.#directory, `${id}.${isOff ? 'override-off' : 'override'}.yaml`, text);
  }

  /** Throws what the file system says. */
  switchOverride(id: string, on: boolean): void {
    const [from, to] = on
      ? [this.#idleOverrideOf(id), this.overrideOf(id)]
      : [this.overrideOf(id), this.#idleOverrideOf(id)];
    if (existsSync(from)) renameSync(from, to);
  }

  #removeOverride(id: string): void {
    for (const path of [this.overrideOf(id), this.#idleOverrideOf(id)]) rmSync(path, { force: true });
  }

  hasLastGood(id: string): boolean {
    return existsSync(this.#lastGoodOf(id));
  }

  /** The last version that was in force, with the override that it had, and since when (Unix milliseconds). */
  readLastGood(id: string): { readonly text: string; readonly override?: string; readonly at: number } | undefined {
    const path = this.#lastGoodOf(id);
    const text = readText(path);
    if (text === undefined) return undefined;
    const override = readText(this.#goodOverrideOf(id));
    const at = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return { text, at, ...(override === undefined ? {} : { override }) };
  }

  /** Where it cannot be kept, an earlier one stays or there is none: nothing but the fallback depends on it. */
  writeLastGood(id: string, text: string, override: string | undefined): void {
    try {
      if (override === undefined) rmSync(this.#goodOverrideOf(id), { force: true });
      else if (readText(this.#goodOverrideOf(id)) !== override)
        replaceFileIn(this.#directory, `${id}.good-override.yaml`, override);
      if (readText(this.#lastGoodOf(id)) !== text) replaceFileIn(this.#directory, `${id}.yaml`, text);
    } catch {
      // no room, or read-only
    }
  }

  remove(id: string): void {
    rmSync(this.#lastGoodOf(id), { force: true });
    for (const path of [this.sourceOf(id), this.#goodOverrideOf(id)]) rmSync(path, { force: true });
    this.#removeOverride(id);
  }

  #idleOverrideOf(id: string): string {
    return join(this.#directory, `${id}.override-off.yaml`);
  }

  #goodOverrideOf(id: string): string {
    return join(this.#directory, `${id}.good-override.yaml`);
  }

  #lastGoodOf(id: string): string {
    return join(this.#directory, `${id}.yaml`);
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
