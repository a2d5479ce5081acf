/** A profile that is a file of the user's: read whole and within limits. Writes nothing, watches nothing. */
import { type FileHandle, open } from 'node:fs/promises';
import { AppError, errnoOf } from '../base/app-error.ts';
import { maxProfileBytes } from '../contract/profile-import.ts';

export class FileSource {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The text, anew each time. Rejects with CONFIG_INVALID (missing, not readable), CONFIG_TOO_LARGE, CONFIG_SYNTAX (not UTF-8). */
  async read(): Promise<string> {
    const bytes = await this.readBytes();
    try {
      return decodeText(bytes);
    } catch (cause) {
      const reason = isCompressed(bytes) ? 'is compressed' : `is not UTF-8 text (line ${lineOfBadText(bytes)})`;
      throw new AppError('CONFIG_SYNTAX', `${this.path} ${reason}`, { cause, expected: 'a YAML file in UTF-8' });
    }
  }

  /** As it is, in whatever form. Rejects with CONFIG_INVALID and CONFIG_TOO_LARGE. */
  async readBytes(): Promise<Buffer> {
    let file: FileHandle;
    try {
      file = await open(this.path, 'r');
    } catch (caught) {
      if (errnoOf(caught) !== 'ENOENT') throw AppError.from(caught, 'CONFIG_INVALID', `${this.path} cannot be read`);
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

/** gzip (RFC 1952), ZIP, Zstandard (RFC 8878). */
function isCompressed(bytes: Uint8Array): boolean {
  const [a, b, c, d] = bytes;
  return (
    (a === 0x1f && b === 0x8b) || (a === 0x50 && b === 0x4b) || (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd)
  );
}

/** The first line, from 1, that is not UTF-8: often a name in another encoding. */
function lineOfBadText(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed < 0 ? bytes.length : feed;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end + 1;
  }
  return line;
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
