/** The helper's command line. Nothing of it ever comes from a client: who starts the helper is root already. */
import { parseArgs } from 'node:util';
import { defaultHelperPaths, type HelperPaths } from '../base/paths.ts';

export interface HelperOptions {
  readonly paths: HelperPaths;
  readonly allowedUids: readonly number[];
  /** May run from files that others can write, and checks results against the contract. */
  readonly developer: boolean;
}

export type HelperCommand =
  | { readonly kind: 'run'; readonly options: HelperOptions }
  | { readonly kind: 'restore'; readonly options: HelperOptions }
  | { readonly kind: 'version' }
  | { readonly kind: 'help' }
  | { readonly kind: 'mistake'; readonly message: string };

export const helpText = `mirage-helper [OPTIONS]       Mirage's privileged part; changes the network only when it is asked to

  --allow-uid N       a user who may use it, besides root; may be given more than once
  --state-dir DIR     journal, mappings, applied configurations (default ${defaultHelperPaths.stateDir})
  --runtime-dir DIR   the control socket (default ${defaultHelperPaths.runtimeDir})
  --restore           undo every change of the machine's network, say what was undone, and end
  --developer         run from files that others can write
  --version           print the version
  --help              this text

Exit codes: 0 ended as asked · 1 not everything could be undone · 64 wrong option · 70 defect · 75 another helper is running
· 77 not allowed (not root, or files that others can write)
`;

/** Reads the arguments after the program's name. */
export function readCommand(args: readonly string[]): HelperCommand {
  try {
    const { values } = parseArgs({ args: [...args], options: optionTypes, allowPositionals: false });
    if (values.help) return { kind: 'help' };
    if (values.version) return { kind: 'version' };
    const options: HelperOptions = {
      paths: {
        stateDir: absolute('--state-dir', values['state-dir'] ?? defaultHelperPaths.stateDir),
        runtimeDir: absolute('--runtime-dir', values['runtime-dir'] ?? defaultHelperPaths.runtimeDir),
      },
      allowedUids: (values['allow-uid'] ?? []).map(readUid),
      developer: values.developer === true,
    };
    return { kind: values.restore ? 'restore' : 'run', options };
  } catch (error) {
    return { kind: 'mistake', message: error instanceof Error ? error.message : String(error) };
  }
}

const optionTypes = {
  'allow-uid': { type: 'string', multiple: true },
  'state-dir': { type: 'string' },
  'runtime-dir': { type: 'string' },
  restore: { type: 'boolean' },
  developer: { type: 'boolean' },
  version: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

function readUid(text: string): number {
  // 4294967295 is (uid_t)-1, "no user" (setuid(2)).
  const uid = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(uid < 4_294_967_295)) throw new Error(`--allow-uid wants the number of a user, not "${text}"`);
  return uid;
}

function absolute(option: string, path: string): string {
  if (!path.startsWith('/')) throw new Error(`${option} wants an absolute path, not "${path}"`);
  return path;
}
