/** Lists of ports and ranges as rules write them: `80/443/1000-2000`. */

export interface PortRange {
  readonly first: number;
  /** Included. */
  readonly last: number;
}

export interface PortList {
  readonly ranges: readonly PortRange[];
  /** Items that are no ports, with their places in the text (from 0). */
  readonly wrong: readonly { readonly text: string; readonly offset: number }[];
}

/**
 * Reads a list of ports and ranges separated by `/`; spaces around items, empty items and ranges from the greater to the
 * smaller are allowed, as in Clash. Port 0, which no connection has, may begin a range.
 */
export function parsePortList(text: string): PortList {
  const ranges: PortRange[] = [];
  const wrong: { text: string; offset: number }[] = [];
  let offset = 0;
  for (const part of text.split('/')) {
    const item = part.trim();
    const at = offset + part.length - part.trimStart().length;
    offset += part.length + 1;
    if (item === '') continue;
    const [, from, to] = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(item) ?? [];
    const ends = [Number(from), Number(to ?? from)];
    const first = Math.max(Math.min(...ends), 1);
    const last = Math.max(...ends);
    if (last >= 1 && last <= 65_535) ranges.push({ first, last });
    else wrong.push({ text: item, offset: at });
  }
  return { ranges, wrong };
}

/** The usual spelling of ranges. */
export function formatPortList(ranges: readonly PortRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join('/');
}

export function isPortListed(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some((range) => port >= range.first && port <= range.last);
}
