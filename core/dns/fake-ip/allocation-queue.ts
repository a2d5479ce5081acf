/** Collects the new names of one turn of the event loop, so that their mappings are stored by one commit. */
import { type Ip, numberToIpv4 } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';

/** A name that is to be answered now. */
export interface AddressRequest {
  /** Normalised. */
  readonly name: string;
  /** Whose share of the range a new mapping counts against: `uid:1000`, or the asker's address. */
  readonly client: string;
}

/** The part of `FakeIpPool` that gives out addresses. */
export interface AddressPool {
  /** IPv4 addresses as numbers, in the order of the requests. */
  allocateAll(requests: readonly AddressRequest[]): (number | AppError)[];
}

/** A name that is to have an address. */
export interface Waiting extends AddressRequest {
  /** Called once: its IPv4 address as a number, when the mapping is durable, or why there is none. Must not throw. */
  settle(outcome: number | AppError): void;
}

export class AllocationQueue {
  readonly #pool: AddressPool;
  #waiting: Waiting[] = [];

  constructor(pool: AddressPool) {
    this.#pool = pool;
  }

  /** To be settled in this turn, with an address, FAKE_IP_EXHAUSTED or FAKE_IP_STORE. */
  add(waiting: Waiting): void {
    if (this.#waiting.length === 0) queueMicrotask(() => this.#flush());
    this.#waiting.push(waiting);
  }

  /** The same as a promise of the address. */
  allocate(name: string, client: string): Promise<Ip> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: number | AppError): void =>
        outcome instanceof AppError ? reject(outcome) : resolve(numberToIpv4(outcome));
      this.add({ name, client, settle });
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const outcomes = this.#outcomes(waiting);
    waiting.forEach((waiter, i) => {
      waiter.settle(outcomes[i] ?? new AppError('INTERNAL', 'the pool said nothing about a name'));
    });
  }

  #outcomes(waiting: readonly Waiting[]): (number | AppError)[] {
    try {
      return this.#pool.allocateAll(waiting);
    } catch (error) {
      return waiting.map(() => AppError.from(error));
    }
  }
}
