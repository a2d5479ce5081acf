/**
 * Where clients wait for the server's first word (SMTP, SSH behind odd ports, databases): a look at their first bytes finds
 * nothing and costs its whole time. Learnt from one such look, for that address and port, and unlearnt by a client that speaks.
 */
import { LRUCache } from 'lru-cache';
import { formatEndpoint } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Endpoint } from '../contract/flow.ts';

const capacity = 1_024;
/** Milliseconds since the last connection at which the client was silent. */
const rememberedMs = 600_000;
/**
 * Milliseconds. Clients that speak first do so at once, as their SYN is answered here: even where one was silent before (a
 * browser that connects in advance), their names are found.
 */
const shortLook = 20;

export class SilentClients {
  readonly #clock: Clock;
  /** Destination -> until when, monotonic. */
  readonly #known = new LRUCache<string, number>({ max: capacity });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds that the first bytes of a connection to here are worth waiting for; `usual` as long as nothing is known. */
  patience(destination: Endpoint, usual: number): number {
    const until = this.#known.get(formatEndpoint(destination)) ?? 0;
    return this.#clock.monotonic() < until ? Math.min(shortLook, usual) : usual;
  }

  /** What came of a look. */
  note(destination: Endpoint, spoke: boolean): void {
    const key = formatEndpoint(destination);
    if (spoke) this.#known.delete(key);
    else this.#known.set(key, this.#clock.monotonic() + rememberedMs);
  }
}
