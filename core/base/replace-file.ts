/** Small files that are written whole or not at all. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Replaces the file through one beside it, 0600. A crash or a power cut leaves the old or the new content (rename(2), fsync(2) of
 * file and directory). Throws what the file system says; the old one stays then.
 */
export function replaceFile(path: string, content: string | Uint8Array): void {
  const draft = `${path}.${process.pid}.new`;
  try {
    rmSync(draft, { force: true });
    const file = openSync(draft, 'wx', 0o600);
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}

/** The same in a directory that is made (0700) where it is missing. */
export function replaceFileIn(directory: string, name: string, content: string | Uint8Array): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  replaceFile(join(directory, name), content);
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
