/** Lists of numbers and ranges as rules write them: ports as `80/443/1000-2000`, users, traffic classes. */

export interface NumberRange {
  readonly first: number;
  /** Included. */
  readonly last: number;
}

export interface RangeList {
  readonly ranges: readonly NumberRange[];
  /** Items that are no such numbers, with their places in the text (from 0). */
  readonly wrong: readonly { readonly text: string; readonly offset: number }[];
}

/**
 * Reads a list of numbers from `least` to `most` and ranges of them, separated by `/`; spaces around items, empty items and
 * ranges from the greater to the smaller are allowed, as in Clash. What is less than `least` may begin a range.
 */
export function parseRangeList(text: string, least: number, most: number): RangeList {
  const ranges: NumberRange[] = [];
  const wrong: { text: string; offset: number }[] = [];
  let offset = 0;
  for (const part of text.split('/')) {
    const item = part.trim();
    const at = offset + part.length - part.trimStart().length;
    offset += part.length + 1;
    if (item === '') continue;
    const [, from, to] = /^(\d{1,10})(?:\s*-\s*(\d{1,10}))?$/.exec(item) ?? [];
    const ends = [Number(from), Number(to ?? from)];
    const first = Math.max(Math.min(...ends), least);
    const last = Math.max(...ends);
    if (last >= least && last <= most) ranges.push({ first, last });
    else wrong.push({ text: item, offset: at });
  }
  return { ranges, wrong };
}

/** The usual spelling of ranges. */
export function formatRangeList(ranges: readonly NumberRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join('/');
}

export function isListed(ranges: readonly NumberRange[], number: number): boolean {
  return ranges.some((range) => number >= range.first && number <= range.last);
}
