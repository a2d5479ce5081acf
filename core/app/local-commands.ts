/** The commands that work on this machine, for texts that name one: installed, on the search path, or in the checkout. */
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { defaultHelperPaths, launchers } from '../base/paths.ts';

export interface LocalCommands {
  /** How the command line is called. */
  readonly cli: string;
  /** What gives the network back without the helper, to be run as root; undefined where nothing is there to do it. */
  readonly offlineRestore: readonly string[] | undefined;
}

export interface LocalCommandsOptions {
  /** `PATH`. */
  readonly searchPath: string | undefined;
  /** The built tree (`dist`) that this program is of. */
  readonly built: string;
  /** A Node runtime for the helper of the built tree. */
  readonly node: string;
  /** The helper's runtime directory; it is named to the helper when it is not the usual one. */
  readonly runtimeDir?: string;
}

export function localCommands(options: LocalCommandsOptions): LocalCommands {
  return { cli: cliCommand(options.searchPath ?? ''), offlineRestore: restoreCommand(options) };
}

/** Another program may have the name: only what leads to our launcher counts. */
function cliCommand(searchPath: string): string {
  if (!isProgram(launchers.cli)) return 'npm run -s mirage --';
  const found = searchPath
    .split(':')
    .filter(isAbsolute)
    .map((directory) => join(directory, 'mirage'))
    .find(isProgram);
  return found !== undefined && realpathSync(found) === realpathSync(launchers.cli) ? 'mirage' : launchers.cli;
}

function restoreCommand({ built, node, runtimeDir }: LocalCommandsOptions): readonly string[] | undefined {
  const isUsual = runtimeDir === undefined || runtimeDir === defaultHelperPaths.runtimeDir;
  const where = isUsual ? [] : ['--runtime-dir', runtimeDir];
  if (isProgram(launchers.helper)) return [launchers.helper, '--restore', ...where];
  const bundle = join(built, 'helper', 'main.js');
  return existsSync(bundle) ? [node, bundle, '--developer', '--restore', ...where] : undefined;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** As a person types it: with sudo, quoted where a shell would misread it. */
export function asTyped(command: readonly string[], uid: number): string {
  const words = command.map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`,
  );
  return [...(uid === 0 ? [] : ['sudo']), ...words].join(' ');
}
