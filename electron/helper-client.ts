/** The connection to the helper that the desktop app keeps. */
import { resolve } from 'node:path';
import type { Clock } from '../core/base/clock.ts';
import { controlSocketOf, defaultHelperPaths } from '../core/base/paths.ts';
import { mirageVersion } from '../core/base/version.ts';
import { RpcClient } from '../core/rpc/rpc-client.ts';
import type { CommandLine } from './command-line.ts';

export function createHelperClient(
  options: Pick<CommandLine, 'socket' | 'developer'>,
  clock: Clock,
  uid: number,
): RpcClient {
  const runtimeDir = options.socket === undefined ? defaultHelperPaths.runtimeDir : resolve(options.socket);
  return new RpcClient({
    socketPath: controlSocketOf({ ...defaultHelperPaths, runtimeDir }),
    version: mirageVersion,
    clock,
    ...(options.developer ? { developerUid: uid } : {}),
  });
}
