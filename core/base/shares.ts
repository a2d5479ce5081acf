/**
 * Places (or bytes, or rows) that clients share, so that none can take them all: a client may hold no more than what it
 * leaves free. One alone gets a half, two a third each, and there is always room for another (the "dynamic threshold" of
 * Choudhury and Hahne, which switches share their buffers by).
 */
export class Shares {
  readonly #total: number;
  readonly #held = new Map<string | number, number>();
  #used = 0;

  constructor(total: number) {
    this.#total = total;
  }

  get used(): number {
    return this.#used;
  }

  heldBy(client: string | number): number {
    return this.#held.get(client) ?? 0;
  }

  /** Takes so many for a client if its share allows it. */
  take(client: string | number, amount = 1): boolean {
    const held = this.heldBy(client) + amount;
    const used = this.#used + amount;
    if (held > this.#total - used) return false;
    this.#used = used;
    this.#held.set(client, held);
    return true;
  }

  /** Gives back what was taken. */
  give(client: string | number, amount = 1): void {
    const held = this.heldBy(client) - amount;
    if (held < 0) throw new RangeError(`${client} gives back more than it took`);
    this.#used -= amount;
    if (held === 0) this.#held.delete(client);
    else this.#held.set(client, held);
  }
}
