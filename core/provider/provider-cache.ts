/**
 * Copies of what was downloaded, and the sets made of them, in a directory of the user's own (0700, files 0600). Every name in it is a
 * hash: nothing that a profile says chooses where something is written.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFileIn } from '../base/replace-file.ts';
import { setBehaviors, sha256Schema } from '../contract/sets.ts';
import type { DownloadHeaders } from './download/download.ts';
import type { CanonicalSet } from './formats/set-writer.ts';

/** Bytes of all copies and sets; beyond, those that were not used for longest go. */
const maxTotalBytes = 512 * 1024 * 1024;
/** What nobody has used for so long goes: 60 days of milliseconds. */
const maxIdle = 60 * 86_400_000;

const copySchema = z.object({
  sha256: sha256Schema,
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  /** Unix milliseconds: when these bytes came, and when it was last known that there are no others. */
  fetchedAt: z.number(),
  checkedAt: z.number(),
});
export type Copy = z.infer<typeof copySchema>;

const madeSetSchema = z.object({
  behavior: z.enum(setBehaviors),
  blob: sha256Schema,
  entries: z.number().int(),
  leftOut: z.number().int(),
  example: z.string().optional(),
  others: z.number().int(),
  needs: z.array(z.string()),
});
/** A set that was made of a copy. */
export type MadeSet = z.infer<typeof madeSetSchema>;

export class ProviderCache {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What is known of the copy of an address; undefined when there is none that can be read. */
  copyOf(url: string): Copy | undefined {
    return this.#readJson('copies', `${hashOf(url)}.json`, copySchema);
  }

  /** Undefined also when what is there is not what is known of it: a crash may have come between the two. */
  bytesOf(url: string): Buffer | undefined {
    const bytes = this.#readBytes('copies', hashOf(url));
    return bytes !== undefined && hashOf(bytes) === this.copyOf(url)?.sha256 ? bytes : undefined;
  }

  /** Throws what the file system says; an earlier copy stays then. */
  keepCopy(url: string, bytes: Buffer, headers: DownloadHeaders, now: number): Copy {
    const { etag, lastModified } = headers;
    const copy: Copy = {
      sha256: hashOf(bytes),
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { lastModified }),
      fetchedAt: now,
      checkedAt: now,
    };
    replaceFileIn(join(this.#directory, 'copies'), hashOf(url), bytes);
    this.#writeJson('copies', `${hashOf(url)}.json`, copy);
    return copy;
  }

  /** Notes that there is nothing newer. */
  noteChecked(url: string, now: number): void {
    const copy = this.copyOf(url);
    if (copy !== undefined) this.#writeJson('copies', `${hashOf(url)}.json`, { ...copy, checkedAt: now });
  }

  /** The set that was made of something before, if it is whole. `key` says of what and how. */
  madeSet(key: string): MadeSet | undefined {
    const made = this.#readJson('sets', `${hashOf(key)}.json`, madeSetSchema);
    return made !== undefined && this.#touch('blobs', made.blob) ? made : undefined;
  }

  /** Throws what the file system says. */
  keepSet(key: string, { bytes, behavior, entries, leftOut, example, others, needs }: CanonicalSet): MadeSet {
    const blob = hashOf(bytes);
    const made: MadeSet = {
      behavior,
      blob,
      entries,
      leftOut,
      ...(example === undefined ? {} : { example }),
      others,
      needs: [...needs],
    };
    replaceFileIn(join(this.#directory, 'blobs'), blob, bytes);
    this.#writeJson('sets', `${hashOf(key)}.json`, made);
    return made;
  }

  blob(sha256: string): Buffer | undefined {
    return sha256Schema.safeParse(sha256).success ? this.#readBytes('blobs', sha256) : undefined;
  }

  /** Removes what was not used for long, and the longest unused where there is too much. Never throws. */
  prune(now: number): void {
    const files = ['copies', 'sets', 'blobs'].flatMap((folder) => this.#files(folder));
    let total = files.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size, usedAt } of files.toSorted((a, b) => a.usedAt - b.usedAt)) {
      if (total <= maxTotalBytes && now - usedAt <= maxIdle) break;
      rmSync(path, { force: true });
      total -= size;
    }
  }

  #files(folder: string): { path: string; size: number; usedAt: number }[] {
    const directory = join(this.#directory, folder);
    try {
      return readdirSync(directory).flatMap((name) => {
        const path = join(directory, name);
        const status = statSync(path, { throwIfNoEntry: false });
        return status?.isFile() === true ? [{ path, size: status.size, usedAt: status.mtimeMs }] : [];
      });
    } catch {
      return [];
    }
  }

  #readBytes(folder: string, name: string): Buffer | undefined {
    try {
      return readFileSync(join(this.#directory, folder, name));
    } catch {
      return undefined;
    }
  }

  #readJson<T>(folder: string, name: string, schema: z.ZodType<T>): T | undefined {
    const bytes = this.#readBytes(folder, name);
    if (bytes === undefined) return undefined;
    try {
      const value = schema.parse(JSON.parse(bytes.toString('utf8')));
      this.#touch(folder, name);
      return value;
    } catch {
      return undefined;
    }
  }

  #writeJson(folder: string, name: string, value: object): void {
    replaceFileIn(join(this.#directory, folder), name, JSON.stringify(value));
  }

  /** Notes its use; false when it is not there. */
  #touch(folder: string, name: string): boolean {
    const now = new Date();
    try {
      utimesSync(join(this.#directory, folder, name), now, now);
      return true;
    } catch {
      return false;
    }
  }
}

export function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
