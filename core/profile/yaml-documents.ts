/** A text to YAML documents, as liberally as Clash's reader (go-yaml) takes it where there is no doubt about the meaning. */
import { Composer, type Document, Lexer, LineCounter, Parser } from 'yaml';

export interface YamlDocuments {
  readonly documents: readonly Document.Parsed[];
  readonly lines: LineCounter;
}

/**
 * Never throws; what is wrong is in the documents' `errors`, at offsets of `text`. Where only the loose reading succeeds it is taken;
 * where none does, the strict one knows better where the mistake is.
 */
export function parseYamlDocuments(text: string): YamlDocuments {
  // YAML 1.1 breaks lines at a lone CR, NEL, LS and PS, too (section 5.4); one character stays one.
  const broken = text.replaceAll(/\r(?!\n)|[\u0085\u2028\u2029]/g, '\n');
  const strict = parseWith(new Lexer(), broken);
  if (isSound(strict)) return strict;
  const loose = parseWith(looseLexer(), broken);
  return isSound(loose) ? loose : strict;
}

/** Documents behind the first one do not matter. */
function isSound({ documents }: YamlDocuments): boolean {
  return (documents[0]?.errors.length ?? 0) === 0;
}

function parseWith(lexer: Lexer, text: string): YamlDocuments {
  const lines = new LineCounter();
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({
    uniqueKeys: false,
    // What other readers take as well, such as a "]" at the beginning of a line.
    strict: false,
    customTags: (tags) => [...tags, 'binary'],
  });
  function* tokens() {
    for (const lexeme of lexer.lex(text)) yield* parser.next(lexeme);
    yield* parser.end();
  }
  return { documents: [...composer.compose(tokens())], lines };
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
