/** Collects the new names of one turn of the event loop, so that their mappings are stored by one commit. */
import { type Ip, numberToIpv4 } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { AddressRequest } from './fake-ip-pool.ts';

/** The part of `FakeIpPool` that gives out addresses. */
export interface AddressPool {
  /** IPv4 addresses as numbers, in the order of the requests. */
  allocateAll(requests: readonly AddressRequest[]): (number | AppError)[];
}

interface Waiting extends AddressRequest {
  resolve(address: Ip): void;
  reject(error: AppError): void;
}

export class AllocationQueue {
  readonly #pool: AddressPool;
  #waiting: Waiting[] = [];

  constructor(pool: AddressPool) {
    this.#pool = pool;
  }

  /** The address of a name; its mapping is durable when this resolves. Rejects with FAKE_IP_EXHAUSTED or FAKE_IP_STORE. */
  allocate(name: string, client: string): Promise<Ip> {
    if (this.#waiting.length === 0) queueMicrotask(() => this.#flush());
    return new Promise((resolve, reject) => this.#waiting.push({ name, client, resolve, reject }));
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const outcomes = this.#outcomes(waiting);
    for (const [i, waiter] of waiting.entries()) {
      const outcome = outcomes[i] ?? new AppError('INTERNAL', 'the pool said nothing about a name');
      if (outcome instanceof AppError) waiter.reject(outcome);
      else waiter.resolve(numberToIpv4(outcome));
    }
  }

  #outcomes(waiting: readonly Waiting[]): (number | AppError)[] {
    try {
      return this.#pool.allocateAll(waiting);
    } catch (error) {
      return waiting.map(() => AppError.from(error));
    }
  }
}
