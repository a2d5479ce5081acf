/** The keys of a map: each is taken once by whoever understands it, and what is left over is told. */
import { isAlias, isMap, isPair, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import { closestWord } from './closest-word.ts';
import { offsetOf } from './yaml-source.ts';
import { clip, YamlValue } from './yaml-value.ts';

/** How deep merge keys (`<<`) may lead into one another. */
const maxMergeDepth = 16;

interface Entry {
  readonly value: YamlValue;
  readonly keyOffset: number;
}

export class YamlMap {
  readonly #owner: YamlValue;
  readonly #entries = new Map<string, Entry>();
  readonly #taken = new Set<string>();

  /** Reads a value that must be a map; another type is reported. */
  static of(value: YamlValue): YamlMap | undefined {
    if (isMap<Node, Node | null>(value.node)) return new YamlMap(value, value.node);
    return value.wrongType('a map (key: value)');
  }

  /** Reports keys that stand twice and keys that are no text; `owner` is the value that is this map. */
  private constructor(owner: YamlValue, node: YAMLMap<Node, Node | null>) {
    this.#owner = owner;
    const merged: (Node | null)[] = [];
    this.#addOwn(node, merged);
    for (const one of merged) this.#merge(one, 0);
  }

  /** Reports at the map as a whole. */
  warning(message: string, expected?: string): void {
    this.#owner.warning(message, expected);
  }

  /** The value of a key; undefined when it is absent or empty. */
  take(key: string): YamlValue | undefined {
    this.#taken.add(key);
    const value = this.#entries.get(key)?.value;
    return value === undefined || value.isNothing ? undefined : value;
  }

  /** The value of a key that must be there; its absence is reported. */
  need(key: string, expected: string): YamlValue | undefined {
    const value = this.take(key);
    if (value === undefined && this.#entries.get(key)?.value.isBroken !== true) {
      this.#owner.error(`the key ${key} is missing`, expected);
    }
    return value;
  }

  /** All keys with their values, none of them taken. */
  entries(): [string, YamlValue][] {
    return Array.from(this.#entries, ([key, entry]) => [key, entry.value]);
  }

  /** Reports at a key. */
  keyProblem(severity: 'error' | 'warning', key: string, message: string, expected?: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const problem = { severity, path: entry.value.path, message, ...(expected === undefined ? {} : { expected }) };
    this.#owner.source.report(problem, entry.keyOffset);
  }

  /** Warns of every key that nobody took: with its note if there is one, else as unknown. */
  warnOfRest(notes: Readonly<Record<string, string>> = {}): void {
    for (const key of this.#entries.keys()) {
      if (this.#taken.has(key)) continue;
      const note = Object.hasOwn(notes, key) ? notes[key] : undefined;
      if (note !== undefined) {
        this.keyProblem('warning', key, note);
        continue;
      }
      const similar = this.#owner.source.isFull ? undefined : closestWord(key, [...this.#taken, ...Object.keys(notes)]);
      const expected = similar === undefined ? undefined : `perhaps ${similar}`;
      this.keyProblem('warning', key, `the key "${clip(key)}" is not known here and is ignored`, expected);
    }
  }

  #addOwn(node: YAMLMap<Node, Node | null>, merged: (Node | null)[]): void {
    const { source } = this.#owner;
    if (!source.spend(node.items.length)) {
      this.#owner.error('the aliases of this profile expand to too much');
      return;
    }
    for (const pair of node.items) {
      const keyNode = source.follow(pair.key);
      const keyOffset = offsetOf(pair.key);
      const key = isScalar(keyNode) ? (keyNode.source ?? String(keyNode.value)) : undefined;
      if (key === undefined) {
        source.report({ severity: 'error', path: this.#owner.path, message: 'a key must be text' }, keyOffset);
      } else if (key === '<<' && isScalar(keyNode) && keyNode.type === 'PLAIN') {
        merged.push(pair.value);
      } else if (this.#entries.has(key)) {
        this.#reportTwice(key, keyOffset);
      } else {
        this.#entries.set(key, { value: new YamlValue(source, pair.value, this.#owner, key, keyOffset), keyOffset });
      }
    }
  }

  /** Merge keys (YAML 1.1, as Clash reads them): what is already there stays. */
  #merge(node: Node | null, depth: number): void {
    const { source } = this.#owner;
    const target = source.follow(node);
    if (isSeq<Node>(target) && !isAlias(node)) {
      for (const item of target.items) this.#merge(item, depth + 1);
      return;
    }
    if (!isMap<Node, Node | null>(target) || depth > maxMergeDepth) {
      const message = '"<<" needs an alias of a map, or a list of them';
      source.report({ severity: 'error', path: this.#owner.path, message }, offsetOf(node));
      return;
    }
    if (!source.spend(target.items.length)) {
      this.#owner.error('the aliases of this profile expand to too much');
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
    const message = `the key "${clip(key)}" stands here a second time`;
    this.#owner.source.report({ severity: 'error', path, message, expected: 'each key once' }, offset);
  }
}
