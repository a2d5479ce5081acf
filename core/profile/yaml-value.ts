/** One value of a profile with its path and place: read as the type that is wanted, or reported and `undefined`. */
import { isMap, isScalar, isSeq, type Node } from 'yaml';
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
  readonly #parent: YamlParent | null;
  readonly #key: string | number;
  /** Where to point when the value itself has no text. */
  readonly #offset: number;

  /** `offset` is the place of the key or list item. */
  constructor(source: YamlSource, node: Node | null, parent: YamlParent | null, key: string | number, offset: number) {
    const target = source.follow(node);
    this.source = source;
    this.node = target ?? null;
    this.isBroken = target === undefined;
    this.#parent = parent;
    this.#key = key;
    this.#offset = node === null ? offset : offsetOf(target ?? node);
    if (this.isBroken) this.#reportAlias(offsetOf(node));
  }

  /** As in `proxies[2].port`; empty for the whole profile. */
  get path(): string {
    const parent = this.#parent?.path ?? '';
    if (typeof this.#key === 'number') return `${parent}[${this.#key}]`;
    if (!/^[\w-]*$/.test(this.#key)) return `${parent}[${JSON.stringify(this.#key)}]`;
    return parent === '' ? this.#key : `${parent}.${this.#key}`;
  }

  /** Whether nothing stands here (`key:` or `null`). */
  get isNothing(): boolean {
    return this.node === null || (isScalar(this.node) && this.node.value === null);
  }

  get isList(): boolean {
    return isSeq(this.node);
  }

  /** Reports at the value, or at a character of its text (from 0). */
  error(message: string, expected?: string, index?: number): void {
    this.#report('error', message, expected, index);
  }

  warning(message: string, expected?: string, index?: number): void {
    this.#report('warning', message, expected, index);
  }

  /** Items in order; `expected` says what they are. */
  list(expected: string): YamlValue[] | undefined {
    if (!isSeq<Node>(this.node)) return this.wrongType(expected);
    if (!this.source.spend(this.node.items.length)) {
      this.error('the aliases of this profile expand to too much');
      return undefined;
    }
    return this.node.items.map((item, i) => new YamlValue(this.source, item, this, i, this.#offset));
  }

  /** Text; numbers and words such as `true` as they are written, which is what Clash takes for names and passwords. */
  text(expected = 'text'): string | undefined {
    if (isScalar(this.node) && this.node.value !== null) {
      if (typeof this.node.value === 'string') return this.node.value;
      if (this.node.source !== undefined) return this.node.source;
    }
    return this.wrongType(expected);
  }

  /** A whole number from `min` to `max`, also when it is quoted. */
  integer(min: number, max: number): number | undefined {
    const expected = `a whole number from ${min} to ${max}`;
    const scalar = isScalar(this.node) ? this.node.value : undefined;
    const number = typeof scalar === 'string' && /^-?\d{1,15}$/.test(scalar) ? Number(scalar) : scalar;
    if (typeof number !== 'number' || !Number.isInteger(number)) return this.wrongType(expected);
    if (number >= min && number <= max) return number;
    this.error(`${number} is out of range`, expected);
    return undefined;
  }

  /** `true` or `false`; also the YAML 1.1 words that Clash takes (`yes`, `no`, `on`, `off`). */
  boolean(): boolean | undefined {
    const scalar = isScalar(this.node) ? this.node.value : undefined;
    if (typeof scalar === 'boolean') return scalar;
    if (typeof scalar === 'string' && isScalar(this.node) && this.node.type === 'PLAIN') {
      if (/^(?:yes|on)$/i.test(scalar)) return true;
      if (/^(?:no|off)$/i.test(scalar)) return false;
    }
    return this.wrongType('true or false');
  }

  /** One of some words, in any case. */
  choice<T extends string>(words: readonly T[]): T | undefined {
    const expected = `one of ${words.join(', ')}`;
    const text = this.text(expected);
    if (text === undefined) return undefined;
    const word = words.find((one) => one === text.toLowerCase());
    if (word === undefined) this.error(`"${clip(text)}" is not known here`, expected);
    return word;
  }

  /** Reports that another type was wanted. */
  wrongType(expected: string): undefined {
    if (!this.isBroken) this.error(describe(this.node), expected);
    return undefined;
  }

  #report(
    severity: 'error' | 'warning',
    message: string,
    expected: string | undefined,
    index: number | undefined,
  ): void {
    const offset = index === undefined ? this.#offset : this.source.offsetInScalar(this.node, index);
    const problem = { severity, path: this.path, message, ...(expected === undefined ? {} : { expected }) };
    this.source.report(problem, offset);
  }

  #reportAlias(offset: number): void {
    const written = /^\*[^\s,[\]{}]*/.exec(this.source.text.slice(offset, offset + 80))?.[0] ?? '*';
    this.error(
      `YAML takes ${written} for an alias, and nothing has the anchor &${written.slice(1)}`,
      `"${written}" in quotes, if it is meant as text`,
    );
  }
}

/** A text short enough for a message. */
export function clip(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

function describe(node: Node | null): string {
  if (isMap(node)) return 'a map cannot stand here';
  if (isSeq(node)) return 'a list cannot stand here';
  if (!isScalar(node) || node.value === null) return 'nothing stands here';
  if (typeof node.value === 'boolean') return `${node.value} cannot stand here`;
  if (typeof node.value === 'number') return 'a number cannot stand here';
  return node.value === '' ? 'an empty text cannot stand here' : 'text cannot stand here';
}
