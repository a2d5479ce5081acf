/** A regular expression as the steps that a search takes. */

import type { CharTest } from './expression-characters.ts';
import { type Expression, ExpressionError, parseExpression } from './expression-syntax.ts';

/** Steps of one expression, and parts of it that are put into steps, repeated ones each time. */
const maxProgram = 5_000;
const maxParts = 50_000;

export type Place = (Expression & { kind: 'at' })['place'];

export type Step =
  | { readonly kind: 'char'; readonly test: CharTest; readonly cost: number }
  /** The first that leads to a match counts. */
  | { readonly kind: 'split'; readonly to: readonly number[] }
  | { readonly kind: 'at'; readonly place: Place }
  /** Notes where a group begins or ends. */
  | { readonly kind: 'save'; readonly slot: number }
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

export interface Program {
  readonly steps: readonly Step[];
  /** Numbers of groups by name, by number too; those of .NET: first the groups without a name. */
  readonly groups: ReadonlyMap<string, number>;
}

/** Without `captures` groups only group. Throws `ExpressionError` for what cannot be read, or is too large. */
export function programOf(text: string, captures: boolean): Program {
  const { expression, groups } = parseExpression(text);
  const compiler = new Compiler(captures);
  compiler.add(expression);
  compiler.emit({ kind: 'match' });
  return { steps: compiler.steps, groups };
}

class Compiler {
  readonly steps: Step[] = [];
  readonly #captures: boolean;
  #parts = 0;

  constructor(captures: boolean) {
    this.#captures = captures;
  }

  emit(step: Step): number {
    if (this.steps.length >= maxProgram) throw new ExpressionError('it is too large');
    this.steps.push(step);
    return this.steps.length - 1;
  }

  add(expression: Expression): void {
    // Of what is repeated and empty there would be no end, as it makes no step.
    if (++this.#parts > maxParts) throw new ExpressionError('it is too large');
    switch (expression.kind) {
      case 'char':
        this.emit({ kind: 'char', test: expression.test, cost: expression.cost ?? 1 });
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
        return this.#repeat(expression);
      case 'group':
        return this.#group(expression);
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

  #repeat({ part, min, max, lazy }: Expression & { kind: 'repeat' }): void {
    for (let i = 0; i < min; i++) this.add(part);
    const choice = (again: number, past: number): Step => ({ kind: 'split', to: lazy ? [past, again] : [again, past] });
    if (max === Number.POSITIVE_INFINITY) {
      const split = this.emit({ kind: 'jump', to: 0 });
      this.add(part);
      this.emit({ kind: 'jump', to: split });
      this.steps[split] = choice(split + 1, this.steps.length);
      return;
    }
    const splits: number[] = [];
    for (let i = min; i < max; i++) {
      splits.push(this.emit({ kind: 'jump', to: 0 }));
      this.add(part);
    }
    for (const split of splits) this.steps[split] = choice(split + 1, this.steps.length);
  }

  #group({ part, group }: Expression & { kind: 'group' }): void {
    if (!this.#captures) return this.add(part);
    this.emit({ kind: 'save', slot: group.number * 2 });
    this.add(part);
    this.emit({ kind: 'save', slot: group.number * 2 + 1 });
  }

  #look({ part, behind, wanted }: Expression & { kind: 'look' }): void {
    const look = this.emit({ kind: 'jump', to: 0 });
    const body = this.steps.length;
    this.add(part);
    this.emit({ kind: 'match' });
    this.steps[look] = { kind: 'look', body, behind, wanted, to: this.steps.length };
  }
}
