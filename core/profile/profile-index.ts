/** The list of profiles on disk, `profiles.json` in the user's own directory: which there are and which one is in use. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError, errnoOf } from '../base/app-error.ts';
import { replaceFileIn } from '../base/replace-file.ts';
import { maxAddress } from '../contract/profile-import.ts';
import { keptSubscriptionSchema } from './subscription.ts';

export const maxProfiles = 100;
export const indexName = 'profiles.json';

/** Milliseconds between two attempts, and after which a lock is nobody's. */
const lockPauseMs = 5;
const staleMs = 3000;
const lockAttempts = 400;

/** What a profile comes from. The whole address is nowhere but here, in a file of the user's alone. */
const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file'), path: z.string() }),
  z.strictObject({ kind: z.literal('url'), url: z.string().max(maxAddress), path: z.string() }),
  z.strictObject({ kind: z.literal('text'), path: z.string() }),
]);

/** Loose, so that what a later version adds to an entry does no harm here. */
const indexSchema = z.object({
  version: z.literal(1),
  active: z.string().nullable(),
  /** Counts choices, so that who chooses what is chosen already is heard, too. */
  choices: z.number().int().optional(),
  /** Counts changes of texts, so that others hear of them. */
  edits: z.number().int().optional(),
  profiles: z
    .array(
      z.object({
        id: z.string().regex(/^[0-9a-f]{8}$/), // part of a path
        name: z.string().min(1).max(100),
        source: sourceSchema,
        subscription: keptSubscriptionSchema.optional(),
      }),
    )
    .max(maxProfiles),
});
export type ProfileIndexData = z.infer<typeof indexSchema>;
export type IndexedProfile = ProfileIndexData['profiles'][number];

export class ProfileIndex {
  readonly #directory: string;
  readonly #path: string;
  /** As it was read or written last, to tell another process' changes from ours. */
  #known: ProfileIndexData | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, indexName);
  }

  /** What stands there now, another process' changes too; without a file the empty list. Throws PROFILE_STORE. */
  read(): ProfileIndexData {
    this.#known = this.#onDisk();
    return this.#known;
  }

  /** What another process has changed since it was read or written here: nothing, a choice, or something else. Never throws. */
  foreignChange(): 'none' | 'choice' | 'other' {
    const before = this.#known;
    try {
      const now = this.read();
      if (JSON.stringify(now) === JSON.stringify(before)) return 'none';
      return before !== undefined && choiceIn(before) !== choiceIn(now) ? 'choice' : 'other';
    } catch {
      return 'none'; // it is told when it is read for somebody
    }
  }

  #onDisk(): ProfileIndexData {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (caught) {
      if (errnoOf(caught) === 'ENOENT') return { version: 1, active: null, profiles: [] };
      throw AppError.from(caught, 'PROFILE_STORE', `${this.#path} cannot be read`);
    }
    try {
      return indexSchema.parse(JSON.parse(text));
    } catch (caught) {
      const expected = 'repair the file, or move it away; the profiles themselves are not touched';
      throw new AppError('PROFILE_STORE', `${this.#path} is not understood`, { cause: caught, expected });
    }
  }

  /**
   * Reads the list, has it changed, and writes it, one process at a time: what another one changes meanwhile is not lost. Throws
   * PROFILE_STORE, and what `change` throws; nothing is written then.
   */
  change(change: (data: ProfileIndexData) => ProfileIndexData): ProfileIndexData {
    const release = this.#lock();
    try {
      const data = change(this.#onDisk());
      this.write(data);
      this.#known = data;
      return data;
    } finally {
      release();
    }
  }

  /** The same, and nothing is written. */
  hold(task: (data: ProfileIndexData) => void): void {
    const release = this.#lock();
    try {
      task(this.#onDisk());
    } finally {
      release();
    }
  }

  #lock(): () => void {
    const path = `${this.#path}.lock`;
    for (let attempt = 0; ; attempt++) {
      try {
        mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
        closeSync(openSync(path, 'wx', 0o600));
        return () => rmSync(path, { force: true });
      } catch (caught) {
        if (errnoOf(caught) !== 'EEXIST')
          throw AppError.from(caught, 'PROFILE_STORE', `${this.#path} cannot be written`);
        // Whoever holds it does so for milliseconds, unless it has died.
        const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
        if (age > staleMs || age < -staleMs || attempt >= lockAttempts) rmSync(path, { force: true });
        else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lockPauseMs);
      }
    }
  }

  /** Replaces the list. Throws PROFILE_STORE. */
  write(data: ProfileIndexData): void {
    try {
      replaceFileIn(this.#directory, indexName, `${JSON.stringify(data, undefined, 2)}\n`);
    } catch (caught) {
      throw AppError.from(caught, 'PROFILE_STORE', `${this.#path} cannot be written`);
    }
  }
}

/** Which profile was chosen, and how often one was. */
function choiceIn({ active, choices }: ProfileIndexData): string {
  return JSON.stringify([active, choices ?? 0]);
}
