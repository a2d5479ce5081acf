/** Where things live on disk; the one place that knows. Tests pass other roots. */
import { join } from 'node:path';

export interface HelperPaths {
  /** Root-owned, for the socket. */
  readonly runtimeDir: string;
  /** Root-owned 0700, for journal, pool, key, applied configurations. */
  readonly stateDir: string;
}

export const defaultHelperPaths: HelperPaths = { runtimeDir: '/run/mirage', stateDir: '/var/lib/mirage' };

/** Where the helper is installed, root's own, with a launcher for it and one for the command line. */
export const launchers = {
  helper: '/usr/local/lib/mirage/mirage-helper',
  cli: '/usr/local/lib/mirage/mirage',
} as const;

export const controlSocketOf = (paths: HelperPaths): string => join(paths.runtimeDir, 'helper.sock');
export const journalOf = (paths: HelperPaths): string => join(paths.stateDir, 'undo-journal.json');
export const databaseOf = (paths: HelperPaths): string => join(paths.stateDir, 'state.db');
export const fakeIpKeyOf = (paths: HelperPaths): string => join(paths.stateDir, 'fake-ip.key');
/** The owner and switches to resume after a crash. */
export const ownerFileOf = (paths: HelperPaths): string => join(paths.stateDir, 'owner.json');
/** What is in the sets of users' configurations. */
export const blobsOf = (paths: HelperPaths): string => join(paths.stateDir, 'blobs');
export const configFileOf = (paths: HelperPaths, uid: number): string => join(paths.stateDir, `config-${uid}.json`);

/** The user's own directory: `$XDG_CONFIG_HOME/mirage` or `~/.config/mirage` (XDG Base Directory Specification). */
export function userConfigDir(environment: Record<string, string | undefined>, home: string): string {
  return join(environment['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'mirage');
}
