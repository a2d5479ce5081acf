/**
 * Which element on the screen shows which row. A row that stays in sight keeps its element. When most are new, they take
 * over the elements of those that went, place by place: writing other text into elements is cheaper than making new ones.
 */
export class RowSlots {
  #slots = new Map<string, number>();
  #next = 0;

  /** A number per key, in the order of `keys`. Asking again for the same keys changes nothing. */
  assign(keys: readonly string[]): ReadonlyMap<string, number> {
    const staying = new Set(keys.filter((key) => this.#slots.has(key)));
    // With few new rows, taken-over elements would have to be moved past all the others.
    const free =
      staying.size * 2 >= keys.length
        ? []
        : [...this.#slots].filter(([key]) => !staying.has(key)).map(([, slot]) => slot);
    const freeSlots = free.values();
    this.#slots = new Map(
      keys.map((key) => [key, this.#slots.get(key) ?? freeSlots.next().value ?? this.#next++] as const),
    );
    return this.#slots;
  }
}
