/** Which lines of a text became others, with the lines around them. Pure; what it tells is bounded, and so is the work: n log n. */
import { longestRise, numbered } from '../base/longest-rise.ts';
import { type LineDiff, maxDiffLines, maxDiffText, type TextLine } from '../contract/profile-editing.ts';

/** Lines that have not changed, told before and behind one that has. */
const around = 2;

export function diffLines(before: string, after: string): LineDiff {
  const told = before === after ? [] : walk(linesOf(before), linesOf(after));
  const changes = told.flatMap(({ kind }, at) => (kind === 'same' ? [] : [at]));
  const lines: TextLine[] = [];
  let until = 0;
  for (const at of changes) {
    const end = Math.min(at + around + 1, told.length);
    lines.push(...told.slice(Math.max(until, at - around), end));
    until = Math.max(until, end);
  }
  const count = (wanted: TextLine['kind']): number => told.filter(({ kind }) => kind === wanted).length;
  return {
    added: count('added'),
    removed: count('removed'),
    lines: lines.slice(0, maxDiffLines).map((line) => ({ ...line, text: clip(line.text) })),
    more: Math.max(0, lines.length - maxDiffLines),
  };
}

/** Every line of both texts, in order: those that stay have the number that they have afterwards. */
function walk(before: readonly string[], after: readonly string[]): TextLine[] {
  const [front, back] = commonEnds(before, after);
  const [was, is] = [before.slice(front, before.length - back), after.slice(front, after.length - back)];
  const places = new Map(numbered(was).map((id, place) => [id, place]));
  const found = numbered(is).map((id) => places.get(id));
  const kept = longestRise(found.filter((place) => place !== undefined));
  const told: TextLine[] = [];
  const same = (from: number, to: number): void => {
    for (let at = from; at < to; at++) told.push({ kind: 'same', text: after[at] ?? '', line: at + 1 });
  };
  const removeUntil = (from: number, to: number): number => {
    for (let at = from; at < to; at++) told.push({ kind: 'removed', text: was[at] ?? '', line: front + at + 1 });
    return to;
  };
  same(0, front);
  let next = 0;
  for (const [at, text] of is.entries()) {
    const place = found[at];
    if (place === undefined || !kept.has(place)) {
      // Lines that take the place of others stand behind them.
      next = removeUntil(next, nextKept(found, kept, at) ?? was.length);
      told.push({ kind: 'added', text, line: front + at + 1 });
      continue;
    }
    next = removeUntil(next, place) + 1;
    same(front + at, front + at + 1);
  }
  removeUntil(next, was.length);
  same(after.length - back, after.length);
  return told;
}

/** Where the next line that stays was; undefined behind the last one. */
function nextKept(found: readonly (number | undefined)[], kept: ReadonlySet<number>, from: number): number | undefined {
  for (let at = from; at < found.length; at++) {
    const place = found[at];
    if (place !== undefined && kept.has(place)) return place;
  }
  return undefined;
}

function commonEnds(before: readonly string[], after: readonly string[]): [front: number, back: number] {
  const least = Math.min(before.length, after.length);
  let front = 0;
  while (front < least && before[front] === after[front]) front += 1;
  let back = 0;
  while (back < least - front && before.at(-1 - back) === after.at(-1 - back)) back += 1;
  return [front, back];
}

/** What ends the last line begins no further one. */
function linesOf(text: string): string[] {
  const lines = text.split(/\r\n|[\n\r]/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function clip(text: string): string {
  return text.length <= maxDiffText ? text : `${text.slice(0, maxDiffText - 1)}…`;
}
