/** "Perhaps you meant": the known word nearest to a misspelt one. */

/** The nearest of `words` that differs by at most two letters (and by less than half), or undefined. */
export function closestWord(word: string, words: readonly string[]): string | undefined {
  if (word.length > 40) return undefined;
  const plain = word.toLowerCase().replaceAll('_', '-');
  let best: string | undefined;
  let least = Math.min(2, Math.floor((plain.length - 1) / 2)) + 1;
  for (const candidate of words) {
    const distance = Math.abs(candidate.length - plain.length) < least ? editDistance(plain, candidate) : least;
    if (distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** Levenshtein: insertions, deletions and replacements that lead from one to the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
