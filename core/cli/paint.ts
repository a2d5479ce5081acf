/** Colours of a terminal (ECMA-48 SGR), or none. */

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Wraps text in a style; an undefined style, and a terminal without colours, leave it as it is. */
export type Paint = (style: Style | undefined, text: string) => string;

const codes: Record<Style, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export const plainPaint: Paint = (_, text) => text;

export const colourPaint: Paint = (style, text) => {
  if (style === undefined || text === '') return text;
  const [on, off] = codes[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
};

/** Colours only on a terminal, and not where NO_COLOR (no-color.org) or TERM=dumb says so. */
export function paintFor(stream: { isTTY?: boolean }, environment: Record<string, string | undefined>): Paint {
  const wanted = stream.isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
  return wanted ? colourPaint : plainPaint;
}
