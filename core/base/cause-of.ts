/** What lies behind an error that a warning tells of: known by its errno or SQLite's result code, else in its own words. */
import type { Cause, CauseCode } from '../contract/causes.ts';
import { AppError, errnoOf } from './app-error.ts';

const byErrno: Readonly<Record<string, CauseCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EROFS: 'DISK_READ_ONLY',
  EIO: 'DISK_BROKEN',
  ENOENT: 'FILE_MISSING',
  ENOTDIR: 'FILE_MISSING',
  EISDIR: 'FILE_IS_DIRECTORY',
  EACCES: 'NO_PERMISSION',
  EPERM: 'NO_PERMISSION',
  EADDRINUSE: 'PORT_TAKEN',
  EADDRNOTAVAIL: 'ADDRESS_MISSING',
};

/** Primary result codes (https://www.sqlite.org/rescode.html). */
const bySqlite: Readonly<Record<number, CauseCode>> = {
  1: 'FILE_DAMAGED', // ERROR: of a schema that is not ours
  3: 'NO_PERMISSION',
  5: 'FILE_IN_USE',
  6: 'FILE_IN_USE',
  8: 'DISK_READ_ONLY',
  10: 'DISK_BROKEN',
  11: 'FILE_DAMAGED',
  13: 'DISK_FULL',
  14: 'FILE_MISSING',
  26: 'FILE_DAMAGED',
};

/** Causes of errors, so far in: an error may be its own cause. */
const deepest = 5;

export function causeOf(caught: unknown): Cause {
  let error = caught;
  for (let depth = 0; depth < deepest && error !== undefined; depth++) {
    const code = byErrno[errnoOf(error) ?? ''] ?? bySqlite[sqliteCodeOf(error)];
    if (code !== undefined) return { code, values: {} };
    error = error instanceof Error ? error.cause : undefined;
  }
  return { code: 'OTHER', values: { message: AppError.from(caught).message } };
}

function sqliteCodeOf(error: unknown): number {
  return typeof error === 'object' && error !== null && 'errcode' in error ? Number(error.errcode) & 0xff : -1;
}
