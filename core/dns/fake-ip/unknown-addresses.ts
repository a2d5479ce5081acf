/** Slots without a mapping that somebody connected to: for a day nobody else may get them. Oldest first; it knows no names. */
import { connectedRest } from './fake-ip-reuse.ts';

/** More are not kept: the oldest gives way. */
const most = 4_096;

export class UnknownAddresses {
  /** Slot -> when it was last connected to. Unix time in milliseconds. */
  readonly #since = new Map<number, number>();

  get size(): number {
    return this.#since.size;
  }

  /** Notes a connection; answers a slot that is no longer kept for it. */
  add(slot: number, now: number): number | undefined {
    this.#since.delete(slot);
    this.#since.set(slot, now);
    return this.#since.size > most ? this.takeOldest() : undefined;
  }

  /** Forgets the one that was connected to longest ago, and answers it. */
  takeOldest(): number | undefined {
    const [oldest] = this.#since.keys();
    if (oldest !== undefined) this.#since.delete(oldest);
    return oldest;
  }

  /** Whether it was kept. */
  delete(slot: number): boolean {
    return this.#since.delete(slot);
  }

  /** When the slot was last connected to, if it is kept. */
  since(slot: number): number | undefined {
    return this.#since.get(slot);
  }

  /** Forgets those whose day is over; answers them. */
  expire(now: number): number[] {
    const expired: number[] = [];
    for (const [slot, at] of this.#since) {
      if (now - at < connectedRest) break;
      expired.push(slot);
    }
    for (const slot of expired) this.#since.delete(slot);
    return expired;
  }

  entries(): Iterable<[slot: number, since: number]> {
    return this.#since.entries();
  }
}
