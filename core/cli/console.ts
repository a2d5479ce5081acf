/** What a command prints with: lines for people on the one hand, one JSON document for programs on the other. */
import type { ConfigProblem, ErrorData } from '../contract/error.ts';
import { type ReportSource, renderReport } from '../profile/report.ts';
import { errorText, whatToDo } from './error-text.ts';
import { type Paint, paintFor } from './paint.ts';
import { type Column, LiveTable, renderTable, type TableOptions } from './table.ts';

export interface OutputStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export class Console {
  readonly #out: OutputStream;
  readonly #err: OutputStream;
  readonly #errPaint: Paint;
  readonly #cli: string;
  readonly paint: Paint;

  /** `cli`: how the command line is called here, for advice that names a command. */
  constructor(
    out: OutputStream,
    err: OutputStream,
    environment: Record<string, string | undefined>,
    cli: string = 'mirage',
  ) {
    this.#cli = cli;
    this.#out = out;
    this.#err = err;
    this.paint = paintFor(out, environment);
    this.#errPaint = paintFor(err, environment);
  }

  /** One line to standard output. */
  line(text = ''): void {
    this.#out.write(`${text}\n`);
  }

  /** One line to standard error: for what is not the result. */
  note(text: string): void {
    this.#err.write(`${text}\n`);
  }

  /** What is wrong with a profile, to standard error; nothing where nothing is. */
  noteProblems(problems: readonly ConfigProblem[], source: ReportSource): void {
    if (problems.length > 0) this.note(renderReport(problems, source, this.#errPaint));
  }

  table<R>(columns: readonly Column<R>[], rows: readonly R[]): void {
    for (const line of renderTable(columns, rows, this.#tableOptions)) this.line(line);
  }

  /** Prints rows as they are given to the returned function, one table over all calls. */
  liveTable<R>(columns: readonly Column<R>[]): (rows: readonly R[]) => void {
    const table = new LiveTable(columns, this.#tableOptions);
    return (rows) => {
      for (const line of table.add(rows)) this.line(line);
    };
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value, undefined, 2));
  }

  /** For people on standard error; with `json` as `{"error": ...}` on standard output, where a program reads. */
  error(error: ErrorData, options: { json: boolean }): void {
    const expected = whatToDo(error, this.#cli);
    if (options.json) this.json({ error: { ...error, ...(expected === undefined ? {} : { expected }) } });
    else this.noteError(error);
  }

  /** An error beside the result, on standard error in either form. */
  noteError(error: ErrorData): void {
    for (const line of errorText(error, this.#errPaint, this.#cli)) this.note(line);
  }

  get #tableOptions(): TableOptions {
    return { paint: this.paint, width: this.#out.isTTY === true ? this.#out.columns : undefined };
  }

  /** Standard error's colours, for lines given to `note`. */
  get notePaint(): Paint {
    return this.#errPaint;
  }
}
