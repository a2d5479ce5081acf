/**
 * Where in a profile a place of its text is: below which keys, and whether a key or a value stands there. Goes by indentation, as a
 * person who is still writing does, so that it knows as much of a text that is no YAML yet. Pure, and bounded in how far it looks back.
 */
import { parseOverrideKey } from '../../../../core/contract/override-key.ts';

export interface YamlPlace {
  /** The keys around, without what marks those of an override; items of a list are no part of their own. */
  readonly path: readonly string[];
  /** `key`: a key, or an item of a list, may begin here. */
  readonly at: 'key' | 'value';
  /** It is, or may become, an item of a list. */
  readonly isItem: boolean;
  /** Within brackets, where commas and brackets end a word. */
  readonly inFlow: boolean;
  /** Where the word begins, in the line, and what of it stands before the place. */
  readonly from: number;
  readonly word: string;
  /** In quotes. */
  readonly isQuoted: boolean;
  /** Column of the key in its line. */
  readonly indent: number;
}

/** Lines that are looked at upwards. */
const maxLines = 50_000;

interface Line {
  /** Columns of the dashes in front. */
  readonly dashes: readonly number[];
  /** Column of what follows. */
  readonly column: number;
  readonly rest: string;
}

interface Level {
  readonly kind: 'block' | 'map' | 'list';
  key: string | undefined;
  from: number;
}

/** `lineAt` gives lines by number from 0. Undefined within a comment. */
export function placeAt(
  lineAt: (line: number) => string,
  line: number,
  column: number,
  isOverride: boolean,
): YamlPlace | undefined {
  const here = readLine(lineAt(line).slice(0, column));
  const scanned = scan(here.rest);
  if (scanned === undefined) return undefined;
  const { levels, quotedAt } = scanned;
  const top = levels.at(-1) ?? { kind: 'block', key: undefined, from: 0 };
  const around = keysAround(lineAt, line, here);
  const inside = levels.flatMap(({ key }) => (key === undefined ? [] : [key]));
  const from = quotedAt ?? top.from + (/^\s*/.exec(here.rest.slice(top.from))?.[0].length ?? 0);
  return {
    path: [...around, ...inside].map((key, depth) => (isOverride ? parseOverrideKey(key, depth === 0).key : key)),
    at: top.kind === 'list' || top.key !== undefined ? 'value' : 'key',
    isItem: top.kind === 'list' || (top.kind === 'block' && top.key === undefined && here.dashes.length > 0),
    inFlow: top.kind !== 'block',
    from: here.column + from,
    word: here.rest.slice(from),
    isQuoted: quotedAt !== undefined,
    indent: here.column,
  };
}

/** The keys that a line stands below, from the outermost. */
function keysAround(lineAt: (line: number) => string, line: number, here: Line): string[] {
  const keys: string[] = [];
  let [limit, isItem] = here.dashes[0] === undefined ? [here.column, false] : [here.dashes[0], true];
  for (let at = line - 1; at >= Math.max(0, line - maxLines) && (limit > 0 || isItem); at--) {
    const text = lineAt(at);
    if (/^\s*(?:#|$)/.test(text)) continue;
    const { dashes, column, rest } = readLine(text);
    const key = keyOf(rest);
    if (key !== undefined && (isItem ? column <= limit : column < limit)) {
      keys.unshift(key);
      [limit, isItem] = dashes[0] === undefined ? [column, false] : [dashes[0], true];
    } else if (dashes[0] !== undefined && dashes[0] < limit) {
      [limit, isItem] = [dashes[0], true];
    }
  }
  return keys;
}

function readLine(text: string): Line {
  const dashes: number[] = [];
  let column = text.length - text.trimStart().length;
  for (
    let match = /^-(?:\s+|$)/.exec(text.slice(column));
    match !== null;
    match = /^-(?:\s+|$)/.exec(text.slice(column))
  ) {
    dashes.push(column);
    column += match[0].length;
  }
  return { dashes, column, rest: text.slice(column) };
}

/** The key that a line begins with, whose value is what stands deeper. */
function keyOf(rest: string): string | undefined {
  const [, quoted, single, plain] = /^(?:"([^"]*)"|'([^']*)'|([^\s#{[\]},"'][^#]*?))\s*:(?:\s|$)/.exec(rest) ?? [];
  return quoted ?? single ?? plain;
}

/** What is open at the end of a text within one line; undefined where that is a comment. */
function scan(text: string): { levels: readonly Level[]; quotedAt: number | undefined } | undefined {
  const levels: Level[] = [{ kind: 'block', key: undefined, from: 0 }];
  for (let i = 0; i < text.length; i++) {
    const top = levels.at(-1);
    if (top === undefined) return { levels, quotedAt: undefined };
    const character = text[i] ?? '';
    const isStart = text.slice(top.from, i).trim() === '';
    if ((character === '"' || character === "'") && isStart) {
      const end = text.indexOf(character, i + 1);
      if (end < 0) return { levels, quotedAt: i + 1 };
      i = end;
    } else if (character === '#' && (i === 0 || /\s/.test(text[i - 1] ?? ''))) {
      return undefined;
    } else if (
      character === ':' &&
      top.kind !== 'list' &&
      top.key === undefined &&
      /^(?:\s|$)/.test(text.slice(i + 1))
    ) {
      top.key = unquoted(text.slice(top.from, i));
      top.from = i + 1;
    } else if ((character === '{' || character === '[') && isStart) {
      levels.push({ kind: character === '{' ? 'map' : 'list', key: undefined, from: i + 1 });
    } else if ((character === '}' || character === ']') && levels.length > 1) {
      levels.pop();
    } else if (character === ',' && top.kind !== 'block') {
      if (top.kind === 'map') top.key = undefined;
      top.from = i + 1;
    }
  }
  return { levels, quotedAt: undefined };
}

function unquoted(text: string): string {
  const bare = text.trim();
  return /^(["']).*\1$/.test(bare) && bare.length > 1 ? bare.slice(1, -1) : bare;
}
