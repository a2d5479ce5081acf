/**
 * A search in one text. Each step is known by its place in the program and in the text, so none is taken twice in one round: without
 * back-references, what did not lead to a match once does not by another way either. Steps are counted, look-around included.
 */

import { isWord } from './expression-characters.ts';
import type { Place, Program, Step } from './expression-program.ts';
import { ExpressionError } from './expression-syntax.ts';

/** Steps times places of the text; each takes four bytes. */
const maxStates = 2_000_000;

/** Where groups begin and end, two for each; undefined for one that was not passed. */
export type Slots = readonly (number | undefined)[];

type Open =
  | { readonly state: number }
  /** What a group was before a way that has come to nothing. */
  | { readonly slot: number; readonly was: number | undefined };

export class Search {
  readonly #program: readonly Step[];
  readonly #text: readonly number[];
  /** Of a look-around at a place. */
  readonly #looks = new Map<number, boolean>();
  /** The last round of searching that has come to a step at a place. What is in a look-around is reached from there only. */
  readonly #seen: Uint32Array;
  readonly #limit: number;
  #rounds = 1;
  steps = 0;

  /** `limit`: steps. Throws `ExpressionError` for a text that is too long for the program. */
  constructor({ steps }: Program, text: readonly number[], limit: number) {
    const states = steps.length * (text.length + 1);
    if (states > maxStates) throw new ExpressionError('it takes too long');
    this.#program = steps;
    this.#text = text;
    this.#limit = limit;
    this.#seen = new Uint32Array(states);
  }

  /** Whether it matches anywhere. */
  run(): boolean {
    for (let from = 0; from <= this.#text.length; from++) if (this.#reaches(0, from, 1, undefined)) return true;
    return false;
  }

  /** The first match that begins at `start` or behind it: slot 0 and 1 are its own ends. What is in look-around is not noted. */
  next(start: number): Slots | undefined {
    const round = ++this.#rounds;
    for (let from = start; from <= this.#text.length; from++) {
      const slots = this.#match(from, round);
      if (slots !== undefined) return slots;
    }
    return undefined;
  }

  #match(from: number, round: number): Slots | undefined {
    const width = this.#text.length + 1;
    const slots: (number | undefined)[] = [from];
    const open: Open[] = [{ state: from }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if ('slot' in next) {
        slots[next.slot] = next.was;
        continue;
      }
      const { state } = next;
      const step = this.#enter(state, round);
      if (step === undefined) continue;
      const at = state % width;
      if (step.kind === 'match') {
        slots[1] = at;
        return slots;
      }
      if (step.kind === 'save') {
        open.push({ slot: step.slot, was: slots[step.slot] });
        slots[step.slot] = at;
      }
      // The last one is taken first.
      for (const to of this.#following(step, (state - at) / width, at).toReversed()) open.push({ state: to });
    }
    return undefined;
  }

  /**
   * Whether `match` is reached from a step at a place; at the place `end`, if that is given. What this round has come to before did
   * not lead there.
   */
  #reaches(start: number, from: number, round: number, end: number | undefined): boolean {
    const width = this.#text.length + 1;
    const open = [start * width + from];
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      const step = this.#enter(state, round);
      if (step === undefined) continue;
      const at = state % width;
      if (step.kind === 'match' && (end === undefined || at === end)) return true;
      open.push(...this.#following(step, (state - at) / width, at));
    }
    return false;
  }

  /** The step there, if this round comes to it for the first time. */
  #enter(state: number, round: number): Step | undefined {
    if (this.#seen[state] === round) return undefined;
    this.#seen[state] = round;
    const step = this.#program[Math.floor(state / (this.#text.length + 1))];
    this.steps += step?.kind === 'char' ? step.cost : 1;
    if (this.steps > this.#limit) throw new ExpressionError('it takes too long');
    return step;
  }

  /** Where a step leads, the first choice first. */
  #following(step: Step, index: number, at: number): number[] {
    const width = this.#text.length + 1;
    switch (step.kind) {
      case 'match':
        return [];
      case 'char': {
        const code = this.#text[at];
        return code !== undefined && step.test(code) ? [(index + 1) * width + at + 1] : [];
      }
      case 'split':
        return step.to.map((to) => to * width + at);
      case 'jump':
        return [step.to * width + at];
      case 'save':
        return [(index + 1) * width + at];
      case 'at':
        return this.#isAt(step.place, at) ? [(index + 1) * width + at] : [];
      case 'look':
        return this.#looksSo(step, at) === step.wanted ? [step.to * width + at] : [];
    }
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

  #isAt(place: Place, at: number): boolean {
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
