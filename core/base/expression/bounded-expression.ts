/**
 * Regular expressions of others whose time is bounded: whether one matches anywhere in a text, and what the text is with all matches
 * replaced. In the syntax of .NET, look-around included, without back-references.
 */
import { type Program, programOf } from './expression-program.ts';
import { Search, type Slots } from './expression-search.ts';
import { ExpressionError } from './expression-syntax.ts';

/** Steps that one text takes; that all texts of one expression take together; that several expressions take, usually. */
const maxSteps = 500_000;
const maxStepsOfOne = 50_000_000;
const maxStepsInAll = 300_000_000;
/** UTF-16 units of what a replacement makes of a text. */
const maxReplaced = 10_000;

/** What expressions may take together. */
export class SearchBudget {
  left: number;

  constructor(steps = maxStepsInAll) {
    this.left = steps;
  }
}

export class BoundedExpression {
  readonly #searches: Searches;

  /** Throws `ExpressionError` for what cannot be read, or is too large. */
  constructor(text: string, budget?: SearchBudget) {
    this.#searches = new Searches(programOf(text, false), budget);
  }

  /** Throws `ExpressionError` when that takes too many steps. */
  test(text: string): boolean {
    return this.#searches.run(pointsOf(text), (search) => search.run());
  }
}

/** A part of what is put in the place of a match: text as it is, or what a group has matched. */
type Piece = string | { readonly group: number };

export class BoundedReplacement {
  readonly #pieces: readonly Piece[];
  readonly #searches: Searches;

  /**
   * `target` may have `$1`, `${1}`, `${name}`, `$&` and `$0` (the match), `$$`. What else follows a `$` is text, also a group that the
   * pattern has not. Throws `ExpressionError` for a pattern that cannot be read, or is too large.
   */
  constructor(pattern: string, target: string, budget?: SearchBudget) {
    const program = programOf(pattern, true);
    this.#pieces = piecesOf(target, program.groups);
    this.#searches = new Searches(program, budget);
  }

  /** All matches, from the start on, that do not overlap. Throws `ExpressionError` when that takes too many steps, or becomes too long. */
  replace(text: string): string {
    const points = pointsOf(text);
    return this.#searches.run(points, (search) => {
      let made = '';
      let done = 0;
      for (let from = 0; from <= points.length; ) {
        const slots = search.next(from);
        if (slots === undefined) break;
        const [start = from, end = start] = slots;
        made += textOf(points, done, start) + this.#put(points, slots);
        if (made.length > maxReplaced) throw new ExpressionError('it makes too long a text');
        done = end;
        from = end > start ? end : end + 1;
      }
      return made + textOf(points, done, points.length);
    });
  }

  #put(points: readonly number[], slots: Slots): string {
    return this.#pieces
      .map((piece) => {
        if (typeof piece === 'string') return piece;
        const [start, end] = [slots[piece.group * 2], slots[piece.group * 2 + 1]];
        return start === undefined || end === undefined ? '' : textOf(points, start, end);
      })
      .join('');
  }
}

/** Those of one expression. */
class Searches {
  readonly #program: Program;
  readonly #own = new SearchBudget(maxStepsOfOne);
  readonly #shared: SearchBudget;

  constructor(program: Program, shared = new SearchBudget()) {
    this.#program = program;
    this.#shared = shared;
  }

  run<T>(points: readonly number[], run: (search: Search) => T): T {
    const search = new Search(this.#program, points, Math.min(maxSteps, this.#own.left, this.#shared.left));
    try {
      return run(search);
    } finally {
      this.#own.left -= search.steps;
      this.#shared.left -= search.steps;
    }
  }
}

function piecesOf(target: string, groups: ReadonlyMap<string, number>): Piece[] {
  const pieces: Piece[] = [];
  const marks = /\$(?:\$|&|(\d{1,4})|\{([\p{L}\p{N}_]{1,100})\})/gu;
  let done = 0;
  for (const mark of target.matchAll(marks)) {
    const [written, number, name] = mark;
    pieces.push(target.slice(done, mark.index));
    done = mark.index + written.length;
    const group = written === '$&' ? 0 : groups.get(number ?? name ?? '');
    if (written === '$$') pieces.push('$');
    else pieces.push(group === undefined ? written : { group });
  }
  pieces.push(target.slice(done));
  return pieces;
}

function pointsOf(text: string): number[] {
  return Array.from(text, (point) => point.codePointAt(0) ?? 0);
}

function textOf(points: readonly number[], start: number, end: number): string {
  return points
    .slice(start, end)
    .map((point) => String.fromCodePoint(point))
    .join('');
}
