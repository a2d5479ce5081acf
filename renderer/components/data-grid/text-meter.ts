/** How wide texts are in the fonts of a table. */

/** Both sides of a cell, see data-grid.css, and a pixel for what rounding takes. */
const cellPadding = 15;
/** The arrow of a sorted column and its gap. */
const sortArrow = 16;
/** Widths grow in steps, so that columns do not creep from row to row. Pixels. */
const step = 8;

export class TextMeter {
  readonly #context = document.createElement('canvas').getContext('2d');
  readonly #fonts: { readonly text: string; readonly mono: string; readonly title: string };

  /** Reads the fonts of the document once. */
  constructor() {
    const style = getComputedStyle(document.documentElement);
    const token = (name: string) => style.getPropertyValue(name).trim();
    this.#fonts = {
      text: `${token('--size')} ${token('--font')}`,
      mono: `${token('--size-small')} ${token('--mono')}`,
      title: `600 ${token('--size-small')} ${token('--font')}`,
    };
  }

  /** Pixels of a cell with this text, in whole steps. */
  cell(text: string, { mono = false, beside = 0 }: { mono?: boolean; beside?: number }): number {
    return stepped(this.#width(text, mono ? 'mono' : 'text') + beside + cellPadding);
  }

  /** Pixels of a column's title. */
  title(text: string): number {
    return Math.ceil(this.#width(text, 'title') + sortArrow + cellPadding);
  }

  #width(text: string, font: 'text' | 'mono' | 'title'): number {
    if (this.#context === null) return 0;
    this.#context.font = this.#fonts[font];
    return this.#context.measureText(text).width;
  }
}

function stepped(width: number): number {
  return Math.ceil(width / step) * step;
}
