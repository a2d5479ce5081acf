/** Carries bytes between two streams until both directions have ended; no policy, no logging. */
import type { Clock } from '../base/clock.ts';
import type { Stream } from './stream.ts';

export type RelayReason = 'done' | 'reset-by-client' | 'reset-by-remote' | 'closed' | 'idle';

export interface RelayResult {
  /** Bytes from the client to the remote side, and back. */
  readonly up: number;
  readonly down: number;
  readonly reason: RelayReason;
}

export interface RelayOptions {
  /** Called for each chunk with the bytes so far. */
  onBytes(up: number, down: number): void;
  /** Aborting resets both sides; the relay ends as `closed`. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Milliseconds without a byte in either direction until both sides are reset. */
  readonly idleMs: number;
  /** The same once one direction has ended. */
  readonly halfCloseMs: number;
}

/**
 * FIN of one side becomes FIN of the other and leaves the way back open; RST or an early close becomes RST. A slow reader
 * stops the other side's reading. Both streams belong to the relay and are gone when it resolves; it never rejects.
 */
export function relayStreams(client: Stream, remote: Stream, options: RelayOptions): Promise<RelayResult> {
  return new Promise((resolve) => new Relay(client, remote, options, resolve).start());
}

class Relay {
  readonly #client: Stream;
  readonly #remote: Stream;
  readonly #options: RelayOptions;
  readonly #resolve: (result: RelayResult) => void;
  #up = 0;
  #down = 0;
  /** Directions that have not ended. */
  #open = 2;
  #over = false;
  #lastMoved: number;
  #cancelTimer: () => void = () => undefined;
  readonly #abort = (): void => this.#finish('closed');

  constructor(client: Stream, remote: Stream, options: RelayOptions, resolve: (result: RelayResult) => void) {
    this.#client = client;
    this.#remote = remote;
    this.#options = options;
    this.#resolve = resolve;
    this.#lastMoved = options.clock.monotonic();
  }

  start(): void {
    if (this.#options.signal.aborted) return this.#finish('closed');
    this.#options.signal.addEventListener('abort', this.#abort, { once: true });
    this.#watch(this.#client, 'reset-by-client');
    this.#watch(this.#remote, 'reset-by-remote');
    this.#pump(this.#client, this.#remote, (bytes) => {
      this.#up += bytes;
    });
    this.#pump(this.#remote, this.#client, (bytes) => {
      this.#down += bytes;
    });
    this.#schedule();
  }

  #pump(from: Stream, to: Stream, count: (bytes: number) => void): void {
    const { readable } = from;
    const { writable } = to;
    writable.on('drain', () => readable.resume());
    writable.once('finish', () => this.#ended());
    if (readable.readableEnded) {
      writable.end();
      return;
    }
    readable.on('data', (chunk: Uint8Array) => {
      // The client's side may have ended on its own: an HTTP response that is whole.
      if (this.#over || writable.writableEnded) return;
      count(chunk.length);
      this.#lastMoved = this.#options.clock.monotonic();
      this.#options.onBytes(this.#up, this.#down);
      if (!writable.write(chunk)) readable.pause();
    });
    readable.once('end', () => writable.end());
    readable.resume();
  }

  #watch(stream: Stream, reason: RelayReason): void {
    const failed = (): void => this.#finish(reason);
    stream.readable.once('error', failed);
    stream.writable.once('error', failed);
    stream.readable.once('close', () => {
      if (!stream.readable.readableEnded) failed();
    });
    stream.writable.once('close', () => {
      if (!stream.writable.writableFinished) failed();
    });
    if (isBroken(stream)) queueMicrotask(failed);
  }

  #ended(): void {
    this.#open -= 1;
    this.#lastMoved = this.#options.clock.monotonic();
    if (this.#open === 0) this.#finish('done');
    else this.#schedule();
  }

  #schedule(): void {
    this.#cancelTimer();
    if (this.#over) return;
    const limit = this.#open === 2 ? this.#options.idleMs : this.#options.halfCloseMs;
    const left = this.#lastMoved + limit - this.#options.clock.monotonic();
    if (left <= 0) this.#finish('idle');
    else this.#cancelTimer = this.#options.clock.after(left, () => this.#schedule());
  }

  #finish(reason: RelayReason): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer();
    this.#options.signal.removeEventListener('abort', this.#abort);
    for (const stream of [this.#client, this.#remote]) {
      // Also where all was said but the other end keeps its connection open.
      if (reason !== 'done' || !stream.readable.readableEnded) stream.reset();
    }
    this.#resolve({ up: this.#up, down: this.#down, reason });
  }
}

/** Whether one end was destroyed before the relay began to listen. */
function isBroken({ readable, writable }: Stream): boolean {
  return (readable.destroyed && !readable.readableEnded) || (writable.destroyed && !writable.writableFinished);
}
