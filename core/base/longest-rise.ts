/** The longest rising subsequence, by patience sorting: n log n. What is left when as little as possible is moved. Pure. */

/** The numbers of one; each number stands once. */
export function longestRise(numbers: readonly number[]): Set<number> {
  /** For each length the index of the least number that ends a rise of it; for each index the one before it. */
  const ends: number[] = [];
  const previous: number[] = [];
  for (const [at, number] of numbers.entries()) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((numbers[ends[middle] ?? 0] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    previous[at] = low === 0 ? -1 : (ends[low - 1] ?? -1);
    ends[low] = at;
  }
  const rise = new Set<number>();
  for (let at = ends.at(-1) ?? -1; at >= 0; at = previous[at] ?? -1) rise.add(numbers[at] ?? 0);
  return rise;
}

/** Makes items that are said twice different, by their count. */
export function numbered(items: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return items.map((id) => {
    const count = (counts.get(id) ?? 0) + 1;
    counts.set(id, count);
    return `${count} ${id}`;
  });
}
