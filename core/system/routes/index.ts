/** Chooses the implementation of routes for an operating system. */
import { AppError } from '../../base/app-error.ts';
import { LinuxRoutes, type LinuxRoutesOptions } from './linux-routes.ts';
import type { Routes } from './routes.ts';

/** Throws `SYSTEM_UNSUPPORTED` where there is none yet. `platform` is Node's `process.platform`. */
export function createRoutes(platform: NodeJS.Platform, options: LinuxRoutesOptions): Routes {
  if (platform === 'linux') return new LinuxRoutes(options);
  throw new AppError('SYSTEM_UNSUPPORTED', `routes cannot be changed on ${platform} yet`, { expected: 'Linux' });
}
