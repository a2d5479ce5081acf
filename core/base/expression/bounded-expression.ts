/**
 * Regular expressions with look-around whose time is bounded: whether one matches anywhere in a text, and nothing else. Without
 * captures and back-references each step is known by its place in the expression and in the text, so none is taken twice.
 */
import { type CharTest, type Expression, ExpressionError, isWord, parseExpression } from './expression-syntax.ts';

/** Steps that an expression has; that one text takes; that all texts take together. */
const maxProgram = 5_000;
const maxSteps = 500_000;
const maxStepsInAll = 50_000_000;

type Step =
  | { readonly kind: 'char'; readonly test: CharTest }
  | { readonly kind: 'split'; readonly to: readonly number[] }
  | { readonly kind: 'at'; readonly place: (Expression & { kind: 'at' })['place'] }
  /** `body`: steps of their own from there on, which end in `match`. */
  | {
      readonly kind: 'look';
      readonly body: number;
      readonly behind: boolean;
      readonly wanted: boolean;
      readonly to: number;
    }
  | { readonly kind: 'jump'; readonly to: number }
  | { readonly kind: 'match' };

export class BoundedExpression {
  readonly #program: readonly Step[];
  #left = maxStepsInAll;

  /** Throws `ExpressionError` for what cannot be read, or is too large. */
  constructor(text: string) {
    const compiler = new Compiler();
    compiler.add(parseExpression(text));
    compiler.emit({ kind: 'match' });
    this.#program = compiler.steps;
  }

  /** Throws `ExpressionError` when that takes too many steps. */
  test(text: string): boolean {
    const points = Array.from(text, (point) => point.codePointAt(0) ?? 0);
    const search = new Search(this.#program, points, Math.min(maxSteps, this.#left));
    const found = search.run();
    this.#left -= search.steps;
    return found;
  }
}

class Compiler {
  readonly steps: Step[] = [];

  emit(step: Step): number {
    if (this.steps.length >= maxProgram) throw new ExpressionError('it is too large');
    this.steps.push(step);
    return this.steps.length - 1;
  }

  add(expression: Expression): void {
    switch (expression.kind) {
      case 'char':
        this.emit({ kind: 'char', test: expression.test });
        return;
      case 'at':
        this.emit({ kind: 'at', place: expression.place });
        return;
      case 'sequence':
        for (const part of expression.parts) this.add(part);
        return;
      case 'choice':
        return this.#choice(expression.parts);
      case 'repeat':
        return this.#repeat(expression.part, expression.min, expression.max);
      case 'look':
        return this.#look(expression);
    }
  }

  #choice(parts: readonly Expression[]): void {
    const split = this.emit({ kind: 'jump', to: 0 });
    const starts: number[] = [];
    const ends: number[] = [];
    for (const part of parts) {
      starts.push(this.steps.length);
      this.add(part);
      ends.push(this.emit({ kind: 'jump', to: 0 }));
    }
    this.steps[split] = { kind: 'split', to: starts };
    for (const end of ends) this.steps[end] = { kind: 'jump', to: this.steps.length };
  }

  #repeat(part: Expression, min: number, max: number): void {
    for (let i = 0; i < min; i++) this.add(part);
    if (max === Number.POSITIVE_INFINITY) {
      const split = this.emit({ kind: 'jump', to: 0 });
      this.add(part);
      this.emit({ kind: 'jump', to: split });
      this.steps[split] = { kind: 'split', to: [split + 1, this.steps.length] };
      return;
    }
    const splits: number[] = [];
    for (let i = min; i < max; i++) {
      splits.push(this.emit({ kind: 'jump', to: 0 }));
      this.add(part);
    }
    for (const split of splits) this.steps[split] = { kind: 'split', to: [split + 1, this.steps.length] };
  }

  #look({ part, behind, wanted }: Expression & { kind: 'look' }): void {
    const look = this.emit({ kind: 'jump', to: 0 });
    const body = this.steps.length;
    this.add(part);
    this.emit({ kind: 'match' });
    this.steps[look] = { kind: 'look', body, behind, wanted, to: this.steps.length };
  }
}

/** One text. Its steps are counted together, look-around included. */
class Search {
  readonly #program: readonly Step[];
  readonly #text: readonly number[];
  /** Of a look-around at a place. */
  readonly #looks = new Map<number, boolean>();
  /** The last round of searching that has come to a step at a place. What is in a look-around is reached from there only. */
  readonly #seen: Uint32Array;
  readonly #limit: number;
  #rounds = 1;
  steps = 0;

  constructor(program: readonly Step[], text: readonly number[], limit: number) {
    this.#program = program;
    this.#text = text;
    this.#limit = limit;
    this.#seen = new Uint32Array(program.length * (text.length + 1));
  }

  run(): boolean {
    for (let from = 0; from <= this.#text.length; from++) if (this.#reaches(0, from, 1, undefined)) return true;
    return false;
  }

  /**
   * Whether `match` is reached from a step at a place; at the place `end`, if that is given. What this round has come to before did
   * not lead there.
   */
  #reaches(start: number, from: number, round: number, end: number | undefined): boolean {
    const seen = this.#seen;
    const width = this.#text.length + 1;
    const open = [start * width + from];
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      if (seen[state] === round) continue;
      seen[state] = round;
      if (++this.steps > this.#limit) throw new ExpressionError('it takes too long');
      const at = state % width;
      const index = (state - at) / width;
      const step = this.#program[index];
      switch (step?.kind) {
        case undefined:
          break;
        case 'match':
          if (end === undefined || at === end) return true;
          break;
        case 'char': {
          const code = this.#text[at];
          if (code !== undefined && step.test(code)) open.push((index + 1) * width + at + 1);
          break;
        }
        case 'split':
          for (const to of step.to) open.push(to * width + at);
          break;
        case 'jump':
          open.push(step.to * width + at);
          break;
        case 'at':
          if (this.#isAt(step.place, at)) open.push((index + 1) * width + at);
          break;
        case 'look':
          if (this.#looksSo(step, at) === step.wanted) open.push(step.to * width + at);
          break;
      }
    }
    return false;
  }

  #looksSo({ body, behind }: Step & { kind: 'look' }, at: number): boolean {
    const key = body * (this.#text.length + 1) + at;
    const known = this.#looks.get(key);
    if (known !== undefined) return known;
    const round = ++this.#rounds;
    let found = false;
    if (!behind) found = this.#reaches(body, at, round, undefined);
    else for (let from = at; from >= 0 && !found; from--) found = this.#reaches(body, from, round, at);
    this.#looks.set(key, found);
    return found;
  }

  #isAt(place: (Expression & { kind: 'at' })['place'], at: number): boolean {
    const before = this.#text[at - 1];
    const after = this.#text[at];
    switch (place) {
      case 'start':
        return at === 0;
      case 'end':
        // Also before a line feed that ends the text, as in .NET.
        return after === undefined || (after === 10 && at === this.#text.length - 1);
      case 'line-start':
        return before === undefined || before === 10;
      case 'line-end':
        return after === undefined || after === 10;
      case 'word':
      case 'no-word': {
        const isBorder = (before !== undefined && isWord(before)) !== (after !== undefined && isWord(after));
        return isBorder === (place === 'word');
      }
    }
  }
}
