/** Counts the bytes of a relay of ours for the flow table, and ends it. */
import type { CarriedBytes, FlowCarrier } from '../flow/flow-carrier.ts';

export class RelayCarrier implements FlowCarrier {
  readonly kind = 'stream';
  readonly #stop: AbortController;
  readonly #sinceOpened: () => number;
  #up = 0;
  #down = 0;
  #firstByteMs: number | undefined;

  /** `sinceOpened`: milliseconds since the flow began. */
  constructor(stop: AbortController, sinceOpened: () => number) {
    this.#stop = stop;
    this.#sinceOpened = sinceOpened;
  }

  count(up: number, down: number): void {
    this.#up = up;
    this.#down = down;
    if (down > 0) this.#firstByteMs ??= this.#sinceOpened();
  }

  bytes(): CarriedBytes {
    return { up: this.#up, down: this.#down, firstByteMs: this.#firstByteMs };
  }

  /** A relay has nothing between its two sides that could be sent first: both ways of closing are a reset. */
  close(): void {
    this.#stop.abort();
  }
}
