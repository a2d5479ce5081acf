/** How the kernel shares the processor between this process and others. */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Everybody's questions and connections go through here, and each costs well below a millisecond: that must not wait for whoever
 * computes for minutes. With this nice value (setpriority(2)) a thread weighs three times as much as another user's.
 */
const niceValue = -5;

/** For all threads of now, and so for those that they start. Where the kernel refuses it, nothing has changed. */
export function preferThisProcess(): void {
  for (const thread of readdirSync('/proc/self/task')) {
    try {
      setPriority(Number(thread), niceValue);
    } catch {
      // Without CAP_SYS_NICE, or the thread is gone.
    }
  }
}
