/** Waiting for what happens soon, without a fixed pause. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Programs that are told nothing wait for five seconds and more; one that was told in less was told. Milliseconds. */
const silence = 4_500;

/**
 * What comes of an attempt that somebody is to be told about at once. Five are made, until one is that quick: a busy machine is late
 * now and then, who waits for what does not come is late each time.
 */
export async function promptly<T extends { readonly ms: number }>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const result = await attempt();
    if (result.ms < silence) return result;
    if (tries === 5) throw new Error(`waited each time, the last time for ${result.ms.toFixed(0)} ms`);
  }
}

/** Tries until it does not throw, 30 s at most (a busy machine needs some); then the last failure is thrown. */
export async function eventually<T>(attempt: () => Promise<T> | T, timeoutMs = 30_000, pauseMs = 50): Promise<T> {
  for (const end = Date.now() + timeoutMs; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(pauseMs);
    }
  }
}
