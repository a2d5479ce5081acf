/** The requests of one client that have no answer yet: how many, for how long, and who answers them. */
import { AppError, stackOf } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { type MethodName, methods, type Params, type Result } from '../contract/rpc.ts';
import type { ClientLimits } from './client-limits.ts';
import type { PeerCredentials } from './peer-auth.ts';
import { unchecked } from './unchecked.ts';

export interface Caller extends PeerCredentials {
  /** Aborted at the deadline and when the client is gone. */
  readonly signal: AbortSignal;
}

/** One handler for each method of the contract; the compiler lists what is missing. */
export type Handlers = {
  readonly [M in MethodName]: (params: Params<M>, caller: Caller) => Result<M> | Promise<Result<M>>;
};

export interface RequestServices {
  readonly handlers: Handlers;
  readonly clock: Clock;
  readonly log: Logger;
  readonly clients: ClientLimits;
  /** Whether results are checked against the contract before they are sent: in development and tests. */
  readonly checkResults: boolean;
}

export type Answer = { readonly result: unknown } | { readonly error: AppError };

export class OutstandingRequests {
  readonly #caller: PeerCredentials;
  readonly #services: RequestServices;
  readonly #respond: (id: number, method: MethodName, answer: Answer) => void;
  readonly #aborts = new Map<number, AbortController>();

  /** `respond` is called exactly once for each request, and not after `dispose`. */
  constructor(
    caller: PeerCredentials,
    services: RequestServices,
    respond: (id: number, method: MethodName, answer: Answer) => void,
  ) {
    this.#caller = caller;
    this.#services = services;
    this.#respond = respond;
  }

  has(id: number): boolean {
    return this.#aborts.has(id);
  }

  /** Calls the handler with parameters that keep to the contract; one too many is answered RPC_BUSY. */
  start(id: number, method: MethodName, params: unknown): void {
    const { clock, clients, log } = this.#services;
    const { limits, outstanding } = clients;
    const { uid } = this.#caller;
    if (this.#aborts.size >= limits.outstanding || !outstanding.take(uid)) {
      const error = new AppError('RPC_BUSY', `more than ${limits.outstanding} requests at once`);
      return this.#respond(id, method, { error });
    }
    const abort = new AbortController();
    this.#aborts.set(id, abort);
    const finish = (answer: Answer) => {
      if (!this.#aborts.delete(id)) return; // answered by the deadline already, or the client is gone
      cancelDeadline();
      this.#respond(id, method, answer);
    };
    const cancelDeadline = clock.after(limits.deadlineMs, () => {
      finish({ error: new AppError('RPC_TIMEOUT', `${method} took longer than ${limits.deadlineMs} ms`) });
      abort.abort();
    });
    this.#call(method, params, abort.signal)
      .finally(() => outstanding.give(uid))
      .then(
        (result) => finish({ result }),
        (caught: unknown) => {
          const error = AppError.from(caught);
          if (error.code === 'INTERNAL') log.error('request failed by a defect', { method, error: stackOf(caught) });
          finish({ error });
        },
      );
  }

  async #call<M extends MethodName>(method: M, params: unknown, signal: AbortSignal): Promise<Result<M>> {
    const handler = this.#services.handlers[method];
    const result = await handler(unchecked<Params<M>>(params), { ...this.#caller, signal });
    if (this.#services.checkResults) methods[method].result.parse(result);
    return result;
  }

  /** The client is gone: its requests are aborted and not answered. */
  dispose(): void {
    const aborts = [...this.#aborts.values()];
    this.#aborts.clear();
    for (const abort of aborts) abort.abort();
  }
}
