/**
 * Which name a real address was answered for (redir-host, and names that the filter keeps): a guess, since many names share an
 * address. Kept for hours, because programs remember addresses for longer than the record's TTL.
 */
import { LRUCache } from 'lru-cache';
import type { Ip } from '../../base/address.ts';
import type { Clock } from '../../base/clock.ts';

const capacity = 65_536;
/** Milliseconds since the name was last answered or connected to. */
const longest = 12 * 3_600_000;

interface Memory {
  readonly name: string;
  readonly since: number;
}

export class AddressMemory {
  readonly #clock: Clock;
  readonly #names = new LRUCache<Ip, Memory>({ max: capacity });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An address was answered for a normalised name; the newest name wins. */
  remember(address: Ip, name: string): void {
    this.#names.set(address, { name, since: this.#clock.monotonic() });
  }

  /** The address is no longer any name's. */
  forget(address: Ip): void {
    this.#names.delete(address);
  }

  /** Looking it up keeps it. */
  lookup(address: Ip): string | undefined {
    const memory = this.#names.get(address);
    if (memory === undefined) return undefined;
    if (this.#clock.monotonic() - memory.since > longest) {
      this.#names.delete(address);
      return undefined;
    }
    this.remember(address, memory.name);
    return memory.name;
  }
}
