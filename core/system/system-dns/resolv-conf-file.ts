/** The resolver configuration on disk: reads and writes its whole state, a regular file, a link, or nothing. */
import fs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError, errnoOf } from '../../base/app-error.ts';
import type { CommandRunner } from '../command-runner.ts';
import type { ResolvConfState } from '../undo-record.ts';

export interface ResolvConfFileOptions {
  /** `/etc/resolv.conf`; tests have others. */
  readonly path: string;
  /** For `lsattr`, which tells why root may not write. */
  readonly runner: CommandRunner;
  /** Called right before each effect. */
  readonly step: (name: string) => Promise<void>;
}

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
        return { kind: 'link', target, content: await this.#readThrough() };
      }
      if (!stat.isFile()) throw this.#failure('is no regular file', undefined);
      const content = await fs.readFile(this.path, 'latin1');
      return { kind: 'file', content, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return { kind: 'missing' };
      throw error instanceof AppError ? error : this.#failure('cannot be read', error);
    }
  }

  /**
   * Puts a state in place of whatever is there, in one rename, so that no reader sees half of it. A link is replaced, not
   * followed: what it leads to belongs to another program. A bind-mounted file, which no rename can replace, is
   * overwritten in place; answers which of the two it was. Rejects with `SYSTEM_DNS_FAILED`.
   */
  async write(state: ResolvConfState): Promise<'replaced' | 'in-place'> {
    try {
      switch (state.kind) {
        case 'missing':
          await this.#step('resolv.conf: remove');
          await fs.rm(this.path, { force: true });
          return 'replaced';
        case 'link':
          await this.removeTemporary();
          await this.#step('resolv.conf: link');
          await fs.symlink(state.target, this.#temporary);
          await this.#rename();
          return 'replaced';
        case 'file':
          return await this.#writeFile(state);
      }
    } catch (error) {
      await this.removeTemporary();
      throw error instanceof AppError ? error : await this.#explain(error);
    }
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
      if (!renameImpossible.has(errnoOf(error) ?? '') || !(await this.#isRegularFile())) throw error;
      await this.removeTemporary();
      await this.#overwrite(state.content);
      return 'in-place';
    }
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

  /** Same inode, same mode and owner. */
  async #overwrite(content: string): Promise<void> {
    await this.#step('resolv.conf: overwrite');
    const file = await fs.open(this.path, 'w');
    try {
      await this.#step('resolv.conf: fill');
      await file.writeFile(content, 'latin1');
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #isRegularFile(): Promise<boolean> {
    return (await fs.lstat(this.path).catch(() => undefined))?.isFile() ?? false;
  }

  async #readThrough(): Promise<string | null> {
    return await fs.readFile(this.path, 'latin1').catch(() => null);
  }

  async #explain(error: unknown): Promise<AppError> {
    const errno = errnoOf(error);
    if (errno === 'EPERM' && (await this.#isImmutable())) {
      return this.#failure('is immutable, somebody wants it to stay as it is', error, `chattr -i ${this.path}`);
    }
    if (errno === 'EROFS') return this.#failure('is on a read-only file system', error);
    return this.#failure('cannot be written', error);
  }

  async #isImmutable(): Promise<boolean> {
    try {
      const { stdout } = await this.#runner.run('lsattr', ['-d', this.path], { timeoutMs: 2_000 });
      return /^[^ ]*i/.test(stdout);
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
