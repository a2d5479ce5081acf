/** Reads files that somebody else may have exchanged for anything: never waits for a FIFO, never fills the memory. */
import fs from 'node:fs';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;

export interface RegularFileOptions {
  /** Larger ones are refused. */
  readonly maxBytes: number;
  /** Whether a symbolic link is followed; refused with ELOOP otherwise. */
  readonly followLinks: boolean;
}

/** The content. Throws what the system says, EINVAL for what is not a regular file, EFBIG for one that is too large. */
export function readRegularFile(path: string, { maxBytes, followLinks }: RegularFileOptions): Buffer {
  const file = fs.openSync(path, O_RDONLY | O_NONBLOCK | (followLinks ? 0 : O_NOFOLLOW));
  try {
    const status = fs.fstatSync(file);
    if (!status.isFile()) throw failure('EINVAL', `${path} is not a regular file`);
    if (status.size > maxBytes) throw failure('EFBIG', `${path} is larger than ${maxBytes} bytes`);
    return fs.readFileSync(file);
  } finally {
    fs.closeSync(file);
  }
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
