/** Places for questions under way. When all are taken, whoever has most loses its longest waiting one: a flood ends its own. */
import { AppError } from '../base/app-error.ts';

export class FairPlaces {
  readonly #most: number;
  /** What was told to who lost a place. */
  readonly #reason: string;
  /** Of each client, the longest waiting first. */
  readonly #taken = new Map<string, Set<AbortController>>();
  #count = 0;

  constructor(most: number, reason: string) {
    this.#most = most;
    this.#reason = reason;
  }

  /** Takes a place until the returned function is called; `life` is aborted when the place is lost to somebody else. */
  take(client: string, life: AbortController): () => void {
    if (this.#count >= this.#most) this.#giveWay(client);
    const own = this.#taken.get(client) ?? new Set();
    this.#taken.set(client, own.add(life));
    this.#count += 1;
    return () => this.#leave(client, life);
  }

  /** Ends everything under way. */
  endAll(reason: AppError): void {
    for (const own of this.#taken.values()) for (const life of own) life.abort(reason);
  }

  /** Of clients that have equally many, the one that asks now. */
  #giveWay(asking: string): void {
    let greatest = asking;
    for (const [client, own] of this.#taken) if (own.size > this.#sizeOf(greatest)) greatest = client;
    const [longest] = this.#taken.get(greatest) ?? [];
    if (longest === undefined) return;
    this.#leave(greatest, longest);
    longest.abort(new AppError('DNS_IO', this.#reason));
  }

  #sizeOf(client: string): number {
    return this.#taken.get(client)?.size ?? 0;
  }

  #leave(client: string, life: AbortController): void {
    const own = this.#taken.get(client);
    if (own?.delete(life) !== true) return;
    this.#count -= 1;
    if (own.size === 0) this.#taken.delete(client);
  }
}
