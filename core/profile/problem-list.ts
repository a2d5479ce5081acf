/** Collects what is wrong with a profile, in the order of the text, with an end to it. */
import type { ConfigProblem } from '../contract/error.ts';

/** More problems than this are counted, not listed. */
export const maxProblems = 1000;

export class ProblemList {
  readonly #problems: ConfigProblem[] = [];
  #errors = 0;
  #unlistedErrors = 0;
  #unlistedWarnings = 0;

  /** Always counts: `hasErrors` holds for errors that are not listed, too. */
  add(problem: ConfigProblem): void {
    const isError = problem.severity === 'error';
    if (isError) this.#errors += 1;
    if (!this.isFull) this.#problems.push(problem);
    else if (isError) this.#unlistedErrors += 1;
    else this.#unlistedWarnings += 1;
  }

  get isFull(): boolean {
    return this.#problems.length >= maxProblems;
  }

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  /** By line and column; ones without a place first. The last entry says how many are not listed, if any are not. */
  sorted(): ConfigProblem[] {
    const sorted = this.#problems.toSorted(
      (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    );
    if (this.#unlistedErrors + this.#unlistedWarnings === 0) return sorted;
    const message = `${this.#unlistedErrors} more errors and ${this.#unlistedWarnings} more warnings are not listed`;
    return [...sorted, { severity: this.#unlistedErrors > 0 ? 'error' : 'warning', path: '', message }];
  }
}
