/** The helper's two directories: made if they are missing, refused if somebody else has made them. */
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { AppError } from '../base/app-error.ts';
import type { HelperPaths } from '../base/paths.ts';
import { writableByOthers } from './trusted-files.ts';

/**
 * `stateDir` is ours alone (0700), `runtimeDir` may be entered by everybody and written by us (0755). Throws
 * HELPER_UNTRUSTED for one that is not ours, or, unless `developer`, that lies where others could exchange it.
 */
export function prepareDirectories(paths: HelperPaths, options: { uid: number; developer: boolean }): void {
  for (const [path, mode] of [
    [paths.stateDir, 0o700],
    [paths.runtimeDir, 0o755],
  ] as const) {
    mkdirSync(path, { recursive: true, mode });
    const status = lstatSync(path);
    const other = status.isDirectory() ? `it belongs to user ${status.uid}` : 'it is a link';
    if (!status.isDirectory() || status.uid !== options.uid) {
      throw new AppError('HELPER_UNTRUSTED', `${path} was not made by this helper: ${other}`, {
        expected: 'remove it, or give another directory',
      });
    }
    chmodSync(path, mode);
    const problem = options.developer ? undefined : writableByOthers(path);
    if (problem !== undefined) {
      throw new AppError('HELPER_UNTRUSTED', problem, { expected: 'a directory that only root can change' });
    }
  }
}

/** Whether a directory is there and nobody else's; what `prepareDirectories` makes sure of, without changing anything. */
export function isOwnDirectory(path: string, { uid, developer }: { uid: number; developer: boolean }): boolean {
  try {
    const status = lstatSync(path);
    return status.isDirectory() && status.uid === uid && (developer || writableByOthers(path) === undefined);
  } catch {
    return false;
  }
}
