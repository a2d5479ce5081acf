import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxDiffLines, maxDiffText } from '../../../core/contract/profile-editing.ts';
import { diffLines } from '../../../core/profile/line-diff.ts';

const marks = { same: ' ', added: '+', removed: '-' } as const;
const shown = (before: string, after: string) =>
  diffLines(before, after).lines.map(({ kind, text, line }) => `${marks[kind]}${line} ${text}`);

describe('lines that became others', () => {
  test.each([
    ['nothing', 'a\nb\n', 'a\nb\n', []],
    [
      'one more, with its neighbours',
      'a\nb\nc\nd\ne\n',
      'a\nb\nc\nx\nd\ne\n',
      [' 2 b', ' 3 c', '+4 x', ' 5 d', ' 6 e'],
    ],
    ['one for another', 'a\nb\nc', 'a\nB\nc', [' 1 a', '-2 b', '+2 B', ' 3 c']],
    ['several for several: what goes stands first', 'a\nb\nc', 'x\ny', ['-1 a', '-2 b', '-3 c', '+1 x', '+2 y']],
    [
      'one that has moved',
      'a\nb\nc\nd',
      'd\na\nb\nc',
      ['+1 d', ' 2 a', ' 3 b', ' 3 b', ' 4 c', '-4 d'].filter((_, i) => i !== 3),
    ],
    ['twice the same', 'a\na', 'a\na\na', [' 1 a', ' 2 a', '+3 a']],
    ['from nothing', '', 'a\n', ['+1 a']],
    ['to nothing', 'a\n', '', ['-1 a']],
    ['other ends of lines are no change', 'a\r\nb', 'a\nb', []],
  ])('%s', (_, before, after, wanted) => expect(shown(before, after)).toEqual(wanted));

  test('what is far from a change is left out; what is told is bounded', () => {
    const many = Array.from({ length: 5000 }, (_, i) => `line ${i}`);
    const one = diffLines(many.join('\n'), many.with(2500, 'x'.repeat(9999)).join('\n'));
    expect(one.lines.map(({ line }) => line)).toEqual([2499, 2500, 2501, 2501, 2502, 2503]);
    expect(one.lines[3]?.text).toHaveLength(maxDiffText);
    const all = diffLines(many.join('\n'), many.map((line) => `${line}!`).join('\n'));
    expect(all).toMatchObject({ added: 5000, removed: 5000, more: 10_000 - maxDiffLines });
    expect(all.lines).toHaveLength(maxDiffLines);
  });

  test('of whatever texts: what was, without what goes, and with what comes, is what is', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 30 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const was = before.split('\n');
        const { lines, added, removed } = diffLines(before, after);
        for (const { kind, line, text: said } of lines) {
          if (kind === 'removed') expect(was[line - 1]).toBe(said);
          else expect(after.split('\n')[line - 1]).toBe(said);
        }
        const linesOf = (whole: string) => {
          const all = whole.split('\n');
          if (all.at(-1) === '') all.pop();
          return all;
        };
        const goes = new Set(lines.flatMap(({ kind, line }) => (kind === 'removed' ? [line - 1] : [])));
        const comes = new Set(lines.flatMap(({ kind, line }) => (kind === 'added' ? [line - 1] : [])));
        expect([goes.size, comes.size]).toEqual([removed, added]);
        expect(linesOf(before).filter((_, i) => !goes.has(i))).toEqual(linesOf(after).filter((_, i) => !comes.has(i)));
      }),
    );
  });
});
