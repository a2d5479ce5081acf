/**
 * A YAML text as nodes with places. It reports what is wrong with the YAML itself; what the nodes mean is read through
 * `YamlValue`. Nothing is expanded: aliases are followed one by one, under a budget.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLParseError,
} from 'yaml';
import type { ConfigProblem } from '../contract/error.ts';
import type { ProblemList } from './problem-list.ts';

/** Entries of maps and lists that may be read, aliases expanded, even if the text is short. */
const leastBudget = 100_000;

export class YamlSource {
  readonly text: string;
  /** False when the YAML is broken (and reported): then nothing of it can be trusted to be what was meant. */
  readonly complete: boolean;
  readonly #problems: ProblemList;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;
  #targets: Map<Alias, Node> | undefined;
  #budget: number;

  constructor(text: string, problems: ProblemList) {
    this.text = text;
    this.#problems = problems;
    // Every entry of its own takes a text more than one character.
    this.#budget = Math.max(text.length, leastBudget);
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false });
    this.complete = this.#document.errors.length === 0;
    this.#reportSyntax();
  }

  /** Null for an empty text. */
  get root(): Node | null {
    return this.#document.contents;
  }

  /** Further problems are only counted, so that there is no use in wording them well. */
  get isFull(): boolean {
    return this.#problems.isFull;
  }

  /** Adds a problem at an offset in the text. */
  report(problem: Omit<ConfigProblem, 'line' | 'column'>, offset: number): void {
    this.#problems.add({ ...problem, ...this.#place(offset) });
  }

  /** The node an alias stands for: the last one before it with that anchor. `undefined` when there is none. */
  follow(node: Node | null): Node | null | undefined {
    if (!isAlias(node)) return node;
    this.#targets ??= aliasTargets(this.#document);
    return this.#targets.get(node);
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

  #reportSyntax(): void {
    const lines = new Set<number>();
    for (const error of this.#document.errors) {
      const place = this.#place(error.pos[0]);
      // What the parser says later about the same line follows from the first.
      if (lines.has(place.line)) continue;
      lines.add(place.line);
      this.#problems.add({ severity: 'error', path: '', message: syntaxMessage(error), ...place });
      if (error.code === 'RESOURCE_EXHAUSTION') break;
    }
    for (const warning of this.#document.warnings) {
      this.report({ severity: 'warning', path: '', message: `YAML: ${warning.message}` }, warning.pos[0]);
    }
  }

  #place(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(Math.min(offset, this.text.length));
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

/** Where a node begins in the text. */
export function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

/** For mistakes that are made often and that the parser words for its own readers. */
const plainMessages: Partial<Record<YAMLParseError['code'], string>> = {
  RESOURCE_EXHAUSTION: 'nested too deeply to be read',
  MULTIPLE_DOCS: 'a second document begins here; a profile is one document',
  TAB_AS_INDENT: 'a tab cannot indent; use spaces',
  BLOCK_AS_IMPLICIT_KEY:
    'a key with its value cannot stand here; check the indentation, or quote a text that contains ": "',
};

function syntaxMessage(error: YAMLParseError): string {
  const quoted = error.code === 'BAD_SCALAR_START' ? '; put the text in quotes' : '';
  return `YAML: ${plainMessages[error.code] ?? error.message}${quoted}`;
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
