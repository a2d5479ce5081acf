import { expect, test } from 'vitest';
import { maxProblems, ProblemList } from '../../../core/profile/problem-list.ts';

test('in the order of the text, not of discovery', () => {
  const list = new ProblemList();
  for (const [line, column] of [
    [3, 1],
    [1, 9],
    [1, 2],
  ] as const) {
    list.add({ severity: 'warning', code: 'CONTRACT', path: '', message: `${line}:${column}`, line, column });
  }
  list.add({ severity: 'warning', code: 'CONTRACT', path: '', message: 'whole' });
  expect(list.sorted().map((problem) => problem.message)).toEqual(['whole', '1:2', '1:9', '3:1']);
  expect(list.hasErrors).toBe(false);
});

test('what is not listed is counted', () => {
  const list = new ProblemList();
  for (let line = 1; line <= maxProblems; line++)
    list.add({ severity: 'warning', code: 'CONTRACT', path: '', message: 'm', line });
  expect(list.sorted()).toHaveLength(maxProblems);
  list.add({ severity: 'error', code: 'CONTRACT', path: '', message: 'late' });
  list.add({ severity: 'warning', code: 'CONTRACT', path: '', message: 'later' });
  expect(list.hasErrors).toBe(true);
  expect(list.sorted().at(-1)).toMatchObject({
    severity: 'error',
    message: '1 more errors and 1 more warnings are not listed',
  });
});
