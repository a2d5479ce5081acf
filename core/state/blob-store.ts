/**
 * What is in the sets of each user's configuration, by its sha256: files of root's, 0600, that survive a restart. Never read by
 * name of a path that a client gives. A file that was not written whole (power cut) has another sha256, and counts as not there.
 *
 * One that no configuration names yet is loose: it has ten minutes to be named, and goes first where there is no room.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import type { Steps } from '../base/steps.ts';
import { maxBlobBytes, maxConfigSetBytes } from '../contract/sets.ts';
import { type BlobPart, BlobUploads } from './blob-uploads.ts';

export type { BlobPart } from './blob-uploads.ts';

export interface BlobLimits {
  /** Bytes of one; of all that a configuration names, and of what is loose of a user; of all users. */
  readonly blob: number;
  readonly config: number;
  readonly total: number;
  /** Bytes of those of which not all has come. */
  readonly uploads: number;
}

const usualLimits: BlobLimits = {
  blob: maxBlobBytes,
  config: maxConfigSetBytes,
  total: 384 * 1024 * 1024,
  uploads: 64 * 1024 * 1024,
};
/** Milliseconds that a loose one stays. */
const looseMs = 10 * 60_000;
/** Bytes that are hashed between two steps. */
const stepBytes = 64 * 1024;

const shaName = /^[0-9a-f]{64}$/;
const looseFolder = 'loose';

interface Blob {
  readonly size: number;
  /** When it came, monotonic; undefined for one that a configuration names. */
  readonly looseSince: number | undefined;
  /** While it is being written. */
  readonly written?: Promise<void>;
}

export interface BlobStoreOptions {
  readonly directory: string;
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly limits?: BlobLimits;
}

export class BlobStore {
  readonly #directory: string;
  readonly #clock: BlobStoreOptions['clock'];
  readonly #limits: BlobLimits;
  readonly #uploads: BlobUploads;
  /** By user, then by sha256, the oldest first. */
  readonly #blobs = new Map<number, Map<string, Blob>>();
  /** What each user's next configuration names. */
  readonly #wanted = new Map<number, ReadonlySet<string>>();
  /** Whose configuration is in force: nobody takes its place. */
  #inForce: number | undefined;
  #isSweeping = false;

  /** Loose ones of a helper before this one are nobody's. */
  constructor({ directory, clock, limits = usualLimits }: BlobStoreOptions) {
    this.#limits = limits;
    this.#directory = directory;
    this.#clock = clock;
    this.#uploads = new BlobUploads(clock, limits.uploads);
    for (const name of filesIn(directory)) {
      const uid = Number(name);
      if (!Number.isSafeInteger(uid)) continue;
      removeAll(join(directory, name, looseFolder));
      for (const sha256 of filesIn(join(directory, name))) {
        const status = statSync(join(directory, name, sha256), { throwIfNoEntry: false });
        if (status?.isFile() !== true) continue;
        if (shaName.test(sha256)) this.#blobsOf(uid).set(sha256, { size: status.size, looseSince: undefined });
        else removeAll(join(directory, name, sha256));
      }
    }
  }

  has(uid: number, sha256: string): boolean {
    return existsSync(this.#pathOf(uid, sha256));
  }

  /** Those of the wanted ones that are not there; the others stay, for the configuration that is about to name them. */
  want(uid: number, wanted: ReadonlySet<string>): string[] {
    this.#wanted.set(uid, wanted);
    const own = this.#blobsOf(uid);
    let bytes = 0;
    for (const sha256 of wanted) bytes += own.get(sha256)?.size ?? 0;
    if (bytes > this.#limits.config) throw tooMuch(bytes);
    return [...wanted].filter((sha256) => !this.has(uid, sha256));
  }

  /**
   * Takes a part; resolves with whether the blob is whole and on the disk. A part that has come already counts as taken, so that two
   * apps of a user's may hand over the same. Rejects with RPC_BAD_PARAMS for a part that does not go on where the last one ended and for
   * bytes that have another sha256, with RPC_TOO_LARGE where there is no room.
   */
  async put(uid: number, part: BlobPart): Promise<boolean> {
    this.#pathOf(uid, part.sha256);
    if (part.size > this.#limits.blob) throw new AppError('RPC_TOO_LARGE', `a set of ${part.size} bytes`);
    let known = this.#blobsOf(uid).get(part.sha256);
    if (known?.written !== undefined) {
      await known.written;
      known = this.#blobsOf(uid).get(part.sha256);
    }
    if (known?.size === part.size && this.has(uid, part.sha256)) return true;
    if (!this.#uploads.has(uid, part.sha256)) this.#makeRoom(uid, part.sha256, part.size);
    const bytes = this.#uploads.take(uid, part);
    this.#sweepSoon();
    if (bytes === undefined) return false;
    this.#makeRoom(uid, part.sha256, part.size);
    await this.#write(uid, part.sha256, bytes);
    return true;
  }

  /** The bytes as they are on the disk, unchecked; undefined when they are not there. */
  async read(uid: number, sha256: string): Promise<Buffer | undefined> {
    const path = this.#pathOf(uid, sha256);
    try {
      if (statSync(path).size > this.#limits.blob) return undefined;
      return await readFile(path);
    } catch {
      return undefined;
    }
  }

  /**
   * A user's configuration names these: they stay, and what the one before named goes; what cannot be removed is tried again at the
   * next. `inForce`: nobody who needs room takes theirs.
   */
  keep(uid: number, named: ReadonlySet<string>, inForce: boolean): void {
    if (inForce) this.#inForce = uid;
    const own = this.#blobsOf(uid);
    for (const [sha256, { size, looseSince }] of own) {
      if (!named.has(sha256)) {
        if (looseSince === undefined) this.forget(uid, sha256);
      } else if (looseSince !== undefined) {
        try {
          renameSync(this.#pathOf(uid, sha256), join(this.#directoryOf(uid), sha256));
          own.set(sha256, { size, looseSince: undefined });
        } catch {
          // a disk that is read-only now: it is handed over again after a restart
        }
      }
    }
  }

  forget(uid: number, sha256: string): void {
    try {
      rmSync(this.#pathOf(uid, sha256), { force: true });
      this.#blobsOf(uid).delete(sha256);
    } catch {
      // a disk that is read-only now
    }
  }

  /** Throws RPC_TOO_LARGE. What goes first: what is loose for too long, what is not wanted, then that of who has most. */
  #makeRoom(uid: number, sha256: string, size: number): void {
    this.#sweep();
    const wanted = this.#wanted.get(uid);
    const loose = (): number => sizeOf(this.#looseOf(uid));
    for (const [name] of this.#looseOf(uid)) {
      if (loose() + size <= this.#limits.config) break;
      if (wanted?.has(name) !== true) this.forget(uid, name);
    }
    if (loose() + size > this.#limits.config) throw tooMuch(loose() + size);
    while (this.#total() + size > this.#limits.total) {
      const victim = this.#victim(uid, size);
      if (victim === undefined)
        throw new AppError(
          'RPC_TOO_LARGE',
          `there is no room for the rule set ${sha256.slice(0, 8)}: users of this machine have it all`,
        );
      this.forget(...victim);
      // One that cannot be removed would be chosen again and again.
      if (this.#blobs.get(victim[0])?.has(victim[1]) === true)
        throw new AppError('INTERNAL', 'a set cannot be removed');
    }
  }

  /** The oldest of whoever has most, and more than this user would have; loose ones first. */
  #victim(uid: number, size: number): [uid: number, sha256: string] | undefined {
    let most = sizeOf(this.#blobsOf(uid)) + size;
    let victim: [number, string] | undefined;
    for (const [other, blobs] of this.#blobs) {
      const bytes = sizeOf(blobs);
      if (other === uid || bytes <= most) continue;
      const [loose] = this.#looseOf(other);
      const [named] = other === this.#inForce ? [] : blobs;
      const [oldest] = loose ?? named ?? [];
      if (oldest === undefined) continue;
      most = bytes;
      victim = [other, oldest];
    }
    return victim;
  }

  #looseOf(uid: number): [string, Blob][] {
    return [...this.#blobsOf(uid)].filter(([, { looseSince }]) => looseSince !== undefined);
  }

  #total(): number {
    let sum = 0;
    for (const blobs of this.#blobs.values()) sum += sizeOf(blobs);
    return sum;
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const [uid, blobs] of this.#blobs) {
      for (const [sha256, { looseSince }] of blobs)
        if (looseSince !== undefined && now - looseSince >= looseMs) this.forget(uid, sha256);
      if (blobs.size === 0) this.#blobs.delete(uid);
    }
    this.#uploads.sweep();
  }

  /** As long as anything may become too old, and no longer: then it is nobody's. */
  #sweepSoon(): void {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    this.#clock.after(looseMs, () => {
      this.#isSweeping = false;
      this.#sweep();
      const isOpen = [...this.#blobs.keys()].some((uid) => this.#looseOf(uid).length > 0);
      if (isOpen || !this.#uploads.isEmpty) this.#sweepSoon();
    });
  }

  async #write(uid: number, sha256: string, bytes: Buffer): Promise<void> {
    const done = deferred<void>();
    // Before it is there: two that are written at once take their room both.
    const blob = { size: bytes.length, looseSince: this.#clock.monotonic() };
    this.#blobsOf(uid).set(sha256, { ...blob, written: done.promise });
    try {
      await this.#writeFile(uid, sha256, bytes);
      if (this.#blobs.get(uid)?.has(sha256) === true) this.#blobsOf(uid).set(sha256, blob);
    } catch (error) {
      this.#blobsOf(uid).delete(sha256);
      throw AppError.from(error, 'INTERNAL', 'a set could not be written');
    } finally {
      done.resolve();
    }
  }

  async #writeFile(uid: number, sha256: string, bytes: Buffer): Promise<void> {
    const folder = join(this.#directoryOf(uid), looseFolder);
    const path = join(folder, sha256);
    const draft = `${path}.new`;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    try {
      // Without fsync: it would hold up whoever waits for the disk, and what is lost is noticed by its sha256.
      await writeFile(draft, bytes, { mode: 0o600 });
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  #blobsOf(uid: number): Map<string, Blob> {
    const blobs = this.#blobs.get(uid) ?? new Map<string, Blob>();
    this.#blobs.set(uid, blobs);
    return blobs;
  }

  #directoryOf(uid: number): string {
    return join(this.#directory, String(uid));
  }

  #pathOf(uid: number, sha256: string): string {
    if (!shaName.test(sha256)) throw new RangeError('not a sha256'); // part of a path
    const isLoose = this.#blobs.get(uid)?.get(sha256)?.looseSince !== undefined;
    return join(this.#directoryOf(uid), ...(isLoose ? [looseFolder] : []), sha256);
  }
}

/** Whether these are the bytes with this sha256, in steps. */
export function* hasSha256(bytes: Uint8Array, sha256: string): Steps<boolean> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += stepBytes) {
    hash.update(bytes.subarray(at, at + stepBytes));
    yield;
  }
  return hash.digest('hex') === sha256;
}

function tooMuch(bytes: number): AppError {
  const mib = (count: number): number => Math.ceil(count / 1024 / 1024);
  return new AppError(
    'RPC_TOO_LARGE',
    `the rule sets of this profile have ${mib(bytes)} MiB, of which ${mib(maxConfigSetBytes)} can be used`,
    { expected: 'a profile with fewer or smaller rule sets' },
  );
}

function sizeOf(blobs: Iterable<readonly [string, Blob]>): number {
  let sum = 0;
  for (const [, { size }] of blobs) sum += size;
  return sum;
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function removeAll(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // a disk that is read-only now
  }
}
