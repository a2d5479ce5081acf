/** A queue of several clients' things, a client's in their order, clients in turn: one with thousands waits for itself alone. */
export class RoundRobin<K, T> {
  /** The first client is next. */
  readonly #queues = new Map<K, Set<T>>();

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  /** Puts `item` behind what its client has here. */
  add(client: K, item: T): void {
    const queue = this.#queues.get(client);
    if (queue === undefined) this.#queues.set(client, new Set([item]));
    else queue.add(item);
  }

  /** Takes out the next one of the client whose turn it is; undefined when nothing is left. */
  take(): T | undefined {
    const [turn] = this.#queues;
    if (turn === undefined) return undefined;
    const [client, queue] = turn;
    const [item] = queue;
    this.#queues.delete(client);
    if (item === undefined) return undefined;
    queue.delete(item);
    if (queue.size > 0) this.#queues.set(client, queue);
    return item;
  }

  /** Takes out one that is no longer wanted. */
  delete(client: K, item: T): void {
    const queue = this.#queues.get(client);
    if (queue?.delete(item) === true && queue.size === 0) this.#queues.delete(client);
  }

  clear(): void {
    this.#queues.clear();
  }
}
