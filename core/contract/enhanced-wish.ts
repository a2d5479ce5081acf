/**
 * What a person has asked of Enhanced Mode, as window and tray show it: at once, and until the helper has done it, refused it, or shown
 * no sign of it for three seconds. The truth is always the snapshot's.
 */
import type { TunnelState } from './status.ts';

/** Milliseconds without any sign of the helper after which a wish is given up. */
export const signOfLifeMs = 3_000;

export type EnhancedWish = 'on' | 'off' | 'restore';

export interface EnhancedWishOptions<Failure> {
  /** Calls back after a time; the returned function cancels. */
  readonly after: (ms: number, callback: () => void) => () => void;
  /** What there is to show from now on. */
  readonly show: (wish: EnhancedWish | undefined, failure: Failure | undefined) => void;
  readonly failureOf: (caught: unknown) => Failure;
  /** How it is told that there was no sign of the helper. */
  readonly silence: (wish: EnhancedWish) => Failure;
}

export class EnhancedWishes<Failure> {
  readonly #options: EnhancedWishOptions<Failure>;
  /** A later wish makes the answers of earlier ones void. */
  #number = 0;
  #cancelWait: (() => void) | undefined;
  /** The last wish, and whether the helper was seen working on it. */
  #asked: EnhancedWish | undefined;
  #working = false;

  constructor(options: EnhancedWishOptions<Failure>) {
    this.#options = options;
  }

  /** Never rejects: trouble is shown. Resolves with the answer; with undefined when there is none, or another wish was made meanwhile. */
  async ask<Answer>(wish: EnhancedWish, fulfil: () => Promise<Answer>): Promise<Answer | undefined> {
    const number = ++this.#number;
    this.#cancelWait?.();
    this.#asked = wish;
    this.#working = false;
    this.#cancelWait = this.#options.after(signOfLifeMs, () => this.#giveUp(wish));
    this.#options.show(wish, undefined);
    try {
      const answer = await fulfil();
      if (number !== this.#number) return undefined;
      this.#settle(undefined);
      return answer;
    } catch (caught) {
      if (number === this.#number) this.#settle(this.#options.failureOf(caught));
      return undefined;
    }
  }

  /** To be told of every state of the tunnel. */
  see(tunnel: TunnelState): void {
    if (this.#asked === undefined) return;
    const isOn = this.#asked === 'on';
    if (tunnel.kind === (isOn ? 'starting' : 'stopping')) {
      this.#working = true;
      this.#cancelWait?.();
    }
    const done = tunnel.kind === (isOn ? 'running' : 'stopped');
    // An error from before the wish says nothing about it; one after the work began is shown by the snapshot.
    if (done || (this.#working && tunnel.kind === 'error')) this.#settle(undefined);
  }

  #giveUp(wish: EnhancedWish): void {
    this.#settle(this.#options.silence(wish));
    // Should the helper do it after all, the snapshot takes the message away again.
    this.#asked = wish;
  }

  #settle(failure: Failure | undefined): void {
    this.#cancelWait?.();
    this.#cancelWait = undefined;
    this.#asked = undefined;
    this.#options.show(undefined, failure);
  }
}
