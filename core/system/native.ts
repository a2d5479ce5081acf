/** The one loader of the native addon: TUN, data plane, egress sockets, process look-up. */
import { createRequire } from 'node:module';
import type * as native from '../../native/index.d.ts';
import { AppError, errnoOf } from '../base/app-error.ts';
import { systemName } from '../base/system-name.ts';

/** What `native/index.d.ts` declares. */
export type NativeAddon = typeof native;

/**
 * Loads the addon from an absolute path that the composition root knows (beside its bundle) and no client can choose.
 * Throws `TUN_UNAVAILABLE` with what to do.
 */
export function loadNative(path: string): NativeAddon {
  try {
    const addon: unknown = createRequire(path)(path);
    if (!isNativeAddon(addon)) throw new Error('it is no Mirage addon, or one of another version');
    return addon;
  } catch (error) {
    const missing = errnoOf(error) === 'MODULE_NOT_FOUND';
    throw new AppError(
      'TUN_UNAVAILABLE',
      missing
        ? `the native addon is missing: ${path}`
        : `the native addon ${path} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
        expected: missing
          ? 'build it with "npm run build", or install Mirage again'
          : `one built for ${systemName}-${process.arch} and this version: run "npm run build", or install again`,
      },
    );
  }
}

/** What an addon of this version must have. */
export const nativeFunctions = [
  'Engine',
  'openStream',
  'keepStream',
  'closeStream',
  'CarriedStream',
  'openUdp',
  'peerCredentials',
  'findProcess',
  'findListeners',
  'findRoute',
  'rulesLookAtSenders',
  'sourceTowards',
  'natTarget',
  'socketUid',
  'spareProcesses',
  'parentOf',
  'destroySockets',
  'trimMemory',
];

function isNativeAddon(addon: unknown): addon is NativeAddon {
  if (typeof addon !== 'object' || addon === null) return false;
  const members = new Map<string, unknown>(Object.entries(addon));
  return nativeFunctions.every((name) => typeof members.get(name) === 'function');
}
