/** Waiting for what happens soon, without a fixed pause. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Milliseconds within which somebody is told at once, on a busy machine too: programs that are told nothing wait for 5 s and more.
 */
export const atOnce = 3_500;

/** Tries until it does not throw, 15 s at most (a busy machine needs some); then the last failure is thrown. */
export async function eventually<T>(attempt: () => Promise<T> | T, timeoutMs = 15_000, pauseMs = 50): Promise<T> {
  for (const end = Date.now() + timeoutMs; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(pauseMs);
    }
  }
}
