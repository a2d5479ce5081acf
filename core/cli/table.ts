/** Aligned text tables: pure. */
import { unreachable } from '../base/unreachable.ts';
import type { Paint, Style } from './paint.ts';
import { plainText } from './plain-text.ts';

/** How a cell gives way that is too wide: cut at its end (the default), cut in its middle, or broken into lines. */
export type Narrowing = 'end' | 'middle' | 'wrap';

export interface Column<R> {
  title: string;
  value: (row: R) => string;
  align?: 'left' | 'right';
  style?: (row: R) => Style | undefined;
  /** May be narrowed to this many columns when the terminal is narrow. */
  shrinkTo?: number;
  narrow?: Narrowing;
  /** Left out altogether when the terminal is narrow, the last one first, before others give way by more than half. */
  spare?: boolean;
  /** Width to begin with in a table that grows, where wider cells are still to come. */
  usual?: number;
}

export interface TableOptions {
  paint: Paint;
  /** Columns of the terminal; undefined = every cell is whole. */
  width: number | undefined;
}

const gap = '  ';

/**
 * Lines without line ends: titles, then rows; one line a row, save for columns that wrap. Columns whose cells are all empty
 * are left out. Within `width` columns the spare ones go first, then the shrinkable ones give way, widest first; without it
 * every cell is whole.
 */
export function renderTable<R>(columns: readonly Column<R>[], rows: readonly R[], options: TableOptions): string[] {
  const { width = Number.POSITIVE_INFINITY } = options;
  const measured = columns.map((column) => measure(column, rows, 0));
  const shown = withoutSpares(
    measured.filter(({ cells }) => rows.length === 0 || cells.some((cell) => cell !== '')),
    width,
  );
  const widths = fitWidths(shown, width);
  return [titleLine(shown, widths, options.paint), ...rowLines(shown, widths, rows, options.paint)];
}

/**
 * A table whose rows come one after the other: its columns stay where they are. On a terminal those that can give way keep
 * the width of the first rows; all others only ever become wider.
 */
export class LiveTable<R> {
  readonly #options: TableOptions;
  readonly #columns: readonly Column<R>[];
  #widths: readonly number[];
  #begun = false;

  constructor(columns: readonly Column<R>[], options: TableOptions) {
    this.#options = options;
    const shown = withoutSpares(
      columns.map((column) => measure(column, [], column.usual ?? 0)),
      options.width ?? Number.POSITIVE_INFINITY,
    );
    this.#columns = shown.map(({ column }) => column);
    this.#widths = shown.map(({ width }) => width);
  }

  /** Lines for these rows; the titles before the first. */
  add(rows: readonly R[]): string[] {
    const { paint, width } = this.#options;
    const shown = this.#columns.map((column, at) => measure(column, rows, this.#widths[at] ?? 0));
    const settled = this.#begun && width !== undefined;
    this.#widths = settled
      ? shown.map((column, at) => (column.column.shrinkTo === undefined ? column.width : (this.#widths[at] ?? 0)))
      : fitWidths(shown, width ?? Number.POSITIVE_INFINITY);
    const titles = this.#begun ? [] : [titleLine(shown, this.#widths, paint)];
    this.#begun = true;
    return [...titles, ...rowLines(shown, this.#widths, rows, paint)];
  }
}

function titleLine<R>(shown: readonly Measured<R>[], widths: readonly number[], paint: Paint): string {
  return joinCells(
    shown,
    widths,
    shown.map(({ column }) => column.title),
    (_, title) => paint('dim', title),
  );
}

function rowLines<R>(
  shown: readonly Measured<R>[],
  widths: readonly number[],
  rows: readonly R[],
  paint: Paint,
): string[] {
  return rows.flatMap((row, number) => {
    const cells = shown.map(({ column, cells }, at) => fitCell(cells[number] ?? '', widths[at] ?? 0, column.narrow));
    const height = Math.max(...cells.map((lines) => lines.length));
    return Array.from({ length: height }, (_, part) =>
      joinCells(
        shown,
        widths,
        cells.map((lines) => lines[part] ?? ''),
        (column, text) => paint(column.style?.(row), text),
      ),
    );
  });
}

function joinCells<R>(
  shown: readonly Measured<R>[],
  widths: readonly number[],
  texts: readonly string[],
  paint: (column: Column<R>, text: string) => string,
): string {
  return shown
    .map(({ column }, at) => {
      const text = texts[at] ?? '';
      const fill = ' '.repeat(Math.max(0, (widths[at] ?? 0) - displayWidth(text)));
      const painted = paint(column, text);
      return column.align === 'right' ? fill + painted : painted + fill;
    })
    .join(gap)
    .trimEnd();
}

interface Measured<R> {
  readonly column: Column<R>;
  readonly cells: readonly string[];
  /** Columns of the terminal that its widest cell takes, and its title. */
  readonly width: number;
}

function measure<R>(column: Column<R>, rows: readonly R[], least: number): Measured<R> {
  const cells = rows.map((row) => plainText(column.value(row)));
  const start = Math.max(least, displayWidth(column.title));
  return { column, cells, width: cells.reduce((widest, cell) => Math.max(widest, displayWidth(cell)), start) };
}

function withoutSpares<R>(columns: readonly Measured<R>[], width: number): readonly Measured<R>[] {
  const needed = columns.map((measured) => Math.min(measured.width, 2 * (measured.column.shrinkTo ?? measured.width)));
  if (excessOf(needed, width) <= 0) return columns;
  const last = columns.findLastIndex(({ column }) => column.spare === true);
  return last < 0 ? columns : withoutSpares(columns.toSpliced(last, 1), width);
}

function excessOf(widths: readonly number[], width: number): number {
  return widths.reduce((sum, one) => sum + one, 0) + gap.length * (widths.length - 1) - width;
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

/** Lines of a cell, none of them wider than `width`. */
function fitCell(text: string, width: number, narrow: Narrowing = 'end'): string[] {
  if (displayWidth(text) <= width) return [text];
  switch (narrow) {
    case 'end':
      return [`${beginning(text, width - 1)}…`];
    case 'middle': {
      const end = ending(text, Math.floor((width - 1) / 2));
      return [`${beginning(text, width - 1 - displayWidth(end))}…${end}`];
    }
    case 'wrap':
      return wrapWords(text, width);
    default:
      return unreachable(narrow);
  }
}

/** As many characters from the start as `width` columns hold. */
function beginning(text: string, width: number): string {
  let kept = '';
  for (const character of text) {
    if (displayWidth(kept + character) > width) break;
    kept += character;
  }
  return kept;
}

/** As many characters from the end as `width` columns hold. */
function ending(text: string, width: number): string {
  let kept = '';
  for (const character of Array.from(text).toReversed()) {
    if (displayWidth(character + kept) > width) break;
    kept = character + kept;
  }
  return kept;
}

/** Broken at spaces; within a word only where it is wider than a line. */
function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (displayWidth(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (displayWidth(line) > width) {
      // At least one character a line, or a wide one in a column of one would never end.
      const piece = beginning(line, width) || String.fromCodePoint(line.codePointAt(0) ?? 0);
      lines.push(piece);
      line = line.slice(piece.length);
    }
  }
  return line === '' ? lines : [...lines, line];
}

function fitWidths<R>(columns: readonly Measured<R>[], width: number): number[] {
  const widths = columns.map((column) => column.width);
  for (let excess = excessOf(widths, width); excess > 0; excess -= 1) {
    const widest = widths.reduce((best, one, at) => {
      const minimum = columns[at]?.column.shrinkTo;
      if (minimum === undefined || one <= minimum) return best;
      return best < 0 || one > (widths[best] ?? 0) ? at : best;
    }, -1);
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}
