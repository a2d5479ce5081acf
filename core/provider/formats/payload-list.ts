/**
 * Entries of a rule provider written as text: YAML with the key `payload`, or a list of lines. Such files have up to hundreds of
 * thousands of entries, nearly always one a line: they are read line by line, and as YAML only when that fails.
 */
import { isUtf8 } from 'node:buffer';
import { foreignText } from '../../profile/foreign-text.ts';
import { parseYamlDocuments } from '../../profile/yaml-documents.ts';
import { FormatError, notReadable } from './format-error.ts';

/** Bytes that are read as YAML in full, which takes a hundred times as long. */
const maxYamlBytes = 8 * 1024 * 1024;

/** Throws `FormatError` for bytes that are no text, and texts that are a web page or another client's. */
export function decodeList(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw notReadable('not UTF-8 text', soundUtf8(bytes));
  }
  const foreign = foreignText(text);
  if (foreign?.code === 'TEXT_IS_PAGE') throw notReadable('a web page came instead of a list', 0);
  return text;
}

/** Bytes from the start on that are UTF-8 (RFC 3629). */
function soundUtf8(bytes: Uint8Array): number {
  const isSound = (start: number, end: number): boolean => end <= bytes.length && isUtf8(bytes.subarray(start, end));
  let at = 0;
  while (at < bytes.length && isSound(at, startAt(bytes, at + 4_096))) at = startAt(bytes, at + 4_096);
  while (at < bytes.length) {
    const lead = bytes[at] ?? 0;
    const end = at + (lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4);
    if (!isSound(at, end)) break;
    at = end;
  }
  return at;
}

/** Where the character begins that this byte belongs to, if it is one. */
function startAt(bytes: Uint8Array, at: number): number {
  if (at >= bytes.length) return bytes.length;
  let start = at;
  while (at - start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start -= 1;
  return start;
}

/** The entries of a YAML file; one without `payload` is read as lines. Throws `FormatError`. */
export function* yamlEntries(text: string): Generator<string> {
  const header = /^payload[ \t]*:[ \t]*(?:#.*)?$/m.exec(text);
  if (header === null) {
    if (/^payload[ \t]*:/m.test(text)) yield* fullYaml(text);
    else if (/^[ \t]*[\w-]+[ \t]*:[ \t]*(?:\n|$)/m.test(text)) throw notReadable('there is no key "payload"');
    else yield* textEntries(text);
    return;
  }
  const entries: string[] = [];
  let isPlain = true;
  for (const line of linesOf(text.slice(header.index + header[0].length))) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const entry = itemOf(line);
    if (entry === undefined) {
      // Another key of the file ends the list.
      isPlain = /^[\w-]+[ \t]*:/.test(line);
      break;
    }
    if (entry !== '') entries.push(entry);
  }
  if (isPlain) yield* entries;
  else yield* fullYaml(text);
}

/** One entry a line; `#` and `//` begin comments. */
export function* textEntries(text: string): Generator<string> {
  for (const line of linesOf(text)) {
    const entry = line.trim();
    if (entry !== '' && !entry.startsWith('#') && !entry.startsWith('//')) yield entry;
  }
}

function* linesOf(text: string): Generator<string> {
  let start = text.startsWith('\ufeff') ? 1 : 0;
  while (start < text.length) {
    const feed = text.indexOf('\n', start);
    const end = feed < 0 ? text.length : feed;
    yield text.slice(start, text[end - 1] === '\r' ? end - 1 : end);
    start = end + 1;
  }
}

/** The text of a line that is one item of a list; undefined where only YAML knows what it means. */
function itemOf(line: string): string | undefined {
  const item = /^\s*-(?:\s+(.*))?$/.exec(line);
  if (item === null) return undefined;
  const written = (item[1] ?? '').trim();
  const quoted = /^(?:'([^']*)'|"([^"\\]*)")\s*(?:#.*)?$/.exec(written);
  if (quoted !== null) return quoted[1] ?? quoted[2] ?? '';
  if (/^['"[{&*!|>%@`?-]/.test(written) && !/^\*\.|^-\w/.test(written)) return undefined;
  if (/:\s|:$/.test(written)) return undefined;
  const comment = written.search(/\s#/);
  return (comment < 0 ? written : written.slice(0, comment)).trimEnd();
}

function* fullYaml(text: string): Generator<string> {
  if (text.length > maxYamlBytes) throw new FormatError('TOO_LARGE', 'too large to be read as YAML');
  const { documents } = parseYamlDocuments(text);
  const [document] = documents;
  const [error] = document?.errors ?? [];
  if (document === undefined || error !== undefined)
    throw notReadable(`YAML: ${error?.message ?? 'empty'}`, error?.pos[0]);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch {
    throw notReadable('YAML: its aliases expand to too much');
  }
  const payload = typeof value === 'object' && value !== null && 'payload' in value ? value.payload : undefined;
  if (payload === null) return;
  if (!Array.isArray(payload)) throw notReadable('"payload" is not a list');
  for (const entry of payload)
    if ((typeof entry === 'string' && entry !== '') || typeof entry === 'number') yield String(entry);
}
