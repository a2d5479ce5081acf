/** The keys of a map: each is taken once by whoever understands it, and what is left over is told. */
import { isAlias, isMap, isPair, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import type { ProblemCode, ProblemValues } from '../contract/problem-texts.ts';
import { clip } from './clip.ts';
import { closestWord } from './closest-word.ts';
import { type Hint, problemOf } from './problem-list.ts';
import { offsetOf } from './yaml-source.ts';
import { YamlValue } from './yaml-value.ts';

/** How deep merge keys (`<<`) may lead into one another. */
const maxMergeDepth = 16;

interface Entry {
  readonly value: YamlValue;
  readonly keyOffset: number;
}

/** `exact`, or as Clash finds the keys of proxies and groups: in any case, and with `_` for `-`. */
export type KeySpelling = 'exact' | 'any';

/** What a key that stands twice is: a mistake, as nearly everywhere in Clash, or said anew, so that the last one counts. */
export type KeyTwice = 'mistake' | 'last-counts';

export class YamlMap {
  readonly #owner: YamlValue;
  readonly #entries = new Map<string, Entry>();
  readonly #taken = new Set<string>();
  /** Folded keys to those that are written; absent for exact spelling. */
  readonly #folded: Map<string, string> | undefined;
  readonly #twice: KeyTwice;

  /** Reads a value that must be a map; another type is reported. */
  static of(value: YamlValue, spelling: KeySpelling = 'exact', twice: KeyTwice = 'mistake'): YamlMap | undefined {
    if (isMap<Node, Node | null>(value.node)) return new YamlMap(value, value.node, spelling, twice);
    return value.wrongType('MAP');
  }

  /** Reports keys that stand twice and keys that are no text; `owner` is the value that is this map. */
  private constructor(owner: YamlValue, node: YAMLMap<Node, Node | null>, spelling: KeySpelling, twice: KeyTwice) {
    this.#owner = owner;
    this.#twice = twice;
    this.#folded = spelling === 'any' ? new Map() : undefined;
    const merged: (Node | null)[] = [];
    this.#addOwn(node, merged);
    for (const one of merged) this.#merge(one, 0);
    for (const key of this.#entries.keys()) {
      const folded = fold(key);
      if (this.#folded?.has(folded) === false) this.#folded.set(folded, key);
    }
  }

  /** As of the value that is this map. */
  get path(): string {
    return this.#owner.path;
  }

  /** Reports at the map as a whole. */
  warning(code: ProblemCode, values?: ProblemValues, hint?: Hint): void {
    this.#owner.warning(code, values, hint);
  }

  /** The value of a key; undefined when it is absent or empty. */
  take(key: string): YamlValue | undefined {
    const value = this.#find(key)?.value;
    return value === undefined || value.isNothing ? undefined : value;
  }

  /** The text behind a key, without a word about what is wrong with it; the key is not taken. */
  plainText(key: string): string | undefined {
    const node = this.#entries.get(key)?.value.node;
    return isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
  }

  /** The value of a key that must be there; its absence is reported. */
  need(key: string, expected: Hint): YamlValue | undefined {
    const value = this.take(key);
    if (value === undefined && this.#find(key)?.value.isBroken !== true) {
      this.#owner.leftOut('KEY_MISSING', { key }, expected);
    }
    return value;
  }

  /** All keys with their values, none of them taken. */
  entries(): [string, YamlValue][] {
    return Array.from(this.#entries, ([key, entry]) => [key, entry.value]);
  }

  /** Reports at a key. */
  keyProblem(severity: 'error' | 'warning', key: string, code: ProblemCode, values?: ProblemValues, hint?: Hint): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const told = this.#owner.isLenient ? 'warning' : severity;
    this.#owner.source.report(problemOf(told, entry.value.path, code, values, hint), entry.keyOffset);
  }

  /**
   * Warns of every key that nobody took: with its note if there is one, else as unknown. A key with nothing behind it, and one
   * that only holds anchors for aliases, needs no word.
   */
  warnOfRest(notes: Readonly<Record<string, ProblemCode>> = {}): void {
    for (const [key, { value }] of this.#entries) {
      if (this.#taken.has(key)) continue;
      const plain = this.#folded === undefined ? key : fold(key);
      const note = noteOf(notes, plain);
      if (note !== undefined) {
        if (!value.isNothing) this.keyProblem('warning', key, note);
        continue;
      }
      const anchors = this.#owner.source.anchorsIn(value.node);
      if (anchors === 'used') continue;
      const similar = this.#owner.source.isFull ? undefined : closestWord(key, [...this.#taken, ...Object.keys(notes)]);
      // Nobody refers to it, but nobody can have meant a key of ours either.
      if (anchors === 'unused' && similar === undefined) continue;
      const hint: Hint | undefined = similar === undefined ? undefined : { code: 'PERHAPS', values: { word: similar } };
      this.keyProblem('warning', key, 'KEY_UNKNOWN', { key: clip(key) }, hint);
    }
  }

  #find(key: string): Entry | undefined {
    const written = this.#entries.has(key) ? key : (this.#folded?.get(key) ?? key);
    this.#taken.add(written);
    return this.#entries.get(written);
  }

  #addOwn(node: YAMLMap<Node, Node | null>, merged: (Node | null)[]): void {
    const { source } = this.#owner;
    if (!source.spend(node.items.length)) {
      this.#owner.tellExpansion();
      return;
    }
    for (const pair of node.items) {
      const keyNode = source.follow(pair.key);
      const keyOffset = offsetOf(pair.key);
      const key = isScalar(keyNode) ? (keyNode.source ?? String(keyNode.value)) : undefined;
      if (key === undefined) {
        this.#leftOut(this.#owner.path, 'YAML_KEY_TYPE', keyOffset);
      } else if (key === '<<' && isScalar(keyNode) && keyNode.type === 'PLAIN') {
        merged.push(pair.value);
      } else {
        const isSecond = this.#entries.has(key);
        if (isSecond) this.#reportTwice(key, keyOffset);
        if (isSecond && this.#twice === 'mistake') continue;
        this.#entries.set(key, { value: new YamlValue(source, pair.value, this.#owner, key, keyOffset), keyOffset });
      }
    }
  }

  /** Merge keys (YAML 1.1, as Clash reads them): what is already there stays. */
  #merge(node: Node | null, depth: number): void {
    const { source } = this.#owner;
    const target = source.follow(node);
    if (isSeq<Node>(target) && !isAlias(node)) {
      // Each is a step, also one that leads to an empty map.
      if (!source.spend(target.items.length)) return this.#owner.tellExpansion();
      for (const item of target.items) this.#merge(item, depth + 1);
      return;
    }
    if (!isMap<Node, Node | null>(target) || depth > maxMergeDepth) {
      this.#leftOut(this.#owner.path, 'YAML_MERGE', offsetOf(node));
      return;
    }
    if (!source.spend(target.items.length)) {
      this.#owner.tellExpansion();
      return;
    }
    const deeper: (Node | null)[] = [];
    for (const pair of target.items) {
      if (!isPair(pair) || !isScalar(pair.key)) continue;
      const key = pair.key.source ?? String(pair.key.value);
      const keyOffset = offsetOf(pair.key);
      if (key === '<<') deeper.push(pair.value);
      else if (!this.#entries.has(key)) {
        this.#entries.set(key, { value: new YamlValue(source, pair.value, this.#owner, key, keyOffset), keyOffset });
      }
    }
    for (const one of deeper) this.#merge(one, depth + 1);
  }

  #reportTwice(key: string, offset: number): void {
    const path = this.#entries.get(key)?.value.path ?? this.#owner.path;
    if (this.#twice === 'last-counts')
      this.#owner.source.report(problemOf('warning', path, 'KEY_TWICE_LAST', { key: clip(key) }, 'ONCE'), offset);
    else this.#leftOut(path, 'KEY_TWICE', offset, { key: clip(key) }, 'ONCE');
  }

  #leftOut(path: string, code: ProblemCode, offset: number, values?: ProblemValues, hint?: Hint): void {
    const { isLenient, source } = this.#owner;
    const problem = problemOf(isLenient ? 'warning' : 'error', path, code, values, hint);
    source.report(isLenient ? problem : { ...problem, leftOut: true }, offset);
  }
}

/** The note of a key, or of all keys with its first word (`cfw-*`). */
function noteOf(notes: Readonly<Record<string, ProblemCode>>, key: string): ProblemCode | undefined {
  const [prefix] = key.split('-');
  return [key, `${prefix}-*`].flatMap((each) => (Object.hasOwn(notes, each) ? (notes[each] ?? []) : []))[0];
}

function fold(key: string): string {
  return key.toLowerCase().replaceAll('_', '-');
}
