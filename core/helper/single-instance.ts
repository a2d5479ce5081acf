/**
 * One helper for one state directory: a lock that the kernel holds (fcntl(2), through SQLite) and that is gone with the
 * process, however it ends.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export class SingleInstance {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The lock of a directory, or undefined while another process holds it. */
  static acquire(directory: string): SingleInstance | undefined {
    const database = new DatabaseSync(join(directory, 'helper.lock'));
    try {
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
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
