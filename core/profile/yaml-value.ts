/**
 * One value of a profile with its path and place: read as the type that is wanted, or reported and `undefined`. It is read as
 * liberally as Clash reads it (YAML 1.1 words and numbers, quoted ones, tags).
 */
import { isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml';
import type { ProblemCode, ProblemValues } from '../contract/problem-texts.ts';
import { clip } from './clip.ts';
import { type Hint, problemOf } from './problem-list.ts';
import { offsetOf, type YamlSource } from './yaml-source.ts';

/** Where a value hangs. */
export interface YamlParent {
  readonly path: string;
}

export class YamlValue implements YamlParent {
  readonly source: YamlSource;
  /** Never an alias; null where nothing is written. */
  readonly node: Node | null;
  /** An alias without an anchor: it is reported once and read as nothing. */
  readonly isBroken: boolean;
  /** Whether mistakes here are only warnings, because what is wrong can be left out without sending traffic another way. */
  readonly isLenient: boolean;
  readonly #parent: YamlParent | null;
  readonly #key: string | number;
  /** Where to point when the value itself has no text. */
  readonly #offset: number;

  /** `offset` is the place of the key or list item. */
  constructor(
    source: YamlSource,
    node: Node | null,
    parent: (YamlParent & { readonly isLenient: boolean }) | null,
    key: string | number,
    offset: number,
    isLenient = parent?.isLenient ?? false,
  ) {
    const target = source.follow(node);
    this.source = source;
    this.node = target ?? null;
    this.isBroken = target === undefined;
    this.isLenient = isLenient;
    this.#parent = parent;
    this.#key = key;
    this.#offset = node === null ? offset : offsetOf(target ?? node);
    if (this.isBroken) this.#reportAlias(offsetOf(node));
  }

  /** The same value, read so that mistakes in it and below it are only warnings. */
  get lenient(): YamlValue {
    return this.#read(true);
  }

  /** The same value, with mistakes as errors again. */
  get strict(): YamlValue {
    return this.#read(false);
  }

  /** As in `proxies[2].port`; empty for the whole profile. */
  get path(): string {
    const parent = this.#parent?.path ?? '';
    if (typeof this.#key === 'number') return `${parent}[${this.#key}]`;
    if (!/^[\w-]*$/.test(this.#key)) return `${parent}[${JSON.stringify(this.#key)}]`;
    return parent === '' ? this.#key : `${parent}.${this.#key}`;
  }

  /** Line and column where it stands. */
  get place(): ReturnType<YamlSource['place']> {
    return this.source.place(this.#offset);
  }

  /** Whether nothing stands here (`key:` or `null`). */
  get isNothing(): boolean {
    return this.node === null || (isScalar(this.node) && this.node.value === null);
  }

  get isMap(): boolean {
    return isMap(this.node);
  }

  get isEmptyList(): boolean {
    return isSeq(this.node) && this.node.items.length === 0;
  }

  /** Forbids the profile's use, at the value or at a character of its text (from 0); in a lenient value only a warning. */
  error(code: ProblemCode, values?: ProblemValues, hint?: Hint, index?: number): void {
    this.#report(this.isLenient ? 'warning' : 'error', code, values, hint, index);
  }

  /** An error that costs only this part, and not the profile (`ConfigProblem.leftOut`). */
  leftOut(code: ProblemCode, values?: ProblemValues, hint?: Hint, index?: number): void {
    this.#report(this.isLenient ? 'warning' : 'left-out', code, values, hint, index);
  }

  warning(code: ProblemCode, values?: ProblemValues, hint?: Hint, index?: number): void {
    this.#report('warning', code, values, hint, index);
  }

  /** Items in order, empty ones left out with a warning; `expected` says what they are. */
  list(expected: Hint): YamlValue[] | undefined {
    if (!isSeq<Node>(this.node)) return this.wrongType(expected);
    if (!this.source.spend(this.node.items.length)) {
      this.tellExpansion();
      return undefined;
    }
    const items = this.node.items.map((item, i) => new YamlValue(this.source, item, this, i, this.#offset));
    return items.filter((item) => {
      if (item.isNothing && !item.isBroken) item.warning('ITEM_EMPTY');
      return !item.isNothing;
    });
  }

  /** Takes items out of the list that this is, for good; returns false where it is no list. */
  keepItems(keep: (item: Node) => boolean): boolean {
    if (!isSeq<Node>(this.node)) return false;
    this.node.items = this.node.items.filter(keep);
    return true;
  }

  /** Items of a list, or the value itself where one alone is written. */
  oneOrList(expected: Hint): YamlValue[] | undefined {
    return isSeq(this.node) ? this.list(expected) : [this];
  }

  /** Text; numbers and words such as `true` as they are written, and what `!!binary` encodes. */
  text(expected: Hint = 'TEXT'): string | undefined {
    if (!isScalar(this.node) || this.node.value === null) return this.wrongType(expected);
    const { value, source } = this.node;
    if (value instanceof Uint8Array) return this.#binaryText(value);
    if (typeof value === 'string') return value;
    return source ?? this.wrongType(expected);
  }

  /** `text`, where Clash's reading of a number would be another text: told, because one of the two is not what was meant. */
  exactText(expected: Hint = 'TEXT'): string | undefined {
    const text = this.text(expected);
    if (text !== undefined && isScalar(this.node) && isAlteredNumber(this.node)) {
      this.warning('YAML_NUMBER_AS_TEXT', {}, 'QUOTED');
    }
    return text;
  }

  /** A whole number from `min` to `max`, quoted or not, in every spelling of YAML 1.1 (`0x1F`, `0o17`, `017`, `1_000`). */
  integer(min: number, max: number): number | undefined {
    const expected: Hint = { code: 'INTEGER', values: { min: String(min), max: String(max) } };
    const number = isScalar(this.node) ? integerOf(this.node) : undefined;
    if (number === undefined) return this.wrongType(expected);
    if (number >= min && number <= max) return number;
    this.leftOut('OUT_OF_RANGE', { found: String(number) }, expected);
    return undefined;
  }

  /** `true` or `false`; also the words of YAML 1.1 (`yes`, `no`, `on`, `off`, `y`, `n`), quoted or not, and 0 for false. */
  boolean(): boolean | undefined {
    const scalar = isScalar(this.node) ? this.node.value : undefined;
    if (typeof scalar === 'boolean') return scalar;
    if (typeof scalar === 'number' || typeof scalar === 'bigint') return Number(scalar) !== 0;
    if (typeof scalar === 'string') {
      if (/^\s*(?:true|yes|on|y|t|1)\s*$/i.test(scalar)) return true;
      if (/^\s*(?:false|no|off|n|f|0)\s*$/i.test(scalar)) return false;
    }
    return this.wrongType('BOOLEAN');
  }

  /** What a scalar is, in YAML's own types; undefined for anything else, without a word. */
  scalar(): string | number | boolean | undefined {
    const value: unknown = isScalar(this.node) ? this.node.value : undefined;
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
  }

  /** One of some words, in any case; `others` are further spellings of them. */
  choice<T extends string>(words: readonly T[], others: Readonly<Record<string, T>> = {}): T | undefined {
    const expected: Hint = { code: 'WORDS', values: { words: words.join(', ') } };
    const text = this.text(expected);
    if (text === undefined) return undefined;
    const lower = text.trim().toLowerCase();
    const word = words.find((one) => one === lower) ?? (Object.hasOwn(others, lower) ? others[lower] : undefined);
    if (word === undefined) this.leftOut('UNKNOWN_WORD', { found: clip(text) }, expected);
    return word;
  }

  /** Reports that the budget of the text is used up: an error everywhere, for nobody means that. */
  tellExpansion(): void {
    this.#report('error', 'YAML_EXPANDS', undefined, undefined, undefined);
  }

  /** Reports that another type was wanted: what costs the whole profile is an `error`. */
  wrongType(expected: Hint, weight: 'error' | 'leftOut' = 'leftOut'): undefined {
    if (this.isBroken) return undefined;
    const [code, values] = describe(this.node);
    this[weight](code, values, expected);
    return undefined;
  }

  #read(isLenient: boolean): YamlValue {
    const parent = this.#parent === null ? null : { path: this.#parent.path, isLenient };
    return new YamlValue(this.source, this.node, parent, this.#key, this.#offset, isLenient);
  }

  #binaryText(bytes: Uint8Array): string | undefined {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      this.leftOut('YAML_BINARY', {}, 'TEXT');
      return undefined;
    }
  }

  #report(
    weight: 'error' | 'left-out' | 'warning',
    code: ProblemCode,
    values: ProblemValues | undefined,
    hint: Hint | undefined,
    index: number | undefined,
  ): void {
    const offset = index === undefined ? this.#offset : this.source.offsetInScalar(this.node, index);
    const problem = problemOf(weight === 'warning' ? 'warning' : 'error', this.path, code, values, hint);
    this.source.report(weight === 'left-out' ? { ...problem, leftOut: true } : problem, offset);
  }

  #reportAlias(offset: number): void {
    const written = /^\*[^\s,[\]{}]*/.exec(this.source.text.slice(offset, offset + 80))?.[0] ?? '*';
    // What was to stand here nobody knows: it may have been the rules.
    this.error('YAML_NO_ANCHOR', { written, anchor: written.slice(1) }, 'QUOTES');
  }
}

function describe(node: Node | null): [ProblemCode, ProblemValues?] {
  if (isMap(node)) return ['FOUND_MAP'];
  if (isSeq(node)) return ['FOUND_LIST'];
  if (!isScalar(node) || node.value === null) return ['FOUND_NOTHING'];
  if (typeof node.value === 'boolean') return ['FOUND_BOOLEAN', { found: String(node.value) }];
  if (typeof node.value === 'number') return ['FOUND_NUMBER'];
  return [node.value === '' ? 'FOUND_EMPTY_TEXT' : 'FOUND_TEXT'];
}

/** Go's reading, which Clash's users know: base prefixes, a leading 0 for octal, underscores; whole floats too. */
function integerOf({ value, source, type }: Scalar): number | undefined {
  const written = (typeof value === 'string' || type === 'PLAIN' ? (source ?? String(value)) : String(value)).trim();
  const [, sign, digits] = /^([-+]?)(0x[\da-f_]+|0o[0-7_]+|0b[01_]+|[\d_]+)$/i.exec(written) ?? [];
  if (digits !== undefined && /\d/.test(digits)) {
    const bare = digits.replaceAll('_', '');
    const number = Number(type === 'PLAIN' && /^0[0-7]+$/.test(bare) ? `0o${bare.slice(1)}` : bare);
    if (Number.isSafeInteger(number)) return sign === '-' ? -number : number;
  }
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

/** Whether a plain scalar is a number to Clash whose usual spelling is another one (`0123` is 83, `1e5` is 100000). */
function isAlteredNumber({ value, source, type }: Scalar): boolean {
  if (type !== 'PLAIN' || source === undefined) return false;
  if (typeof value === 'number') return String(value) !== source;
  return typeof value === 'string' && /^[-+]?\d[\d_]*\d$/.test(value) && value.includes('_');
}
