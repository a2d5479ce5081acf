/**
 * One helper for one state directory: a lock that the kernel holds (fcntl(2), through SQLite) and that is gone with the
 * process, however it ends.
 */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export const lockFileOf = (directory: string): string => join(directory, 'helper.lock');

const takeLock = 'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE';

export class SingleInstance {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The lock of a directory, or undefined while another process holds it. */
  static acquire(directory: string): SingleInstance | undefined {
    const path = lockFileOf(directory);
    // Whoever can read a file can lock it too.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
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

/** SQLITE_BUSY (sqlite.org/rescode.html). */
function isBusy(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'errcode' in error && error.errcode === 5;
}
