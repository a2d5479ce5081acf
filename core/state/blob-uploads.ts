/** Blobs of which not all parts have come: in memory, a few of each user at a time, forgotten when nothing more comes. */
import { createHash, type Hash } from 'node:crypto';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';

/** Uploads of one user: as many apps may hand over something at a time. */
const maxOfUser = 3;
/** Milliseconds without a part. */
const idleMs = 60_000;
/**
 * What has come is copied into blocks of so many bytes. A part may bring a single byte behind many that came before: if it were kept
 * as it is, its whole buffer would be held.
 */
const blockBytes = 16 * 1024;

export interface BlobPart {
  readonly sha256: string;
  readonly size: number;
  readonly offset: number;
  readonly data: Uint8Array;
}

interface Upload {
  readonly sha256: string;
  readonly size: number;
  readonly blocks: Buffer[];
  readonly hash: Hash;
  received: number;
  /** Bytes of its blocks. */
  held: number;
  movedAt: number;
}

export class BlobUploads {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** By user, then by sha256; the longest idle first. */
  readonly #uploads = new Map<number, Map<string, Upload>>();
  readonly #maxBytes: number;
  #bytes = 0;

  /** `maxBytes` of all uploads: beyond, the longest idle one of whoever has most is forgotten. */
  constructor(clock: Pick<Clock, 'monotonic'>, maxBytes: number) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#uploads.size === 0;
  }

  has(uid: number, sha256: string): boolean {
    return this.#uploads.get(uid)?.has(sha256) === true;
  }

  /** The whole once all of it has come. What has come already is taken for what it was. Throws RPC_BAD_PARAMS. */
  take(uid: number, { sha256, size, offset, data }: BlobPart): Buffer | undefined {
    const upload = this.#uploadOf(uid, sha256, size, offset);
    if (size !== upload.size || offset > upload.received)
      throw new AppError('RPC_BAD_PARAMS', `the part at ${offset} does not go on where ${upload.received} bytes ended`);
    if (offset + data.length > size) throw new AppError('RPC_BAD_PARAMS', 'more bytes than were announced');
    const fresh = data.subarray(upload.received - offset);
    upload.hash.update(fresh);
    this.#keep(upload, fresh);
    if (upload.received === size) {
      this.#forget(uid, upload);
      if (upload.hash.digest('hex') !== sha256) throw new AppError('RPC_BAD_PARAMS', 'the bytes have another sha256');
      return Buffer.concat(upload.blocks, size);
    }
    while (this.#bytes > this.#maxBytes) this.#forgetOne();
    return undefined;
  }

  #keep(upload: Upload, bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const at = upload.received % blockBytes;
      if (at === 0) {
        const block = Buffer.allocUnsafeSlow(Math.min(blockBytes, upload.size - upload.received));
        upload.blocks.push(block);
        upload.held += block.length;
        this.#bytes += block.length;
      }
      const piece = bytes.subarray(from, from + blockBytes - at);
      upload.blocks.at(-1)?.set(piece, at);
      upload.received += piece.length;
      from += piece.length;
    }
  }

  /** Forgets those to which nothing has come for long. */
  sweep(): void {
    const now = this.#clock.monotonic();
    for (const [uid, uploads] of this.#uploads)
      for (const upload of uploads.values()) if (now - upload.movedAt >= idleMs) this.#forget(uid, upload);
  }

  #uploadOf(uid: number, sha256: string, size: number, offset: number): Upload {
    const own = this.#uploads.get(uid) ?? new Map<string, Upload>();
    const known = own.get(sha256);
    if (known === undefined && offset !== 0) throw new AppError('RPC_BAD_PARAMS', 'its first part is missing');
    const upload = known ?? { sha256, size, blocks: [], hash: createHash('sha256'), received: 0, held: 0, movedAt: 0 };
    upload.movedAt = this.#clock.monotonic();
    this.#uploads.set(uid, own);
    own.delete(sha256);
    own.set(sha256, upload);
    const [longest] = own.values();
    if (own.size > maxOfUser && longest !== undefined) this.#forget(uid, longest);
    return upload;
  }

  #forgetOne(): void {
    const bytesOf = (uploads: Map<string, Upload>) => [...uploads.values()].reduce((sum, { held }) => sum + held, 0);
    const [most] = [...this.#uploads].toSorted(([, a], [, b]) => bytesOf(b) - bytesOf(a));
    const [longest] = most?.[1].values() ?? [];
    if (most !== undefined && longest !== undefined) this.#forget(most[0], longest);
  }

  #forget(uid: number, upload: Upload): void {
    const own = this.#uploads.get(uid);
    if (own?.get(upload.sha256) !== upload) return;
    own.delete(upload.sha256);
    if (own.size === 0) this.#uploads.delete(uid);
    this.#bytes -= upload.held;
  }
}
