/** A number of places that are taken in turn: who comes when all are taken waits, the longest waiting first. */
import { orAborted } from '../../base/deadline.ts';

export class Turns {
  readonly #waiting = new Set<PromiseWithResolvers<void>>();
  #free: number;

  constructor(places: number) {
    this.#free = places;
  }

  /** Resolves when a place is taken, which `give` gives back. Rejects as `signal` says; then there is nothing to give back. */
  async take(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const turn = Promise.withResolvers<void>();
    this.#waiting.add(turn);
    try {
      await orAborted(turn.promise, signal, 'DNS_IO');
    } catch (error) {
      if (!this.#waiting.delete(turn)) this.give();
      throw error;
    }
  }

  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free += 1;
    else {
      this.#waiting.delete(next);
      next.resolve();
    }
  }
}
