/** Empties the resolver caches of the operating system, so that programs ask anew after DNS has changed sides. */
import fs from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../base/app-error.ts';
import type { Logger } from '../../base/logger.ts';
import type { CommandRunner } from '../command-runner.ts';

interface Cache {
  readonly name: string;
  /** It runs if one of these exists. */
  readonly signs: readonly string[];
  readonly program: string;
  readonly args: readonly string[];
}

const caches: readonly Cache[] = [
  {
    name: 'systemd-resolved',
    signs: ['run/systemd/resolve/io.systemd.Resolve', 'run/systemd/resolve/stub-resolv.conf'],
    program: 'resolvectl',
    args: ['flush-caches'],
  },
  { name: 'nscd', signs: ['run/nscd/socket', 'var/run/nscd/socket'], program: 'nscd', args: ['-i', 'hosts'] },
];

/** Best effort: what does not run is left out, what fails is logged. `root` is `/`. Answers the caches that were emptied. */
export async function flushDnsCaches(runner: CommandRunner, logger: Logger, root = '/'): Promise<string[]> {
  const flushed = await Promise.all(
    caches
      .filter((cache) => cache.signs.some((sign) => exists(join(root, sign))) && runner.has(cache.program))
      .map(async (cache) => {
        try {
          await runner.run(cache.program, cache.args, { timeoutMs: 2_000 });
          return [cache.name];
        } catch (error) {
          logger.warning('a DNS cache could not be emptied', { cache: cache.name, error: String(error) });
          return [];
        }
      }),
  );
  return flushed.flat();
}

function exists(path: string): boolean {
  try {
    fs.lstatSync(path);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR';
  }
}
