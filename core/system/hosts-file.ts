/** /etc/hosts for who looks names up. Reads nothing before it is asked, and nothing that is no file of reasonable size. */
import fs from 'node:fs';

/** Lists against advertising have some MB. */
const longest = 16 * 1024 * 1024;

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
    const stat = fs.statSync(this.#path);
    if (!stat.isFile() || stat.size > longest) throw new Error(`${this.#path} is no file of at most ${longest} bytes`);
    return fs.readFileSync(this.#path, 'utf8');
  }
}
