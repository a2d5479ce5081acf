/** Collects what is wrong with a profile, in the order of the text, with an end to it. */
import type { ConfigProblem } from '../contract/error.ts';
import {
  fillText,
  type HintCode,
  hintTexts,
  type ProblemCode,
  type ProblemValues,
  problemTexts,
} from '../contract/problem-texts.ts';

/** More problems than this are counted, not listed. */
export const maxProblems = 1000;

/** What would be right: in words, with values of their own, or as it would be written. */
export type Hint = HintCode | { readonly code: HintCode; readonly values: ProblemValues } | { readonly write: string };

/** A problem by its code, with its English text and without a place. */
export function problemOf(
  severity: ConfigProblem['severity'],
  path: string,
  code: ProblemCode,
  values: ProblemValues = {},
  hint?: Hint,
): ConfigProblem {
  const known =
    typeof hint === 'string' ? { code: hint, values: {} } : hint !== undefined && 'code' in hint ? hint : undefined;
  const all = { ...values, ...known?.values };
  const message = fillText(problemTexts[code], all);
  const expected =
    known !== undefined
      ? fillText(hintTexts[known.code], all)
      : hint !== undefined && typeof hint !== 'string' && 'write' in hint
        ? hint.write
        : undefined;
  return {
    severity,
    code,
    path,
    message,
    ...(expected === undefined ? {} : { expected }),
    ...(known === undefined ? {} : { hint: known.code }),
    ...(Object.keys(all).length === 0 ? {} : { values: all }),
  };
}

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
    const counts = { errors: String(this.#unlistedErrors), warnings: String(this.#unlistedWarnings) };
    return [...sorted, problemOf(this.#unlistedErrors > 0 ? 'error' : 'warning', '', 'MORE_UNLISTED', counts)];
  }
}
