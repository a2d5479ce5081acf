/**
 * JSON text to a value, in steps: a text of many megabytes does not hold up the thread, and one that would become too many
 * or too deeply nested values is refused before it does.
 */
import { AppError } from '../base/app-error.ts';
import type { Steps } from '../base/steps.ts';
import { parseJson } from './frame.ts';

/** How deeply lists and objects may stand in each other; no message of ours needs a quarter of it. */
export const maxDepth = 32;
/** Lists and objects in one text: a million rules and what holds them. */
export const maxContainers = 1_100_000;
/** Values in one text that are neither. */
const maxScalars = 8_000_000;
/** UTF-16 units that are parsed at a time; no single number, text or key may be longer. */
const pieceUnits = 64 * 1024;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;

/** Throws RPC_BAD_FRAME when lists and objects are nested deeper than `maxDepth`. Takes time in proportion to the text. */
export function assertShallow(text: string): void {
  const scan = new Scan(text);
  while (!scan.ended) scan.token();
}

/** The value of `text`, as `JSON.parse` gives it. Throws RPC_BAD_FRAME for what is no JSON, and RPC_TOO_LARGE. */
export function* parseInSteps(text: string): Steps<unknown> {
  const scan = new Scan(text);
  scan.skipSpace();
  const value = yield* parseValue(scan);
  scan.skipSpace();
  if (!scan.ended) throw notJson();
  return value;
}

/** A value that begins at the scan's place: at once when it is small, else member by member. */
function* parseValue(scan: Scan): Steps<unknown> {
  const begin = scan.at;
  const small = scan.toEndOfValue(begin + pieceUnits);
  if (small) return parseJson(scan.text.slice(begin, scan.at));
  scan.back(begin);
  const opening = scan.text[begin];
  if (opening === '[') return yield* parseList(scan);
  if (opening === '{') return yield* parseObject(scan);
  throw new AppError('RPC_TOO_LARGE', `a value of more than ${pieceUnits} characters`);
}

function* parseList(scan: Scan): Steps<unknown[]> {
  const list: unknown[] = [];
  yield* parseMembers(
    scan,
    '[',
    ']',
    (piece) => {
      const part = parseJson(`[${piece}]`);
      if (!Array.isArray(part) || part.length === 0) throw notJson();
      for (const each of part as unknown[]) list.push(each);
    },
    function* () {
      list.push(yield* parseValue(scan));
    },
  );
  return list;
}

function* parseObject(scan: Scan): Steps<Record<string, unknown>> {
  const object: Record<string, unknown> = {};
  yield* parseMembers(
    scan,
    '{',
    '}',
    (piece) => {
      const part = parseJson(`{${piece}}`);
      if (typeof part !== 'object' || part === null || Object.keys(part).length === 0) throw notJson();
      Object.assign(object, part);
    },
    function* () {
      const begin = scan.at;
      scan.toColon();
      const key: unknown = parseJson(scan.text.slice(begin, scan.at));
      if (typeof key !== 'string' || key === '__proto__') throw notJson();
      scan.at += 1;
      scan.skipSpace();
      object[key] = yield* parseValue(scan);
    },
  );
  return object;
}

/**
 * The members of a list or object that is too large to be parsed at once: small ones together as pieces of text, a large
 * one by `large`, which leaves the scan behind it.
 */
function* parseMembers(
  scan: Scan,
  opening: '[' | '{',
  closing: ']' | '}',
  small: (piece: string) => void,
  large: () => Steps<void>,
): Steps<void> {
  scan.open(opening);
  scan.skipSpace();
  for (let isFirst = true; ; isFirst = false) {
    if (!isFirst && scan.text[scan.at] === closing) break;
    if (!isFirst) scan.expect(',');
    scan.skipSpace();
    const begin = scan.at;
    const end = scan.membersWithin(begin + pieceUnits);
    if (end > begin) small(scan.text.slice(begin, end));
    else yield* large();
    scan.skipSpace();
    yield;
  }
  scan.close();
}

/** A place in a text, with what was seen on the way there. Looks at structure only: what is between is `JSON.parse`'s. */
class Scan {
  readonly text: string;
  at = 0;
  #depth = 0;
  #containers = 0;
  #scalars = 0;

  constructor(text: string) {
    this.text = text;
  }

  get ended(): boolean {
    return this.at >= this.text.length;
  }

  skipSpace(): void {
    while (isSpace(this.text.charCodeAt(this.at))) this.at += 1;
  }

  /** Passes one character of structure, or one text. */
  token(): void {
    const unit = this.text.charCodeAt(this.at);
    this.at += 1;
    if (unit === quote) this.#skipText();
    else if (unit === 0x5b || unit === 0x7b) this.#deeper();
    else if (unit === 0x5d || unit === 0x7d) this.#depth -= 1;
    else if (unit === comma || unit === colon) this.#count();
  }

  open(opening: string): void {
    this.expect(opening);
    this.#deeper();
  }

  close(): void {
    this.at += 1;
    this.#depth -= 1;
  }

  expect(unit: string): void {
    if (this.text[this.at] !== unit) throw notJson();
    this.at += 1;
  }

  /** Goes back to where the next value is looked at anew, at the depth that it has. */
  back(place: number): void {
    this.at = place;
  }

  /** Whether a value ends before `limit`; the place is then behind it, else undefined. */
  toEndOfValue(limit: number): boolean {
    const { depth, containers, scalars } = this.#marks();
    while (this.at < limit) {
      if (this.ended) return true;
      const unit = this.text.charCodeAt(this.at);
      const isEnd = unit === comma || unit === 0x5d || unit === 0x7d;
      if (this.#depth === depth && isEnd) return true;
      this.token();
    }
    this.#restore(depth, containers, scalars);
    return false;
  }

  /** The end of the last whole member of a list or object before `limit`, which is then the place; `at` if there is none. */
  membersWithin(limit: number): number {
    const begin = this.at;
    const { depth } = this.#marks();
    let end = begin;
    let whole = this.#marks();
    while (this.at < limit && !this.ended) {
      const unit = this.text.charCodeAt(this.at);
      const closes = unit === 0x5d || unit === 0x7d;
      if (this.#depth === depth && (unit === comma || closes)) {
        end = this.at;
        whole = this.#marks();
        if (closes) break;
      }
      this.token();
    }
    this.at = end;
    this.#restore(whole.depth, whole.containers, whole.scalars);
    return end;
  }

  /** To the colon behind a key. */
  toColon(): void {
    const limit = this.at + pieceUnits;
    while (this.text.charCodeAt(this.at) !== colon) {
      if (this.ended) throw notJson();
      this.token();
      if (this.at > limit) throw new AppError('RPC_TOO_LARGE', `a key of more than ${pieceUnits} characters`);
    }
  }

  #marks(): { depth: number; containers: number; scalars: number } {
    return { depth: this.#depth, containers: this.#containers, scalars: this.#scalars };
  }

  #restore(depth: number, containers: number, scalars: number): void {
    this.#depth = depth;
    this.#containers = containers;
    this.#scalars = scalars;
  }

  #deeper(): void {
    this.#depth += 1;
    this.#containers += 1;
    if (this.#depth > maxDepth) throw new AppError('RPC_BAD_FRAME', `values are nested deeper than ${maxDepth}`);
    if (this.#containers > maxContainers) throw tooMany();
  }

  #count(): void {
    this.#scalars += 1;
    if (this.#scalars > maxScalars) throw tooMany();
  }

  /** To behind the quote that ends a text; to the end when none does. */
  #skipText(): void {
    for (;;) {
      const end = this.text.indexOf('"', this.at);
      if (end < 0) {
        this.at = this.text.length;
        return;
      }
      let escapes = 0;
      for (let i = end - 1; i >= this.at && this.text.charCodeAt(i) === backslash; i--) escapes += 1;
      this.at = end + 1;
      if (escapes % 2 === 0) return;
    }
  }
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}

function notJson(): AppError {
  return new AppError('RPC_BAD_FRAME', 'the message is not JSON');
}

function tooMany(): AppError {
  return new AppError('RPC_TOO_LARGE', 'the message has too many values');
}
