/**
 * A YAML text as nodes with places. It reports what is wrong with the YAML itself; what the nodes mean is read through
 * `YamlValue`. Nothing is expanded: aliases are followed one by one, under a budget.
 */
import { type Alias, type Document, isAlias, isScalar, type Node, visit, type YAMLParseError } from 'yaml';
import type { ConfigProblem } from '../contract/error.ts';
import type { ProblemCode, ProblemValues } from '../contract/problem-texts.ts';
import { OverrideMerge } from './override-merge.ts';
import { type ProblemList, problemOf } from './problem-list.ts';
import { tooManyTokens } from './yaml-documents.ts';
import { YamlText } from './yaml-text.ts';

/** Entries of maps and lists that may be read, aliases expanded, even if the text is short. */
const leastBudget = 100_000;

export class YamlSource {
  /** The profile's own text, and behind it the override's: offsets of nodes are places in it. */
  readonly text: string;
  /** False when the YAML is broken (and reported): then nothing of it can be trusted to be what was meant. */
  readonly complete: boolean;
  /** Null for an empty text. */
  readonly root: Node | null;
  /** Keys of the top level that the override names. */
  readonly overridden: ReadonlySet<string>;
  readonly #problems: ProblemList;
  readonly #texts: readonly YamlText[];
  #targets: Map<Alias, Node> | undefined;
  /** Nodes that an alias stands for. */
  #referenced: Set<Node> | undefined;
  readonly #holders = new WeakMap<Node, 'none' | 'unused' | 'used'>();
  #budget: number;

  /** `override` is merged on top (`override-merge.ts`). */
  constructor(text: string, problems: ProblemList, override?: string) {
    this.#problems = problems;
    const own = new YamlText(text, undefined, 0);
    const patch = override === undefined ? undefined : new YamlText(override, 'override', text.length + 1);
    this.text = patch === undefined ? text : `${text}\n${override}`;
    this.#texts = patch === undefined ? [own] : [own, patch];
    // Every entry of its own takes a text more than one character.
    this.#budget = Math.max(this.text.length, leastBudget);
    this.complete = this.#texts.map((each) => this.#reportSyntax(each)).every((isSound) => isSound);
    for (const { further, base } of this.#texts)
      if (further !== undefined) this.report(problemOf('warning', '', 'YAML_SECOND_DOCUMENT'), base + further);
    const merged =
      patch === undefined || !this.complete ? undefined : new OverrideMerge(this).merge(own.root, patch.root);
    this.root = merged === undefined ? own.root : merged.root;
    this.overridden = merged?.keys ?? new Set();
  }

  /** Further problems are only counted, so that there is no use in wording them well. */
  get isFull(): boolean {
    return this.#problems.isFull;
  }

  /** Adds a problem at an offset in the text. */
  report(problem: Omit<ConfigProblem, 'line' | 'column' | 'file'>, offset: number): void {
    this.#problems.add({ ...problem, ...this.place(offset) });
  }

  /** The node an alias stands for: the last one before it with that anchor. `undefined` when there is none. */
  follow(node: Node | null): Node | null | undefined {
    if (!isAlias(node)) return node;
    return this.#aliases().get(node);
  }

  /** Whether this node holds an anchor, and whether an alias refers to one: such a node may be there for that alone. */
  anchorsIn(node: Node | null): 'none' | 'unused' | 'used' {
    if (node === null) return 'none';
    const known = this.#holders.get(node);
    if (known !== undefined) return known;
    this.#referenced ??= new Set(this.#aliases().values());
    const used = this.#referenced;
    let found: 'none' | 'unused' | 'used' = 'none';
    visit(node, {
      Node: (_, each) => {
        if (used.has(each)) found = 'used';
        else if (found === 'none' && !isAlias(each) && each.anchor !== undefined) found = 'unused';
        return found === 'used' ? visit.BREAK : undefined;
      },
    });
    this.#holders.set(node, found);
    return found;
  }

  /** Takes from what may be read in all; false when it is used up. */
  spend(entries: number): boolean {
    this.#budget -= entries;
    return this.#budget >= 0;
  }

  /** Offset of the character `index` of a scalar's value; where escapes or folding hide it, the scalar's beginning. */
  offsetInScalar(node: Node | null, index: number): number {
    const start = offsetOf(node);
    if (!isScalar(node) || typeof node.value !== 'string') return start;
    const first = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE' ? start + 1 : start;
    return this.text.startsWith(node.value, first) ? first + index : start;
  }

  #aliases(): Map<Alias, Node> {
    this.#targets ??= new Map(
      this.#texts.flatMap(({ document }) => (document === undefined ? [] : [...aliasTargets(document)])),
    );
    return this.#targets;
  }

  /** Whether nothing is wrong that leaves a doubt about what was meant. */
  #reportSyntax({ document, base }: YamlText): boolean {
    const lines = new Set<number>();
    let isSound = true;
    let isLost = false;
    for (const error of document?.errors ?? []) {
      const isLoose = error.code === 'MISSING_CHAR' && error.message.startsWith('Comments must be separated');
      isSound &&= isLoose;
      const place = this.place(base + error.pos[0]);
      // What the parser says later about the same line follows from the first.
      if (lines.has(place.line)) continue;
      // Nor does it find its way back: each further token would be told.
      if (isLost && error.code === 'UNEXPECTED_TOKEN') continue;
      if (!isLoose) lines.add(place.line);
      isLost ||= error.code === 'UNEXPECTED_TOKEN';
      const [code, values] = isLoose
        ? (['YAML_LOOSE', { reason: error.message }] as const)
        : syntaxProblem(error, place.column);
      this.#problems.add({ ...problemOf(isLoose ? 'warning' : 'error', '', code, values), ...place });
      if (error.code === 'RESOURCE_EXHAUSTION') break;
    }
    for (const warning of document?.warnings ?? []) {
      this.report(problemOf('warning', '', 'YAML_LOOSE', { reason: warning.message }), base + warning.pos[0]);
    }
    return isSound;
  }

  /** Line and column of an offset, and of which text they are. */
  place(offset: number): ReturnType<YamlText['place']> {
    const text = this.#texts.findLast(({ base }) => offset >= base) ?? this.#texts[0];
    return text?.place(offset) ?? { line: 1, column: 1 };
  }
}

/** Where a node begins in the text. */
export function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

/** For mistakes that are made often and that the parser words for its own readers. */
const plainCodes: Partial<Record<YAMLParseError['code'], ProblemCode>> = {
  RESOURCE_EXHAUSTION: 'YAML_TOO_DEEP',
  TAB_AS_INDENT: 'YAML_TAB',
  BLOCK_AS_IMPLICIT_KEY: 'YAML_KEY_PLACE',
  BAD_SCALAR_START: 'YAML_QUOTE',
};

function syntaxProblem(error: YAMLParseError, column: number): [ProblemCode, ProblemValues] {
  // A line that is indented less than the first one: the document ended before it.
  if (error.code === 'UNEXPECTED_TOKEN' && column === 1 && error.message.includes('at node end'))
    return ['YAML_KEY_PLACE', {}];
  if (error.message === tooManyTokens) return ['YAML_TOO_LARGE', {}];
  return [plainCodes[error.code] ?? 'YAML_SYNTAX', { reason: error.message }];
}

function aliasTargets(document: Document.Parsed): Map<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if (node.anchor !== undefined) {
        anchors.set(node.anchor, node);
      }
    },
  });
  return targets;
}
