/** How much of the range each client has, so that one (a broken program, a page that makes up names) cannot take it all. */

/** Clients that are told apart; what comes with ever new names shares one share. */
const mostClients = 256;
const others = 'others';

export class ClientShares {
  readonly #most: number;
  readonly #held = new Map<string, number>();

  /** Nobody may have more than half of `capacity`. */
  constructor(capacity: number) {
    this.#most = Math.floor(capacity / 2);
  }

  /** Under which key a client is counted; to be kept with what it takes. */
  keyOf(client: string): string {
    return this.#held.has(client) || this.#held.size < mostClients ? client : others;
  }

  isFull(key: string): boolean {
    return (this.#held.get(key) ?? 0) >= this.#most;
  }

  add(key: string): void {
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
  }

  remove(key: string): void {
    const left = (this.#held.get(key) ?? 0) - 1;
    if (left > 0) this.#held.set(key, left);
    else this.#held.delete(key);
  }
}
