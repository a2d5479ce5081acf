/** Tells when a file may have changed, be it written, exchanged or removed: inotify(7) by way of `fs.watch`. */
import fs from 'node:fs';
import { basename, dirname } from 'node:path';

/** Watches until the returned function is called. Throws what the system says (`ENOSPC`: no watches left). */
export type FileWatch = (path: string, onChange: () => void) => () => void;

/** The directory tells of renames and writes; a file that is a mount point is only seen by a watch of its own. */
export const watchFile: FileWatch = (path, onChange) => {
  const name = basename(path);
  const watchers = [
    fs.watch(dirname(path), { persistent: false }, (_event, changed) => {
      if (changed === null || changed === name) onChange();
    }),
  ];
  if (fs.existsSync(path)) watchers.push(fs.watch(path, { persistent: false }, onChange));
  for (const watcher of watchers) watcher.on('error', onChange);
  return () => {
    for (const watcher of watchers) watcher.close();
  };
};
