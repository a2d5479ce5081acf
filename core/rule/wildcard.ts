/** Patterns in which `*` is any text, also none, and `?` is one character. */

export function hasWildcards(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

/** Takes time in proportion to the text and the pattern, whatever they are: a failed guess goes back to the last `*` only. */
export function wildcardMatcher(pattern: string): (text: string) => boolean {
  return (text) => {
    let at = 0;
    let place = 0;
    let star = -1;
    let resume = 0;
    while (at < text.length) {
      const wanted = pattern[place];
      if (wanted === '*') {
        star = place++;
        resume = at;
      } else if (wanted === '?' || wanted === text[at]) {
        place++;
        at++;
      } else if (star >= 0) {
        place = star + 1;
        at = ++resume;
      } else return false;
    }
    while (pattern[place] === '*') place++;
    return place === pattern.length;
  };
}
