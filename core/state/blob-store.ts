/**
 * What is in the sets of each user's configuration, by its sha256: files of root's, 0600, that survive a restart. Never read by
 * name of a path that a client gives. A file that was not written whole (power cut) has another sha256, and counts as not there.
 */
import { createHash, type Hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../base/app-error.ts';
import type { Steps } from '../base/steps.ts';
import { maxBlobBytes } from '../contract/sets.ts';

/** Bytes of one user, and of all. */
const maxUserBytes = 96 * 1024 * 1024;
const maxTotalBytes = 256 * 1024 * 1024;
/** Bytes that are hashed between two steps. */
const stepBytes = 64 * 1024;

const shaName = /^[0-9a-f]{64}$/;

export interface BlobPart {
  readonly sha256: string;
  readonly size: number;
  readonly offset: number;
  readonly data: Uint8Array;
}

interface UnderWay {
  readonly sha256: string;
  readonly bytes: Buffer;
  readonly hash: Hash;
  received: number;
}

export class BlobStore {
  readonly #directory: string;
  /** At most one of each user. */
  readonly #underWay = new Map<number, UnderWay>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  has(uid: number, sha256: string): boolean {
    return existsSync(this.#path(uid, sha256));
  }

  /**
   * Takes a part; resolves with whether the blob is whole and on its way to the disk. Rejects with RPC_BAD_PARAMS for a part that does
   * not go on where the last one ended and for bytes that have another sha256, with RPC_TOO_LARGE where there is no room.
   */
  async put(uid: number, part: BlobPart): Promise<boolean> {
    const blob = this.#underWayOf(uid, part);
    if (part.offset !== blob.received || part.size !== blob.bytes.length)
      throw new AppError(
        'RPC_BAD_PARAMS',
        `the part at ${part.offset} does not go on where ${blob.received} bytes ended`,
      );
    if (blob.received + part.data.length > blob.bytes.length)
      throw new AppError('RPC_BAD_PARAMS', 'more bytes than were announced');
    blob.bytes.set(part.data, blob.received);
    blob.hash.update(part.data);
    blob.received += part.data.length;
    if (blob.received < blob.bytes.length) return false;
    this.#underWay.delete(uid);
    if (blob.hash.digest('hex') !== blob.sha256) throw new AppError('RPC_BAD_PARAMS', 'the bytes have another sha256');
    await this.#write(uid, blob);
    return true;
  }

  /** The bytes as they are on the disk, unchecked; undefined when they are not there. */
  async read(uid: number, sha256: string): Promise<Buffer | undefined> {
    const path = this.#path(uid, sha256);
    try {
      if (statSync(path).size > maxBlobBytes) return undefined;
      return await readFile(path);
    } catch {
      return undefined;
    }
  }

  /** Removes what a user's configuration does not name; what cannot be removed is tried again at the next. */
  keep(uid: number, named: ReadonlySet<string>): void {
    for (const name of filesIn(this.#directoryOf(uid))) if (!named.has(name)) this.forget(uid, name);
  }

  forget(uid: number, name: string): void {
    try {
      rmSync(join(this.#directoryOf(uid), name), { force: true });
    } catch {
      // a disk that is read-only now
    }
  }

  #underWayOf(uid: number, { sha256, size, offset }: BlobPart): UnderWay {
    const known = this.#underWay.get(uid);
    if (known?.sha256 === sha256 && (offset > 0 || known.received === 0)) return known;
    if (offset !== 0) throw new AppError('RPC_BAD_PARAMS', 'its first part is missing');
    this.#assertRoom(uid, size);
    const blob = { sha256, bytes: Buffer.alloc(size), hash: createHash('sha256'), received: 0 };
    this.#underWay.set(uid, blob);
    return blob;
  }

  #assertRoom(uid: number, size: number): void {
    if (size > maxBlobBytes) throw new AppError('RPC_TOO_LARGE', `a set of ${size} bytes`);
    const own = bytesIn(this.#directoryOf(uid));
    const all = filesIn(this.#directory).reduce((sum, name) => sum + bytesIn(join(this.#directory, name)), 0);
    if (own + size <= maxUserBytes && all + size <= maxTotalBytes) return;
    throw new AppError('RPC_TOO_LARGE', `the sets of user ${uid} have ${own} bytes already`, {
      expected: 'a profile with fewer or smaller rule sets',
    });
  }

  async #write(uid: number, { sha256, bytes }: UnderWay): Promise<void> {
    const path = this.#path(uid, sha256);
    const draft = `${path}.new`;
    mkdirSync(this.#directoryOf(uid), { recursive: true, mode: 0o700 });
    try {
      // Without fsync: it would hold up whoever waits for the disk, and what is lost is noticed by its sha256.
      await writeFile(draft, bytes, { mode: 0o600 });
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true }).catch(() => undefined);
      throw AppError.from(error, 'INTERNAL', 'a set could not be written');
    }
  }

  #directoryOf(uid: number): string {
    return join(this.#directory, String(uid));
  }

  #path(uid: number, sha256: string): string {
    if (!shaName.test(sha256)) throw new RangeError('not a sha256'); // part of a path
    return join(this.#directoryOf(uid), sha256);
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

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function bytesIn(directory: string): number {
  return filesIn(directory).reduce(
    (sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
