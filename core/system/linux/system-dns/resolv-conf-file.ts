/** The resolver configuration on disk: reads and writes its whole state, a regular file, a link, or nothing. */
import fs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError, errnoOf } from '../../../base/app-error.ts';
import type { CommandRunner } from '../../command-runner.ts';
import { readRegularFile } from '../../regular-file.ts';
import type { ResolvConfState } from '../../undo-record.ts';

export interface ResolvConfFileOptions {
  /** `/etc/resolv.conf`; tests have others. */
  readonly path: string;
  /** For `lsattr`, which tells why root may not write. */
  readonly runner: CommandRunner;
  /** Called right before each effect. */
  readonly step: (name: string) => Promise<void>;
}

/** Resolvers read a few lines of it. */
const maxBytes = 1024 * 1024;

type FileState = Extract<ResolvConfState, { kind: 'file' }>;

export class ResolvConfFile {
  readonly path: string;
  readonly #runner: CommandRunner;
  readonly #step: (name: string) => Promise<void>;
  /** In the same directory, so that a rename can exchange it; one fixed name, so that none is ever left behind. */
  readonly #temporary: string;

  constructor(options: ResolvConfFileOptions) {
    this.path = options.path;
    this.#runner = options.runner;
    this.#step = options.step;
    this.#temporary = join(dirname(options.path), `.${basename(options.path)}.mirage`);
  }

  async read(): Promise<ResolvConfState> {
    try {
      const stat = await fs.lstat(this.path);
      if (stat.isSymbolicLink()) {
        const target = await fs.readlink(this.path, 'utf8');
        return { kind: 'link', target, content: this.#readThrough() };
      }
      if (!stat.isFile()) throw this.#failure('is not a regular file', undefined);
      const content = readRegularFile(this.path, { maxBytes, followLinks: false }).toString('latin1');
      return { kind: 'file', content, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return { kind: 'missing' };
      throw error instanceof AppError ? error : this.#failure('cannot be read', error);
    }
  }

  /** Whether something stands there that we never write and cannot replace: a directory, a FIFO, a device. */
  async isForeignKind(): Promise<boolean> {
    const stat = await fs.lstat(this.path).catch(() => undefined);
    return stat !== undefined && !stat.isFile() && !stat.isSymbolicLink();
  }

  /**
   * Puts a state in place of whatever is there, in one rename, so that no reader sees half of it. A link is replaced, not
   * followed: what it leads to belongs to another program. A file that no rename can replace (a bind mount, a full disk) is
   * overwritten in place; returns which of the two it was. Rejects with `SYSTEM_DNS_FAILED`.
   */
  async write(state: ResolvConfState): Promise<'replaced' | 'in-place'> {
    try {
      switch (state.kind) {
        case 'missing':
          await this.#step('resolv.conf: remove');
          await fs.rm(this.path, { force: true });
          return 'replaced';
        case 'link':
          return await this.#writeLink(state.target);
        case 'file':
          return await this.#writeFile(state);
      }
    } catch (error) {
      await this.removeTemporary();
      throw error instanceof AppError ? error : await this.#explain(error);
    }
  }

  /** Takes away that not even root may change it. Returns whether that was so. */
  async unlock(): Promise<boolean> {
    if (!(await this.#isLocked())) return false;
    await this.#step('resolv.conf: unlock');
    await this.#runner.run('chattr', ['-ia', this.path], { timeoutMs: 2_000 });
    return true;
  }

  /** Removes what a death between two steps may have left. */
  async removeTemporary(): Promise<void> {
    await fs.rm(this.#temporary, { force: true }).catch(() => undefined);
  }

  async #writeFile(state: FileState): Promise<'replaced' | 'in-place'> {
    try {
      await this.removeTemporary();
      await this.#step('resolv.conf: write');
      const file = await fs.open(this.#temporary, 'wx', 0o600);
      try {
        await file.writeFile(state.content, 'latin1');
        await file.chown(state.uid, state.gid);
        await file.chmod(state.mode);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#rename();
      return 'replaced';
    } catch (error) {
      await this.removeTemporary();
      if (!(await this.#isRegularFile())) throw error;
      await this.#overwrite(state.content).catch((second: unknown) => {
        // Which of the two says why: a mount point cannot be renamed over (EBUSY), a read-only disk cannot be written.
        throw renameImpossible.has(errnoOf(error) ?? '') ? second : error;
      });
      return 'in-place';
    }
  }

  async #writeLink(target: string): Promise<'replaced'> {
    try {
      await this.removeTemporary();
      await this.#step('resolv.conf: link');
      await fs.symlink(target, this.#temporary);
      await this.#rename();
    } catch (error) {
      await this.removeTemporary();
      // On a full disk there is room for the link once our file has gone; for a moment nothing stands there then.
      if (!noRoom.has(errnoOf(error) ?? '') || !(await this.#isRegularFile())) throw error;
      await this.#step('resolv.conf: remove');
      await fs.rm(this.path);
      await fs.symlink(target, this.path);
    }
    return 'replaced';
  }

  async #rename(): Promise<void> {
    await this.#step('resolv.conf: rename');
    await fs.rename(this.#temporary, this.path);
    await this.#step('resolv.conf: sync directory');
    const directory = await fs.open(dirname(this.path), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  /**
   * Same inode, same mode and owner. Needs no room where the content is not longer than what is there: that is what is written
   * over, with blank lines up to its end, and then cut.
   */
  async #overwrite(content: string): Promise<void> {
    await this.#step('resolv.conf: overwrite');
    const { O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = fs.constants;
    const file = await fs.open(this.path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const bytes = Buffer.from(content, 'latin1');
      const { size } = await file.stat();
      const padded = Buffer.alloc(Math.max(size, bytes.length), '\n');
      bytes.copy(padded);
      await this.#step('resolv.conf: fill');
      const { bytesWritten } = await file.write(padded, 0, padded.length, 0);
      if (bytesWritten < padded.length)
        await file.write(padded, bytesWritten, padded.length - bytesWritten, bytesWritten);
      await this.#step('resolv.conf: cut');
      await file.truncate(bytes.length);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #isRegularFile(): Promise<boolean> {
    return (await fs.lstat(this.path).catch(() => undefined))?.isFile() ?? false;
  }

  #readThrough(): string | null {
    try {
      return readRegularFile(this.path, { maxBytes, followLinks: true }).toString('latin1');
    } catch {
      return null;
    }
  }

  async #explain(error: unknown): Promise<AppError> {
    const errno = errnoOf(error);
    if (errno === 'EPERM' && (await this.#isLocked())) {
      return this.#failure('is immutable, somebody wants it to stay as it is', error, `chattr -ia ${this.path}`);
    }
    if (errno === 'EROFS') return this.#failure('is on a read-only file system', error);
    return this.#failure('cannot be written', error);
  }

  /** Immutable or append-only (chattr(1)). */
  async #isLocked(): Promise<boolean> {
    try {
      const { stdout } = await this.#runner.run('lsattr', ['-d', this.path], { timeoutMs: 2_000 });
      return /^[^ ]*[ia]/.test(stdout);
    } catch {
      return false;
    }
  }

  #failure(what: string, cause: unknown, expected?: string): AppError {
    const reason = cause instanceof Error ? ` (${cause.message})` : '';
    return new AppError('SYSTEM_DNS_FAILED', `${this.path} ${what}${reason}`, {
      cause,
      ...(expected === undefined ? {} : { expected }),
    });
  }
}

/** A mount point cannot be replaced (EBUSY), nor a file in a directory that is read-only or on another mount. */
const renameImpossible = new Set(['EBUSY', 'EXDEV', 'EROFS', 'EACCES']);
const noRoom = new Set(['ENOSPC', 'EDQUOT']);
