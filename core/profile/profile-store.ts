/** The file that holds the user's profile: read whole and within limits. Writes nothing, watches nothing. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, errnoOf } from '../base/app-error.ts';
import { type Config, defaultConfig } from '../contract/config.ts';
import type { ConfigProblem, ErrorCode } from '../contract/error.ts';
import { problemOf } from './problem-list.ts';
import { loadProfile, maxProfileBytes } from './profile-loader.ts';

export interface StoredProfile {
  readonly path: string;
  readonly text: string;
}

export interface LoadedProfile {
  /** The file that was read; null when there is none and the built-in default holds. */
  readonly path: string | null;
  /** As it was read; empty for the built-in default and when the file could not be read. */
  readonly text: string;
  /** Absent when an error among `problems` forbids its use. */
  readonly config?: Config;
  /** The code to report with; present when `config` is absent. */
  readonly failure?: ErrorCode;
  readonly problems: ConfigProblem[];
}

export interface ProfileStoreOptions {
  /** The user's own directory, `userConfigDir()`. */
  readonly directory: string;
  /** A file that the person named; it must exist. Absent = `profile.yaml` in the directory, which may be missing. */
  readonly path?: string;
}

export class ProfileStore {
  readonly path: string;
  readonly #required: boolean;

  constructor(options: ProfileStoreOptions) {
    this.path = options.path ?? join(options.directory, 'profile.yaml');
    this.#required = options.path !== undefined;
  }

  /**
   * The text of the profile; undefined when there is none yet. Rejects with CONFIG_INVALID (missing although named, not
   * readable), CONFIG_TOO_LARGE, CONFIG_SYNTAX (not UTF-8).
   */
  async read(): Promise<StoredProfile | undefined> {
    const bytes = await this.#readBytes();
    if (bytes === undefined) return undefined;
    try {
      return { path: this.path, text: decodeText(bytes) };
    } catch (cause) {
      throw new AppError('CONFIG_SYNTAX', `${this.path} is not UTF-8 text`, {
        cause,
        expected: 'a YAML file in UTF-8',
      });
    }
  }

  /** Reads and understands the profile, anew each time. Never rejects: a file that cannot be read is a problem in the answer. */
  async load(): Promise<LoadedProfile> {
    let stored: StoredProfile | undefined;
    try {
      stored = await this.read();
    } catch (caught) {
      const { code, message, expected } = AppError.from(caught);
      const hint = expected === undefined ? undefined : { write: expected };
      const problem = problemOf('error', '', 'FILE_UNREADABLE', { reason: message }, hint);
      return { path: this.path, text: '', failure: code, problems: [problem] };
    }
    if (stored === undefined) return { path: null, text: '', config: defaultConfig, problems: [] };
    return { ...stored, ...loadProfile(stored.text) };
  }

  async #readBytes(): Promise<Buffer | undefined> {
    let file: FileHandle;
    try {
      file = await open(this.path, 'r');
    } catch (caught) {
      if (errnoOf(caught) !== 'ENOENT') throw AppError.from(caught, 'CONFIG_INVALID', `${this.path} cannot be read`);
      if (!this.#required) return undefined;
      throw new AppError('CONFIG_INVALID', `there is no file ${this.path}`, { cause: caught });
    }
    try {
      return await readBounded(file, this.path);
    } finally {
      await file.close();
    }
  }
}

/** UTF-8, or UTF-16 where a byte order mark says so (YAML 1.2 section 5.2); the mark stays. Throws for anything else. */
function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** Reads to the end, whatever kind of file it is, but never more than a profile may have. */
async function readBounded(file: FileHandle, path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for (;;) {
      const buffer = Buffer.alloc(256 * 1024);
      // In full: the Node 18 of older desktop runtimes reads nothing without a length.
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return Buffer.concat(chunks);
      size += bytesRead;
      if (size > maxProfileBytes) {
        throw new AppError('CONFIG_TOO_LARGE', `${path} is larger than ${maxProfileBytes / 1024 / 1024} MiB`);
      }
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } catch (caught) {
    throw AppError.from(caught, 'CONFIG_INVALID', `${path} cannot be read`);
  }
}
