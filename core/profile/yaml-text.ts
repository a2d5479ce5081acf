/** One of the texts that a profile is made of, as a YAML document whose offsets begin where the texts before it end. */
import { type Document, isNode, isScalar, type LineCounter, type Node, visit } from 'yaml';
import type { ConfigProblem } from '../contract/error.ts';
import { parseYamlDocuments } from './yaml-documents.ts';

/** Which text of a profile something stands in, as a problem says it; undefined is the profile's own. */
export type ProfileFile = ConfigProblem['file'];

export class YamlText {
  readonly file: ProfileFile;
  /** Offset of its first character among all the texts. */
  readonly base: number;
  /** Undefined for an empty text. */
  readonly document: Document.Parsed | undefined;
  /** Offset of a further document, which is ignored; relative to this text. */
  readonly further: number | undefined;
  readonly #lines: LineCounter;
  readonly #length: number;

  /** Of several documents the first one that holds anything counts, as in Clash. */
  constructor(text: string, file: ProfileFile, base: number) {
    this.file = file;
    this.base = base;
    this.#length = text.length;
    const { documents, lines } = parseYamlDocuments(text);
    this.#lines = lines;
    const used = documents.findIndex(({ contents, errors }) => errors.length > 0 || !isEmpty(contents));
    this.document = documents[Math.max(used, 0)];
    this.further = documents[Math.max(used, 0) + 1]?.range[0];
    if (base > 0 && this.document !== undefined) shift(this.document, base);
  }

  /** Null for an empty text. */
  get root(): Node | null {
    return this.document?.contents ?? null;
  }

  /** Line and column, from 1, of an offset among all the texts. */
  place(offset: number): { line: number; column: number; file?: NonNullable<ProfileFile> } {
    const { line, col } = this.#lines.linePos(Math.min(offset - this.base, this.#length));
    return {
      line: Math.max(line, 1),
      column: Math.max(col, 1),
      ...(this.file === undefined ? {} : { file: this.file }),
    };
  }
}

function shift(document: Document.Parsed, by: number): void {
  visit(document, {
    Node(_, node) {
      if (node.range) node.range = [node.range[0] + by, node.range[1] + by, node.range[2] + by];
    },
  });
}

function isEmpty(node: unknown): boolean {
  return !isNode(node) || (isScalar(node) && node.value === null);
}
