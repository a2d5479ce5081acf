/** Reads who a process is: when it began, in clock ticks since boot (proc(5), /proc/PID/stat, field 22). */
import fs from 'node:fs';
import type { ProcessIdentity } from '../process-identity.ts';

/** Undefined when there is no such process, or it has ended and only waits to be reaped. */
export function identityOf(pid: number, proc = '/proc'): ProcessIdentity | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    const stat = fs.readFileSync(`${proc}/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything, parentheses too: what counts begins behind the last one, with field 3.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const started = Number(fields[19]);
    return fields[0] === 'Z' || fields[0] === 'X' || !Number.isFinite(started) ? undefined : { pid, started };
  } catch {
    return undefined;
  }
}

/** Whether this very process is there, be it stopped. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  return identityOf(pid)?.started === started;
}
