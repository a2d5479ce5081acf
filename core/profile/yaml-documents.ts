/** A text to YAML documents, as liberally as Clash's reader (go-yaml) takes it where there is no doubt about the meaning. */
import { Composer, type Document, Lexer, LineCounter, Parser, YAMLParseError } from 'yaml';

export interface YamlDocuments {
  readonly documents: readonly Document.Parsed[];
  readonly lines: LineCounter;
}

/**
 * Tokens of a text: each takes hundreds of bytes of memory. A profile of 200,000 rules, or a list of as many entries, has fewer.
 */
const maxTokens = 1_500_000;
/** The message of the error that ends a text with more. */
export const tooManyTokens = `more than ${maxTokens} tokens`;

/**
 * Never throws; what is wrong is in the documents' `errors`, at offsets of `text`. Where only the loose reading succeeds it is taken;
 * where none does, the strict one knows better where the mistake is.
 */
export function parseYamlDocuments(text: string): YamlDocuments {
  // YAML 1.1 breaks lines at a lone CR, NEL, LS and PS, too (section 5.4); one character stays one.
  const broken = text.replaceAll(/\r(?!\n)|[\u0085\u2028\u2029]/g, '\n');
  const strict = parseWith(new Lexer(), broken);
  if (isSound(strict) || strict.isCut) return strict;
  const loose = parseWith(looseLexer(), broken);
  return isSound(loose) ? loose : strict;
}

interface Attempt extends YamlDocuments {
  /** It was not read to its end. */
  readonly isCut: boolean;
}

/** Documents behind the first one do not matter. */
function isSound({ documents }: YamlDocuments): boolean {
  return (documents[0]?.errors.length ?? 0) === 0;
}

function parseWith(lexer: Lexer, text: string): Attempt {
  const lines = new LineCounter();
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({
    uniqueKeys: false,
    // What other readers take as well, such as a "]" at the beginning of a line.
    strict: false,
    customTags: (tags) => [...tags, 'binary'],
  });
  let count = 0;
  function* tokens() {
    for (const lexeme of lexer.lex(text)) {
      if (++count > maxTokens) return;
      yield* parser.next(lexeme);
    }
    yield* parser.end();
  }
  const documents = [...composer.compose(tokens())];
  if (count <= maxTokens) return { documents, lines, isCut: false };
  const error = new YAMLParseError([parser.offset, parser.offset + 1], 'RESOURCE_EXHAUSTION', tooManyTokens);
  const empty = [...new Composer().compose([], true, 0)];
  for (const document of empty) document.errors.push(error);
  return { documents: empty, lines, isCut: true };
}

/**
 * A lexer that does not mind how the lines of a flow collection (`[`, `{`) are indented: its brackets say where it ends. YAML 1.2
 * wants them deeper than the key, YAML 1.1 readers do not care, and machines write them at the beginning of the line. The two
 * properties are the lexer's own; the spec of tolerance notices when another version names them otherwise.
 */
function looseLexer(): Lexer {
  const lexer = new Lexer();
  let indentNext: unknown = 0;
  Object.defineProperty(lexer, 'indentNext', {
    get: () => (Number(Reflect.get(lexer, 'flowLevel')) > 0 ? 0 : indentNext),
    set: (value: unknown) => {
      indentNext = value;
    },
  });
  return lexer;
}
