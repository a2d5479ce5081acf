/** Places for questions under way. When all are taken, whoever has most loses its longest waiting one: a flood ends its own. */
import { AppError } from '../../base/app-error.ts';

export class FairPlaces {
  readonly #most: number;
  /** What was told to who lost a place. */
  readonly #reason: string;
  /** Of each client, the longest waiting first. */
  readonly #taken = new Map<string, Set<AbortController>>();
  /** Clients by how many places they have: a flood from ever more addresses must not make each question a search. */
  readonly #bySize: Set<string>[] = [];
  /** How many places whoever has most has. */
  #greatest = 0;
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
    this.#move(client, own.size - 1, own.size);
    this.#count += 1;
    return () => this.#leave(client, life);
  }

  /** Ends everything under way. */
  endAll(reason: AppError): void {
    for (const own of this.#taken.values()) for (const life of own) life.abort(reason);
  }

  /** Of clients that have equally many, the one that asks now. */
  #giveWay(asking: string): void {
    const isAmongThem = this.#sizeOf(asking) === this.#greatest;
    const [first = asking] = this.#bySize[this.#greatest] ?? [];
    const greatest = isAmongThem ? asking : first;
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
    this.#move(client, own.size + 1, own.size);
    this.#count -= 1;
    if (own.size === 0) this.#taken.delete(client);
  }

  #move(client: string, from: number, to: number): void {
    this.#bySize[from]?.delete(client);
    if (to > 0) (this.#bySize[to] ??= new Set()).add(client);
    this.#greatest = Math.max(this.#greatest, to);
    while (this.#greatest > 0 && this.#bySize[this.#greatest]?.size === 0) this.#greatest -= 1;
  }
}
