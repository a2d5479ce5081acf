/**
 * Reads a regular expression in the syntax of .NET, as Clash's filters have it, into a tree. Back-references, conditions, atomic and
 * balancing groups are refused. What a character is, is known by `expression-characters.ts`.
 */
import {
  type CharTest,
  classes,
  controls,
  literalTest,
  posixClasses,
  propertyTest,
  rangeTest,
} from './expression-characters.ts';

export type Expression =
  /** `cost`: how many tests of characters it is; absent for one. */
  | { readonly kind: 'char'; readonly test: CharTest; readonly cost?: number }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly kind: 'choice'; readonly parts: readonly Expression[] }
  | {
      readonly kind: 'repeat';
      readonly part: Expression;
      readonly min: number;
      readonly max: number;
      readonly lazy: boolean;
    }
  /** One that is captured. */
  | { readonly kind: 'group'; readonly part: Expression; readonly group: Group }
  | { readonly kind: 'look'; readonly part: Expression; readonly behind: boolean; readonly wanted: boolean }
  | { readonly kind: 'at'; readonly place: 'start' | 'end' | 'line-start' | 'line-end' | 'word' | 'no-word' };

/** One that is captured. */
export interface Group {
  number: number;
}

/** What is wrong with an expression, in English. */
export class ExpressionError extends Error {}

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
  readonly multiline: boolean;
  readonly extended: boolean;
  /** Only groups with a name are captured. */
  readonly explicit: boolean;
}

export interface ParsedExpression {
  readonly expression: Expression;
  /** Numbers of captured groups, by name and by number; 0 is the whole match. */
  readonly groups: ReadonlyMap<string, number>;
}

/** Code points of an expression. */
const maxText = 10_000;

/** Repetitions of one part, and nesting. */
const maxRepeat = 1_000;
const maxDepth = 100;

/** Throws `ExpressionError`. */
export function parseExpression(text: string): ParsedExpression {
  if (text.length > maxText * 2) throw new ExpressionError('it is too long');
  return new Parser(text).parse();
}

class Parser {
  readonly #points: readonly string[];
  #at = 0;
  #depth = 0;
  #flags: Flags = { ignoreCase: false, dotAll: false, multiline: false, extended: false, explicit: false };
  readonly #unnamed: Group[] = [];
  readonly #named = new Map<string, Group>();

  constructor(text: string) {
    this.#points = Array.from(text);
    if (this.#points.length > maxText) throw new ExpressionError('it is too long');
  }

  parse(): ParsedExpression {
    const expression = this.#choice();
    if (this.#at < this.#points.length) throw new ExpressionError('a ")" without its "("');
    const groups = new Map([['0', 0]]);
    // As .NET counts: those with a name come behind the others.
    for (const group of [...this.#unnamed, ...this.#named.values()]) {
      group.number = groups.size;
      groups.set(String(group.number), group.number);
    }
    for (const [name, { number }] of this.#named) groups.set(name, number);
    return { expression, groups };
  }

  #choice(): Expression {
    if (++this.#depth > maxDepth) throw new ExpressionError('it is nested too deeply');
    const flags = this.#flags;
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    this.#flags = flags;
    this.#depth -= 1;
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: 'choice', parts };
  }

  #sequence(): Expression {
    const parts: Expression[] = [];
    for (;;) {
      const next = this.#peek();
      if (next === undefined || next === '|' || next === ')') break;
      if (this.#flags.extended && this.#skipSpace(next)) continue;
      const atom = this.#atom();
      if (atom !== undefined) parts.push(this.#quantified(atom));
    }
    return { kind: 'sequence', parts };
  }

  #skipSpace(next: string): boolean {
    if (/\s/.test(next)) this.#at += 1;
    else if (next === '#') while (this.#peek() !== undefined && this.#next() !== '\n');
    else return false;
    return true;
  }

  /** Undefined for what only sets flags, or is a comment. */
  #atom(): Expression | undefined {
    const next = this.#next();
    const { dotAll, multiline } = this.#flags;
    switch (next) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'char', ...this.#charClass() };
      case '.':
        return { kind: 'char', test: dotAll ? () => true : (code) => code !== 10 };
      case '^':
        return { kind: 'at', place: multiline ? 'line-start' : 'start' };
      case '$':
        return { kind: 'at', place: multiline ? 'line-end' : 'end' };
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        throw new ExpressionError(`nothing stands before "${next}"`);
      default:
        return { kind: 'char', test: this.#literal(next) };
    }
  }

  #group(): Expression | undefined {
    if (!this.#take('?')) return this.#unnamedGroup();
    if (this.#take('#')) {
      while (this.#next() !== ')');
      return undefined;
    }
    for (const [mark, behind, wanted] of looks) {
      if (!this.#takeAll(mark)) continue;
      return { kind: 'look', part: this.#closed(this.#choice()), behind, wanted };
    }
    if (this.#take(':')) return this.#closed(this.#choice());
    if (this.#take('>')) throw new ExpressionError('atomic groups "(?>" are not supported');
    const name = /^(?:P?<([\p{L}_][\p{L}\p{N}_]*)>|'([\p{L}_][\p{L}\p{N}_]*)')/u.exec(this.#rest());
    if (name !== null) {
      this.#at += Array.from(name[0]).length;
      const key = name[1] ?? name[2] ?? '';
      const group = this.#named.get(key) ?? { number: 0 };
      this.#named.set(key, group);
      return { kind: 'group', part: this.#closed(this.#choice()), group };
    }
    return this.#flagGroup();
  }

  #unnamedGroup(): Expression {
    if (this.#flags.explicit) return this.#closed(this.#choice());
    const group: Group = { number: 0 };
    this.#unnamed.push(group);
    return { kind: 'group', part: this.#closed(this.#choice()), group };
  }

  /** `(?i)` for what follows in this group, `(?i:...)` for what is inside. */
  #flagGroup(): Expression | undefined {
    const written = /^([imsnx]*)(?:-([imsnx]+))?([:)])/.exec(this.#rest());
    if (written === null) throw new ExpressionError('a group "(?" of a kind that is not supported');
    const [all, on = '', off = '', end] = written;
    this.#at += all.length;
    const before = this.#flags;
    const set = (flag: string, was: boolean): boolean => (off.includes(flag) ? false : was || on.includes(flag));
    this.#flags = {
      ignoreCase: set('i', before.ignoreCase),
      dotAll: set('s', before.dotAll),
      multiline: set('m', before.multiline),
      extended: set('x', before.extended),
      explicit: set('n', before.explicit),
    };
    if (end === ')') return undefined;
    const inner = this.#closed(this.#choice());
    this.#flags = before;
    return inner;
  }

  #closed(expression: Expression): Expression {
    if (!this.#take(')')) throw new ExpressionError('a "(" without its ")"');
    return expression;
  }

  #quantified(atom: Expression): Expression {
    let part = atom;
    for (;;) {
      const range = this.#quantifier();
      if (range === undefined) return part;
      const [min, max] = range;
      if (min > maxRepeat || (max !== Number.POSITIVE_INFINITY && max > maxRepeat))
        throw new ExpressionError(`more than ${maxRepeat} repetitions`);
      if (max < min) throw new ExpressionError('a quantifier whose numbers are the wrong way round');
      part = { kind: 'repeat', part, min, max, lazy: this.#take('?') };
    }
  }

  #quantifier(): readonly [number, number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return [0, 1];
    const braces = /^\{(\d{1,9})(,(\d{0,9}))?\}/.exec(this.#rest());
    if (braces === null) return undefined;
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    if (braces[2] === undefined) return [min, min];
    return [min, braces[3] === '' ? Number.POSITIVE_INFINITY : Number(braces[3])];
  }

  #escape(): Expression {
    const next = this.#next();
    switch (next) {
      case 'b':
        return { kind: 'at', place: 'word' };
      case 'B':
        return { kind: 'at', place: 'no-word' };
      case 'A':
        return { kind: 'at', place: 'start' };
      case 'Z':
      case 'z':
        return { kind: 'at', place: 'end' };
      default:
        if (/[1-9k]/.test(next)) throw new ExpressionError('back-references are not supported');
        return { kind: 'char', test: this.#escapedChar(next) };
    }
  }

  /** The rest of an escape that stands for one character, or one of a class. */
  #escapedChar(next: string): CharTest {
    const named = classes[next];
    if (named !== undefined) return named;
    if (next === 'p' || next === 'P') return this.#property(next === 'P');
    return this.#literal(this.#escapedLiteral(next));
  }

  #escapedLiteral(next: string): string {
    const control = controls[next];
    if (control !== undefined) return control;
    const digits =
      next === 'x' ? /^(?:\{([\da-fA-F]{1,6})\}|([\da-fA-F]{2}))/ : next === 'u' ? /^()([\da-fA-F]{4})/ : undefined;
    if (digits !== undefined) {
      const found = digits.exec(this.#rest());
      const code = Number.parseInt(found?.[1] || found?.[2] || '', 16);
      if (found === null || !(code <= 0x10_ff_ff)) throw new ExpressionError(`\\${next} without its digits`);
      this.#at += found[0].length;
      return String.fromCodePoint(code);
    }
    if (next === '0') return '\0';
    if (/[\p{L}\p{N}]/u.test(next)) throw new ExpressionError(`the escape \\${next} is not supported`);
    return next;
  }

  #property(negated: boolean): CharTest {
    const found = /^\{(\^?)(\w+)\}/.exec(this.#rest());
    if (found === null) throw new ExpressionError('\\p without its name');
    this.#at += found[0].length;
    const test = propertyTest(found[2] ?? '', (found[1] === '^') === negated);
    if (test === undefined) throw new ExpressionError(`the class ${found[2]} is not known`);
    return test;
  }

  #charClass(): { readonly test: CharTest; readonly cost: number } {
    if (++this.#depth > maxDepth) throw new ExpressionError('it is nested too deeply');
    const negated = this.#take('^');
    const tests: CharTest[] = [];
    let cost = 1;
    for (let isFirst = true; ; isFirst = false, cost++) {
      const next = this.#next();
      if (next === ']' && !isFirst) break;
      if (next === '[' && this.#take(':')) {
        tests.push(this.#posixClass());
        continue;
      }
      if (next === '-' && !isFirst && this.#take('[')) {
        const without = this.#charClass();
        const kept = [...tests];
        tests.splice(0, tests.length, (code) => kept.some((test) => test(code)) && !without.test(code));
        cost += without.cost;
        continue;
      }
      const low = this.#classChar(next);
      if (typeof low !== 'string') tests.push(low);
      else if (this.#peek() === '-' && this.#points[this.#at + 1] !== ']' && this.#points[this.#at + 1] !== '[') {
        this.#at += 1;
        const high = this.#classChar(this.#next());
        if (typeof high !== 'string') throw new ExpressionError('a range that ends in a class');
        tests.push(this.#range(low, high));
      } else tests.push(this.#literal(low));
    }
    this.#depth -= 1;
    const any: CharTest = (code) => tests.some((test) => test(code));
    return { test: negated ? (code) => !any(code) : any, cost };
  }

  #posixClass(): CharTest {
    const found = /^(\w+):\]/.exec(this.#rest());
    const test = found === null ? undefined : posixClasses[found[1] ?? ''];
    if (found === null || test === undefined) throw new ExpressionError('a class "[:" that is not known');
    this.#at += found[0].length;
    return test;
  }

  #classChar(next: string): string | CharTest {
    if (next !== '\\') return next;
    const escaped = this.#next();
    if (escaped === 'b') return '\b';
    if (classes[escaped] !== undefined || escaped === 'p' || escaped === 'P') return this.#escapedChar(escaped);
    return this.#escapedLiteral(escaped);
  }

  #literal(character: string): CharTest {
    return literalTest(character, this.#flags.ignoreCase);
  }

  #range(low: string, high: string): CharTest {
    const test = rangeTest(low, high, this.#flags.ignoreCase);
    if (test === undefined) throw new ExpressionError('a range whose ends are the wrong way round');
    return test;
  }

  #rest(): string {
    return this.#points.slice(this.#at, this.#at + 80).join('');
  }

  #peek(): string | undefined {
    return this.#points[this.#at];
  }

  #next(): string {
    const next = this.#points[this.#at];
    if (next === undefined) throw new ExpressionError('it ends too early');
    this.#at += 1;
    return next;
  }

  #take(character: string): boolean {
    if (this.#points[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #takeAll(characters: string): boolean {
    if (this.#points.slice(this.#at, this.#at + characters.length).join('') !== characters) return false;
    this.#at += characters.length;
    return true;
  }
}

const looks = [
  ['=', false, true],
  ['!', false, false],
  ['<=', true, true],
  ['<!', true, false],
] as const;
