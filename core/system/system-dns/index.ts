/** Chooses the implementation of system DNS for an operating system. */
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { CommandRunner } from '../command-runner.ts';
import type { HealthSink } from '../health-sink.ts';
import type { UndoJournal } from '../undo-journal.ts';
import { watchFile } from './file-watch.ts';
import { ResolvConfFile } from './resolv-conf-file.ts';
import { StaticResolvConf } from './static-resolv-conf.ts';
import type { SystemDns } from './system-dns.ts';

export interface SystemDnsOptions {
  readonly runner: CommandRunner;
  readonly journal: UndoJournal;
  readonly health: HealthSink;
  readonly logger: Logger;
  readonly clock: Clock;
}

export const resolvConfPath = '/etc/resolv.conf';

/** Throws `SYSTEM_UNSUPPORTED` where there is none yet. `platform` is Node's `process.platform`. */
export function createSystemDns(platform: NodeJS.Platform, options: SystemDnsOptions): SystemDns {
  if (platform !== 'linux') {
    throw new AppError('SYSTEM_UNSUPPORTED', `system DNS cannot be changed on ${platform} yet`, { expected: 'Linux' });
  }
  const { journal, runner } = options;
  return new StaticResolvConf({
    ...options,
    file: new ResolvConfFile({ path: resolvConfPath, runner, step: (name) => journal.step(name) }),
    watch: watchFile,
    root: '/',
    owner: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 },
  });
}
