/** One event, many listeners: typed, in order. An exception of one listener does not keep the others from being called. */
export type Listener<T> = (value: T) => void;

export class Emitter<T> {
  readonly #listeners = new Set<Listener<T>>();

  /** Adds a listener; the returned function removes it. */
  on(listener: Listener<T>): () => void {
    const own: Listener<T> = (value) => listener(value);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Calls every listener; exceptions are rethrown after all have been called. */
  emit(value: T): void {
    if (this.#listeners.size === 0) return;
    const failures: unknown[] = [];
    for (const listener of Array.from(this.#listeners)) {
      try {
        listener(value);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures);
  }

  get size(): number {
    return this.#listeners.size;
  }
}
