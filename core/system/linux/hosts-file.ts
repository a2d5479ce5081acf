/** /etc/hosts for who looks names up. Reads nothing before it is asked, and nothing that is no file of reasonable size. */
import fs from 'node:fs';
import { readRegularFile } from '../regular-file.ts';

/** Lists against advertising have some MB. */
const maxBytes = 16 * 1024 * 1024;

export class EtcHosts {
  readonly #path: string;

  constructor(path = '/etc/hosts') {
    this.#path = path;
  }

  /** Differs after every change of the file. Throws as stat(2). */
  stamp(): string {
    const { mtimeMs, size, ino } = fs.statSync(this.#path);
    return `${ino} ${mtimeMs} ${size}`;
  }

  /** Throws when it cannot be read, is no regular file or too large. */
  read(): string {
    return readRegularFile(this.#path, { maxBytes, followLinks: true }).toString('utf8');
  }
}
