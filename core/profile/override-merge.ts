/**
 * Merges an override into a profile as YAML nodes, which keep their places: what is wrong later is told where it stands. Maps are
 * merged deep; a list is replaced, unless its key is marked (`override-key.ts`). Nothing of the profile that the override does not
 * name is changed, and what is merged once more changes nothing.
 */
import { isMap, isScalar, isSeq, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { ConfigProblem } from '../contract/error.ts';
import { type OverrideWay, parseOverrideKey } from '../contract/override-key.ts';
import type { ProblemCode, ProblemValues } from '../contract/problem-texts.ts';
import { clip } from './clip.ts';
import { formerKeys, plainKey } from './former-keys.ts';
import { type Hint, problemOf } from './problem-list.ts';

/** How deep maps and merge keys (`<<`) may lead into one another. */
const maxDepth = 64;
/** Nodes of an item that are compared; larger ones are taken for different. */
const maxCompared = 1_000;

type NodeMap = YAMLMap<Node, Node | null>;

/** What the merge needs of the texts. */
export interface OverrideTexts {
  /** The node that an alias stands for; undefined where there is none. */
  follow(node: Node | null): Node | null | undefined;
  /** Takes from what may be read in all; false when it is used up. */
  spend(entries: number): boolean;
  report(problem: Omit<ConfigProblem, 'line' | 'column' | 'file'>, offset: number): void;
}

export interface MergedProfile {
  readonly root: Node | null;
  /** Keys of the top level that the override names. */
  readonly keys: ReadonlySet<string>;
}

/** The entries of a map by their key; those without one that counts by a symbol. */
type Pairs = Map<string | symbol, Pair<Node, Node | null>>;

/** A map on its way to be merged into. */
interface Target {
  readonly pairs: Pairs;
  /** The maps that it merges in. */
  readonly sources: readonly NodeMap[];
}

interface Entry {
  readonly key: string;
  readonly way: OverrideWay;
  readonly at: Scalar;
  readonly value: Node | null;
}

/** What is wrong with one key alone, as in a profile. */
const costsItself: ReadonlySet<ProblemCode> = new Set(['KEY_TWICE', 'YAML_KEY_TYPE', 'YAML_MERGE']);

const order: readonly OverrideWay[] = ['replace', 'patch', 'prepend', 'append'];

export class OverrideMerge {
  readonly #texts: OverrideTexts;
  /** Entries of maps that are merged in, by key. */
  readonly #indexed = new Map<NodeMap, ReadonlyMap<string, Pair<Node, Node | null>>>();
  #isTold = false;
  #keys: ReadonlySet<string> = new Set();

  constructor(texts: OverrideTexts) {
    this.#texts = texts;
  }

  /** Changes neither of the two: maps and lists on the way are new ones. */
  merge(profile: Node | null, override: Node | null): MergedProfile {
    const patch = this.#texts.follow(override);
    if (patch == null || isNothing(patch)) return { root: profile, keys: new Set() };
    if (!isMap<Node, Node | null>(patch)) {
      this.#error('', 'OVERRIDE_NOT_MAP', {}, 'OVERRIDE_FORM', patch);
      return { root: profile, keys: new Set() };
    }
    const target = this.#texts.follow(profile) ?? null;
    // A profile that is no map is told by whoever reads it.
    if (target !== null && !isMap(target) && !isNothing(target)) return { root: profile, keys: new Set() };
    return { root: this.#mergeMap(target, patch, '', 0), keys: this.#keys };
  }

  #mergeMap(target: Node | null, patch: NodeMap, path: string, depth: number): NodeMap {
    const own = isMap<Node, Node | null>(target) ? target : undefined;
    const pairs: Pairs = new Map();
    const merged: NodeMap = new YAMLMap();
    merged.range = own?.range ?? patch.range ?? null;
    if (!this.#texts.spend(own?.items.length ?? 0)) {
      this.#tellSize(path, patch);
      return merged;
    }
    for (const pair of own?.items ?? []) {
      const text = this.#keyText(pair.key)?.text;
      // What stands twice is told by whoever reads it.
      pairs.set(text === undefined || text === '<<' || pairs.has(text) ? Symbol() : text, pair);
    }
    const sources = own === undefined ? [] : [...this.#sourcesOf(own)];
    const entries = this.#entriesOf(patch, path, depth);
    if (depth === 0) this.#keys = new Set(entries.map(({ key }) => key));
    for (const way of order)
      for (const entry of entries)
        if (entry.way === way) this.#apply({ pairs, sources }, entry, childPath(path, entry.key), depth);
    merged.items = [...pairs.values()];
    return merged;
  }

  #apply({ pairs, sources }: Target, { key, way, at, value }: Entry, path: string, depth: number): void {
    const place = depth === 0 && !pairs.has(key) ? (this.#formerOf(pairs, key) ?? key) : key;
    const own = pairs.get(place);
    const inherited = own === undefined ? this.#inherited(sources, key) : undefined;
    const known = this.#texts.follow((own ?? inherited)?.value ?? null) ?? null;
    const patch = this.#texts.follow(value) ?? null;
    const put = (next: Node | null, keyAt: Node = at) => pairs.set(place, new Pair<Node, Node | null>(keyAt, next));
    if (isMap<Node, Node | null>(patch)) {
      const isTooDeep = depth >= maxDepth;
      if (isTooDeep) this.#tellSize(path, at);
      const next = isTooDeep ? patch : this.#mergeMap(way === 'replace' ? null : known, patch, path, depth + 1);
      put(next, way !== 'replace' && isMap(known) ? own?.key : at);
    } else if (way === 'prepend' || way === 'append') {
      if (isMap(known)) this.#error(path, 'OVERRIDE_NOT_LIST', { key: clip(key) }, undefined, at);
      else if (patch !== null && !isNothing(patch)) put(this.#joinLists(known, patch, way), own?.key);
    } else if (isNothing(value)) {
      // What a map that is merged in says would show.
      if (this.#inherited(sources, key) === undefined) pairs.delete(place);
      else put(value);
    } else put(value); // an alias of nothing, too: it is told when it is read
  }

  /** An item of the profile that is the same, or has the same name, gives way to that of the override. */
  #joinLists(known: Node | null, patch: Node, way: 'prepend' | 'append'): YAMLSeq {
    const before = this.#identified(itemsOf(known));
    const added = this.#identified(itemsOf(patch));
    const joined = new YAMLSeq<Node>();
    joined.range = known?.range ?? patch.range ?? null;
    const rest = new Map([...before].filter(([id]) => way === 'append' || !added.has(id)));
    // A map keeps the place of what it has already.
    for (const [id, item] of added) if (way === 'append') rest.set(id, item);
    joined.items = way === 'append' ? [...rest.values()] : [...added.values(), ...rest.values()];
    if (!this.#texts.spend(joined.items.length)) this.#tellSize('', patch);
    return joined;
  }

  /** By what they are; of several that are the same each by its number, so that none is lost. */
  #identified(items: readonly Node[]): Map<unknown, Node> {
    const counts = new Map<unknown, number>();
    return new Map(
      items.map((item) => {
        const id = this.#identityOf(item);
        const count = (counts.get(id) ?? 0) + 1;
        counts.set(id, count);
        return [typeof id === 'string' ? `${count} ${id}` : id, item];
      }),
    );
  }

  /** The key under a name that it had in the first versions of Clash. */
  #formerOf(pairs: Pairs, key: string): string | undefined {
    const former = Object.hasOwn(formerKeys, key) ? (formerKeys[key] ?? []) : undefined;
    if (former === undefined) return undefined;
    const keys = [...pairs.keys()].filter((written) => typeof written === 'string');
    return keys.find((written) => plainKey(written) === key || former.includes(plainKey(written)));
  }

  /** The entry of a key in maps that are merged in (`sources`), the first that has it. */
  #inherited(sources: readonly NodeMap[], key: string): Pair<Node, Node | null> | undefined {
    for (const source of sources) {
      if (!this.#texts.spend(1)) {
        this.#tellSize('', source);
        return undefined;
      }
      const found = this.#pairsOf(source).get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The maps that a map merges in (`<<`), and those that they do, each once: those that count first come first. */
  #sourcesOf(map: NodeMap, depth = 0, found = new Set<NodeMap>()): ReadonlySet<NodeMap> {
    if (depth > maxDepth) return found;
    for (const { key, value } of map.items) {
      const { text, isPlain } = this.#keyText(key) ?? {};
      if (text !== '<<' || isPlain !== true) continue;
      for (const one of this.#mergedIn(value)) {
        const source = this.#texts.follow(one) ?? null;
        if (!isMap<Node, Node | null>(source) || found.has(source) || !this.#texts.spend(1)) continue;
        found.add(source);
        this.#sourcesOf(source, depth + 1, found);
      }
    }
    return found;
  }

  #pairsOf(map: NodeMap): ReadonlyMap<string, Pair<Node, Node | null>> {
    const known = this.#indexed.get(map);
    if (known !== undefined) return known;
    const pairs = new Map<string, Pair<Node, Node | null>>();
    for (const pair of map.items) {
      const text = this.#keyText(pair.key)?.text;
      if (text !== undefined && !pairs.has(text)) pairs.set(text, pair);
    }
    this.#indexed.set(map, pairs);
    return pairs;
  }

  /** Its own keys and those of maps that it merges in (`<<`); own ones count. */
  #entriesOf(map: NodeMap, path: string, depth: number): Entry[] {
    if (!this.#texts.spend(map.items.length)) {
      this.#tellSize(path, map);
      return [];
    }
    const entries: Entry[] = [];
    const known = new Set<string>();
    const merged: Node[] = [];
    const isNew = distinct();
    for (const { key, value } of map.items) {
      const { text, isPlain } = this.#keyText(key) ?? {};
      if (text === undefined) this.#error(path, 'YAML_KEY_TYPE', {}, undefined, key);
      else if (text === '<<' && isPlain === true) merged.push(...this.#mergedIn(value));
      else if (known.has(text)) this.#error(path, 'KEY_TWICE', { key: clip(text) }, 'ONCE', key);
      else {
        known.add(text);
        const entry = this.#entryOf(text, key, value, path === '');
        entries.push(entry);
        isNew(entry);
      }
    }
    for (const one of merged) {
      const source = this.#texts.follow(one) ?? null;
      const isMerged = isMap<Node, Node | null>(source) && depth < maxDepth;
      if (!isMerged) this.#error(path, 'YAML_MERGE', {}, undefined, one);
      for (const entry of isMerged ? this.#entriesOf(source, path, depth + 1) : [])
        if (isNew(entry)) entries.push(entry);
    }
    return entries;
  }

  /** What a merge key names: one alias, or a list of them. */
  #mergedIn(value: Node | null): readonly Node[] {
    const target = this.#texts.follow(value) ?? null;
    return isSeq<Node>(target) ? target.items : value === null ? [] : [value];
  }

  #entryOf(written: string, at: Node, value: Node | null, isTop: boolean): Entry {
    const { key, way } = parseOverrideKey(written, isTop);
    const scalar = new Scalar(key);
    scalar.source = key;
    scalar.type = Scalar.QUOTE_DOUBLE;
    scalar.range = at.range ?? null;
    return { key, way, at: scalar, value };
  }

  #keyText(key: Node | null): { readonly text: string; readonly isPlain: boolean } | undefined {
    const node = this.#texts.follow(key);
    if (!isScalar(node)) return undefined;
    return { text: node.source ?? String(node.value), isPlain: node.type === 'PLAIN' };
  }

  /** What two items of a list have in common that are the same: their name, or all that they say. */
  #identityOf(item: Node): unknown {
    const budget = { left: maxCompared };
    const node = this.#texts.follow(item);
    if (isMap<Node, Node | null>(node)) {
      const name = this.#texts.follow(node.items.find(({ key }) => this.#keyText(key)?.text === 'name')?.value ?? null);
      if (isScalar(name) && name.value !== null) return `name ${this.#keyText(name)?.text}`;
    }
    const text = this.#textOf(item, budget);
    return budget.left < 0 ? item : text;
  }

  #textOf(item: Node | null, budget: { left: number }): string {
    budget.left -= 1;
    if (budget.left < 0) return '';
    const node = this.#texts.follow(item) ?? null;
    if (isSeq<Node>(node)) return `[${node.items.map((each) => this.#textOf(each, budget)).join(',')}]`;
    if (isMap<Node, Node | null>(node))
      return `{${node.items.map(({ key, value }) => `${this.#textOf(key, budget)}:${this.#textOf(value, budget)}`).join(',')}}`;
    return isScalar(node) ? JSON.stringify(node.source ?? node.value) : 'null';
  }

  #tellSize(path: string, at: Node): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#error(path, 'YAML_EXPANDS', {}, undefined, at);
  }

  #error(path: string, code: ProblemCode, values: ProblemValues, hint: Hint | undefined, at: Node | null): void {
    const problem = problemOf('error', path, code, values, hint);
    this.#texts.report(costsItself.has(code) ? { ...problem, leftOut: true } : problem, at?.range?.[0] ?? 0);
  }
}

/** Whether an entry is the first of its key and way. */
function distinct(): (entry: Entry) => boolean {
  const seen = new Set<string>();
  return ({ key, way }) => seen.size < seen.add(`${way} ${key}`).size;
}

/** Items of a list; one value alone is a list of itself, as most lists may be written. */
function itemsOf(node: Node | null): Node[] {
  if (isSeq<Node>(node)) return node.items;
  return node === null || isNothing(node) ? [] : [node];
}

function isNothing(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

function childPath(path: string, key: string): string {
  const written = /^[\w-]+$/.test(key) ? key : `[${JSON.stringify(key)}]`;
  return path === '' || written.startsWith('[') ? `${path}${written}` : `${path}.${written}`;
}
