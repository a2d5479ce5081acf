/** Waiting that ends: at a deadline, or when it is given up. What is waited for goes on; others may want it. */

import type { ErrorCode } from '../contract/error.ts';
import { AppError } from './app-error.ts';
import type { Clock } from './clock.ts';
import { deferred } from './deferred.ts';

type Timer = Pick<Clock, 'after'>;

/** What `work` comes to, or after `ms` what `late` returns or throws. A failure of `work` that comes later is nobody's. */
export async function within<T, L>(timer: Timer, ms: number, work: Promise<T>, late: () => L): Promise<T | L> {
  const over = deferred<undefined>();
  const cancel = timer.after(ms, () => over.resolve(undefined));
  try {
    const done = await Promise.race([work.then((value) => ({ value })), over.promise]);
    return done === undefined ? late() : done.value;
  } finally {
    cancel();
  }
}

/** What `work` comes to; rejects with the signal's reason, as an error of `code` unless it has one, when that comes first. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal, code: ErrorCode): Promise<T> {
  const gaveUp = deferred<never>();
  const onAbort = (): void => gaveUp.reject(AppError.from(signal.reason, code, 'given up'));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, gaveUp.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A life within another: ends with that one's signal, at a deadline, or when it is told to. */
export class Lifetime {
  readonly #own = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort = (): void => this.abort(this.#outer?.reason);
  #cancel: (() => void) | undefined;

  /** Has ended already where `outer` has. Must be released. */
  constructor(outer?: AbortSignal) {
    this.#outer = outer;
    if (outer?.aborted === true) this.#onAbort();
    else outer?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#own.signal;
  }

  /** Ends it with what `reason` returns, unless it is released or ended within `ms`. The last deadline counts. */
  endAfter(timer: Timer, ms: number, reason: () => AppError): this {
    this.#cancel?.();
    this.#cancel = timer.after(ms, () => this.abort(reason()));
    return this;
  }

  abort(reason: unknown): void {
    this.#own.abort(reason);
  }

  /** Lets go of the outer life and the deadline: it ends only when it is told to, then. */
  release(): void {
    this.#cancel?.();
    this.#outer?.removeEventListener('abort', this.#onAbort);
  }
}
