/** Chooses the operating system, whole: the one place that asks which it is. */
import { AppError } from '../base/app-error.ts';
import { systemName } from '../base/system-name.ts';
import { linux } from './linux/index.ts';
import type { OperatingSystem } from './operating-system.ts';

const systems: ReadonlyMap<string, OperatingSystem> = new Map([['linux', linux]]);

/** Throws `SYSTEM_UNSUPPORTED` where there is none yet. */
export function choosePlatform(name: string = systemName): OperatingSystem {
  const system = systems.get(name);
  if (system !== undefined) return system;
  const expected = [...systems.keys()].join(', ');
  throw new AppError('SYSTEM_UNSUPPORTED', `the network cannot be changed on ${name} yet`, { expected });
}
