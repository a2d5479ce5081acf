/** Aligned text tables: pure, one line a row, never wrapped. */
import type { Paint, Style } from './paint.ts';
import { plainText } from './plain-text.ts';

export interface Column<R> {
  title: string;
  value: (row: R) => string;
  align?: 'left' | 'right';
  style?: (row: R) => Style | undefined;
  /** May be cut to this many columns when the terminal is narrow. */
  shrinkTo?: number;
}

const gap = '  ';

/**
 * Lines without line ends: titles, then rows. Columns whose cells are all empty are left out. Within `width` columns the
 * shrinkable ones give way, widest first; without it nothing is cut.
 */
export function renderTable<R>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  options: { paint: Paint; width: number | undefined },
): string[] {
  const cells = rows.map((row) => columns.map((column) => plainText(column.value(row))));
  const shown = columns.flatMap((column, index) =>
    rows.length === 0 || cells.some((line) => line[index] !== '') ? [{ column, index }] : [],
  );
  const natural = shown.map(({ column, index }) =>
    Math.max(displayWidth(column.title), ...cells.map((line) => displayWidth(line[index] ?? ''))),
  );
  const widths = fitWidths(
    natural,
    shown.map(({ column }) => column.shrinkTo),
    options.width,
  );
  const line = (cellOf: (at: number) => string, styleOf: (at: number) => Style | undefined): string =>
    shown
      .map(({ column }, at) => {
        const width = widths[at] ?? 0;
        const text = cut(cellOf(at), width);
        const fill = ' '.repeat(width - displayWidth(text));
        const painted = options.paint(styleOf(at), text);
        return column.align === 'right' ? fill + painted : painted + fill;
      })
      .join(gap)
      .trimEnd();
  return [
    line(
      (at) => shown[at]?.column.title ?? '',
      () => 'dim',
    ),
    ...rows.map((row, number) =>
      line(
        (at) => cells[number]?.[shown[at]?.index ?? -1] ?? '',
        (at) => shown[at]?.column.style?.(row),
      ),
    ),
  ];
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const combining = /^\p{M}$/u;

/** Columns that a text takes on a terminal: East Asian wide characters (UAX #11) take two, combining ones none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (combining.test(character)) continue;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}

function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (displayWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

function fitWidths(
  natural: readonly number[],
  minima: readonly (number | undefined)[],
  width: number | undefined,
): number[] {
  const widths = [...natural];
  if (width === undefined) return widths;
  let excess = widths.reduce((sum, one) => sum + one, 0) + gap.length * (widths.length - 1) - width;
  while (excess > 0) {
    const widest = widths.reduce((best, one, at) => {
      const minimum = minima[at];
      if (minimum === undefined || one <= minimum) return best;
      return best < 0 || one > (widths[best] ?? 0) ? at : best;
    }, -1);
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}
