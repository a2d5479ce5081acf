/** Which process holds a lock of `SingleInstance`, told by the kernel: so that it can be ended when it answers nobody. */
import fs from 'node:fs';
import type { ProcessIdentity } from '../process-identity.ts';
import { identityOf, isAlive } from './process-identity.ts';

/**
 * Undefined when nobody does. /proc/locks (proc(5)) names process and inode of each lock; that the process has this very file
 * open is looked up, because inode numbers are told without their device on some file systems.
 */
export function lockHolder(path: string): ProcessIdentity | undefined {
  try {
    const file = fs.statSync(path);
    for (const line of fs.readFileSync('/proc/locks', 'latin1').split('\n')) {
      const [, pid, inode] = /^\d+: POSIX +\S+ +WRITE +(\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line) ?? [];
      if (Number(inode) !== file.ino || Number(pid) === process.pid) continue;
      const holder = identityOf(Number(pid));
      if (holder !== undefined && hasOpen(holder.pid, file)) return holder;
    }
  } catch {
    // No such file: then nobody holds it.
  }
  return undefined;
}

/** Ends a process, be it stopped (SIGSTOP), and waits until it and its descriptors are gone. Whether it is. */
export async function endProcess(holder: ProcessIdentity, timeoutMs = 3_000): Promise<boolean> {
  for (const end = Date.now() + timeoutMs; isAlive(holder); ) {
    if (Date.now() > end) return false;
    try {
      process.kill(holder.pid, 'SIGKILL');
    } catch {
      // It is gone: seen at the next look.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}

function hasOpen(pid: number, { dev, ino }: fs.Stats): boolean {
  return fs.readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
    try {
      const open = fs.statSync(`/proc/${pid}/fd/${descriptor}`);
      return open.ino === ino && open.dev === dev;
    } catch {
      return false;
    }
  });
}
