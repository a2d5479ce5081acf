/** Counts the bytes of a relay of ours for the flow table, and ends it. */
import type { FlowCarrier } from '../flow/flow-carrier.ts';

export class RelayCarrier implements FlowCarrier {
  readonly kind = 'stream';
  readonly #stop: AbortController;
  #up = 0;
  #down = 0;

  constructor(stop: AbortController) {
    this.#stop = stop;
  }

  count(up: number, down: number): void {
    this.#up = up;
    this.#down = down;
  }

  bytes(): { up: number; down: number } {
    return { up: this.#up, down: this.#down };
  }

  /** A relay has nothing between its two sides that could be sent first: both ways of closing are a reset. */
  close(): void {
    this.#stop.abort();
  }
}
