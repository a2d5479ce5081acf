/** The files of each profile beside the list: the last version from its address, and the last one that was in force. 0600. */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
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

  hasLastGood(id: string): boolean {
    return existsSync(this.#lastGoodOf(id));
  }

  /** The last version that was in force, and since when (Unix milliseconds). */
  readLastGood(id: string): { readonly text: string; readonly at: number } | undefined {
    const path = this.#lastGoodOf(id);
    const text = readText(path);
    return text === undefined ? undefined : { text, at: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 };
  }

  /** Where it cannot be kept, an earlier one stays or there is none: nothing but the fallback depends on it. */
  writeLastGood(id: string, text: string): void {
    try {
      if (readText(this.#lastGoodOf(id)) !== text) replaceFileIn(this.#directory, `${id}.yaml`, text);
    } catch {
      // no room, or read-only
    }
  }

  remove(id: string): void {
    rmSync(this.#lastGoodOf(id), { force: true });
    rmSync(this.sourceOf(id), { force: true });
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
