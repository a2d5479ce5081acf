/** Which ports the helper opens for whom: root must not do for a user what the user may not do. */
import { AppError } from '../base/app-error.ts';
import { type Config, firstOpenPort } from '../contract/config.ts';

/** Throws CONFIG_INVALID for ports that only an administrator may open. */
export function assertPortsOf(uid: number, { mixed }: Config): void {
  if (uid === 0 || mixed === null || mixed.port >= firstOpenPort) return;
  throw new AppError('CONFIG_INVALID', `the mixed port ${mixed.port} can only be opened by an administrator`, {
    expected: `a port from ${firstOpenPort} on, or root as the user of this profile`,
  });
}
