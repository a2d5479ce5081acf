/** Small files of root's: written whole or not at all, 0600, on disk when `write` returns. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from '../base/app-error.ts';

/** The text, or undefined when there is no such file. */
export function readPrivateFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces the file; a crash leaves the old or the new content (rename(2), fsync(2) of file and directory). */
export function writePrivateFile(path: string, text: string): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  syncDirectory(dirname(path));
}

export function removePrivateFile(path: string): void {
  rmSync(path, { force: true });
}

/** Moves what cannot be read out of the way, beside; answers where it is now. */
export function setAside(path: string): string {
  const aside = `${path}.unreadable`;
  renameSync(path, aside);
  return aside;
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
