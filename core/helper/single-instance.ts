/**
 * One helper for one state directory: a lock that the kernel holds (fcntl(2), through SQLite) and that is gone with the
 * process, however it ends.
 */
import { closeSync, constants, fchmodSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError } from '../base/app-error.ts';

export const lockFileOf = (directory: string): string => join(directory, 'helper.lock');

const takeLock = 'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE';

export class SingleInstance {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The lock of a directory, or undefined while another process holds it. Throws where it cannot be had. */
  static acquire(directory: string): SingleInstance | undefined {
    const path = lockFileOf(directory);
    prepare(path);
    const database = new DatabaseSync(path);
    try {
      database.exec(takeLock);
      return new SingleInstance(database);
    } catch (error) {
      database.close();
      if (isBusy(error)) return undefined;
      throw error;
    }
  }

  release(): void {
    this.#database.close();
  }
}

/** Makes the file, which nobody else may read: who can read a file can lock it too. Throws for a link and what is not a file. */
function prepare(path: string): void {
  const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
  // Without blocking: a FIFO would be waited for without end.
  const file = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    if (!fstatSync(file).isFile()) throw new AppError('INTERNAL', `${path} is not a regular file`);
    fchmodSync(file, 0o600);
  } finally {
    closeSync(file);
  }
}

/** SQLITE_BUSY (sqlite.org/rescode.html). */
function isBusy(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'errcode' in error && error.errcode === 5;
}
