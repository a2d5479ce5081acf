/** Lists of ports and ranges as rules write them: `80/443/1000-2000`. */

export interface PortRange {
  readonly first: number;
  /** Included. */
  readonly last: number;
}

export interface PortListProblem {
  readonly message: string;
  /** Where in the text, from 0. */
  readonly offset: number;
}

export type PortList =
  | { readonly ok: true; readonly ranges: PortRange[] }
  | { readonly ok: false; readonly problem: PortListProblem };

/** Reads a list of ports (1-65535) and ranges separated by `/`; spaces around items are allowed. */
export function parsePortList(text: string): PortList {
  const ranges: PortRange[] = [];
  let offset = 0;
  for (const part of text.split('/')) {
    const item = part.trim();
    const at = offset + part.length - part.trimStart().length;
    offset += part.length + 1;
    const match = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(item);
    if (match === null) {
      const message = item === '' ? 'a port is missing' : `"${item}" is neither a port nor a range`;
      return { ok: false, problem: { message, offset: at } };
    }
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (first < 1 || first > 65_535 || last < 1 || last > 65_535) {
      return { ok: false, problem: { message: `"${item}" is out of range`, offset: at } };
    }
    if (first > last) return { ok: false, problem: { message: `the range "${item}" is backwards`, offset: at } };
    ranges.push({ first, last });
  }
  return { ok: true, ranges };
}

export function isPortListed(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some((range) => port >= range.first && port <= range.last);
}
