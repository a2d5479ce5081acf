/** Collects what is wrong with a profile, in the order of the text, with an end to it. */
import type { ConfigProblem } from '../contract/error.ts';
import {
  fillText,
  type HintCode,
  hintTexts,
  laterCodes,
  type ProblemCode,
  type ProblemValues,
  problemTexts,
} from '../contract/problem-texts.ts';

/** More problems than this are counted, not listed; errors go before warnings. */
export const maxProblems = 1000;
/** Problems with the same text that are listed, so that one slip in every entry of a long list hides nothing else. */
export const maxAlike = 100;

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
  readonly #listed = { error: [] as ConfigProblem[], warning: [] as ConfigProblem[] };
  /** `later`: those of the errors that only say what is not supported yet. */
  readonly #unlisted = { error: 0, warning: 0, later: 0 };
  #forbids = false;
  /** How many of a text are listed. */
  readonly #alike = new Map<string, number>();

  /** Always counts: `forbids` holds for errors that are not listed, too. */
  add(problem: ConfigProblem): void {
    const { severity, code, message, leftOut } = problem;
    if (severity === 'error' && leftOut !== true) this.#forbids = true;
    const text = `${severity} ${code} ${message}`;
    const alike = this.#alike.get(text) ?? 0;
    if (alike >= maxAlike || this.#listed[severity].length >= maxProblems) {
      this.#unlisted[severity] += 1;
      if (severity === 'error' && laterCodes.has(code)) this.#unlisted.later += 1;
      return;
    }
    this.#alike.set(text, alike + 1);
    this.#listed[severity].push(problem);
  }

  /** Whether further warnings are only counted, whatever they say. */
  get isFull(): boolean {
    return this.#listed.warning.length >= maxProblems;
  }

  /** Whether there is an error that costs more than the part that it is about. */
  get forbids(): boolean {
    return this.#forbids;
  }

  /** By file, line and column; ones without a place first, those of the override last. The last entry says how many are not listed, if any are not. */
  sorted(): ConfigProblem[] {
    const { error, warning } = this.#listed;
    const warnings = warning.slice(0, maxProblems - error.length);
    const sorted = [...error, ...warnings].toSorted(
      (a, b) => rankOf(a) - rankOf(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    );
    const counts = {
      errors: this.#unlisted.error,
      warnings: this.#unlisted.warning + warning.length - warnings.length,
    };
    if (counts.errors + counts.warnings === 0) return sorted;
    const { later } = this.#unlisted;
    const values = { errors: String(counts.errors), warnings: String(counts.warnings), later: String(later) };
    // Nothing new where all of them say what is not supported yet, as those above.
    return [...sorted, problemOf(counts.errors > later ? 'error' : 'warning', '', 'MORE_UNLISTED', values)];
  }
}

function rankOf({ file }: ConfigProblem): number {
  return file === undefined ? 0 : 1;
}
