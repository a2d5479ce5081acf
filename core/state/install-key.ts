/** The 16-byte key of this installation (placement of fake addresses): made once, kept in its own file, root's alone. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { AppError, errnoOf } from '../base/app-error.ts';

export const installKeyBytes = 16;

export interface InstallKeyOptions {
  /** The file had not 16 bytes; it is now under this name and a new key was made. Old addresses are placed anew. */
  onSetAside(path: string): void;
  readonly random?: (bytes: number) => Uint8Array;
}

/** Reads the key, or makes it: 0600, on disk (fsync) before this returns. Throws FAKE_IP_STORE when it can do neither. */
export function loadInstallKey(file: string, options: InstallKeyOptions): Uint8Array {
  try {
    const key = read(file);
    if (key?.length === installKeyBytes) return key;
    if (key !== undefined) options.onSetAside(setAside(file));
    return create(file, options.random ?? randomBytes);
  } catch (error) {
    throw AppError.from(error, 'FAKE_IP_STORE', `cannot load the key ${file}`);
  }
}

function read(file: string): Uint8Array | undefined {
  try {
    // Without waiting, should somebody have put a FIFO there, and no further than tells a key from what is none.
    const { O_NONBLOCK, O_RDONLY } = fs.constants;
    const handle = fs.openSync(file, O_RDONLY | O_NONBLOCK);
    try {
      const bytes = new Uint8Array(installKeyBytes + 1);
      return bytes.subarray(0, fs.readSync(handle, bytes));
    } finally {
      fs.closeSync(handle);
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Written beside it and renamed into place: the file has 16 bytes or is not there, also after a crash. */
function create(file: string, random: (bytes: number) => Uint8Array): Uint8Array {
  const key = Uint8Array.from(random(installKeyBytes));
  const temporary = `${file}.new`;
  fs.rmSync(temporary, { force: true });
  const handle = fs.openSync(temporary, 'wx', 0o600);
  try {
    fs.writeSync(handle, key);
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
  fs.renameSync(temporary, file);
  const directory = fs.openSync(path.dirname(file), 'r');
  try {
    fs.fsyncSync(directory);
  } finally {
    fs.closeSync(directory);
  }
  return key;
}

function setAside(file: string): string {
  let aside = `${file}.unusable`;
  for (let i = 2; fs.existsSync(aside); i++) aside = `${file}.unusable-${i}`;
  fs.renameSync(file, aside);
  return aside;
}
