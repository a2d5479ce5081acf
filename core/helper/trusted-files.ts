/** Whether only root can change a file: what root runs and where root listens must be nobody else's to write. */
import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Why somebody but root could replace this file or a directory on the way to it; undefined when nobody could. A sticky
 * directory (such as /tmp) is no way in, for others cannot rename what is root's there.
 */
export function writableByOthers(file: string): string | undefined {
  let path = realpathSync(file);
  for (;;) {
    const status = statSync(path);
    const sticky = status.isDirectory() && (status.mode & 0o1000) !== 0;
    if (status.uid !== 0) return `${path} belongs to user ${status.uid}`;
    if ((status.mode & 0o022) !== 0 && !sticky) return `${path} can be written by others than root`;
    const parent = dirname(path);
    if (parent === path) return undefined;
    path = parent;
  }
}
