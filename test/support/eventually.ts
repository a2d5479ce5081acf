/** Waiting for what happens soon, without a fixed pause. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Tries until it does not throw, 5 s at most; then the last failure is thrown. */
export async function eventually<T>(attempt: () => Promise<T> | T, timeoutMs = 5_000, pauseMs = 50): Promise<T> {
  for (const end = Date.now() + timeoutMs; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(pauseMs);
    }
  }
}
