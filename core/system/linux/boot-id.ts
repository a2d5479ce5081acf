/** Which boot of the machine this is. */
import fs from 'node:fs';

/** The kernel's name for it (random(4)); where it tells none, one of this process: sessions are not resumed after its death then. */
export function bootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `${process.pid}-${Date.now()}`;
  }
}
