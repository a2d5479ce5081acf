/** Small files of root's, as `replaceFile` writes them. */
import { renameSync } from 'node:fs';
import { errnoOf } from '../base/app-error.ts';
import { readRegularFile } from '../system/regular-file.ts';

/** A configuration is the largest of them; a message with one has at most 32 MiB. */
const maxBytes = 64 * 1024 * 1024;

/** The text, or undefined when there is no such file. Throws for what is not a file, without waiting for it. */
export function readPrivateFile(path: string): string | undefined {
  try {
    return readRegularFile(path, { maxBytes, followLinks: false }).toString('utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Moves what cannot be read out of the way, beside; answers where it is now. */
export function setAside(path: string): string {
  const aside = `${path}.unreadable`;
  renameSync(path, aside);
  return aside;
}
