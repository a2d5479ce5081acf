import { expect, test } from 'vitest';
import { countProblems } from '../../../core/contract/problem-groups.ts';
import { maxAlike, maxProblems, ProblemList, problemOf } from '../../../core/profile/problem-list.ts';

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
  expect(list.forbids).toBe(false);
});

test('what is not listed is counted', () => {
  const list = new ProblemList();
  for (let line = 1; line <= maxProblems; line++)
    list.add({ severity: 'warning', code: 'CONTRACT', path: '', message: `m${line}`, line });
  expect(list.sorted()).toHaveLength(maxProblems);
  list.add({ severity: 'warning', code: 'CONTRACT', path: '', message: 'later' });
  expect(list.sorted().at(-1)).toMatchObject({
    severity: 'warning',
    message: '0 more errors and 1 more warnings are not listed',
  });
});

test('an error is listed however many warnings came before it', () => {
  const list = new ProblemList();
  for (let line = 1; line <= 2 * maxProblems; line++)
    list.add({ severity: 'warning', code: 'CONTRACT', path: '', message: `m${line}`, line });
  list.add({ severity: 'error', code: 'CONTRACT', path: '', message: 'late', line: 9999 });
  const sorted = list.sorted();
  expect(list.forbids).toBe(true);
  expect(sorted).toHaveLength(maxProblems + 1);
  expect(sorted.filter(({ severity }) => severity === 'error')).toMatchObject([{ message: 'late' }]);
  expect(sorted.at(-1)).toMatchObject({ severity: 'warning', values: { errors: '0', warnings: '1001' } });
});

test('what is not listed is no error where it only says what is not supported yet', () => {
  const list = new ProblemList();
  for (let line = 1; line <= 300; line++)
    list.add({ ...problemOf('error', '', 'RULE_REGEX_LATER', { reason: 'X' }), line });
  const sorted = list.sorted();
  expect(sorted.at(-1)).toMatchObject({ severity: 'warning', values: { errors: '200', later: '200' } });
  expect(countProblems(sorted)).toEqual({ errors: 300, warnings: 0, later: 300 });
  for (let line = 1; line <= 101; line++) list.add({ ...problemOf('error', '', 'KEY_TWICE', { key: 'x' }), line });
  expect(list.sorted().at(-1)).toMatchObject({ severity: 'error', values: { errors: '201', later: '200' } });
});

test('what is the same everywhere hides nothing else', () => {
  const list = new ProblemList();
  for (let line = 1; line <= 5000; line++)
    list.add({ severity: line % 2 === 0 ? 'error' : 'warning', code: 'CONTRACT', path: '', message: 'same', line });
  list.add({ severity: 'warning', code: 'CONTRACT', path: '', message: 'other', line: 6000 });
  const sorted = list.sorted();
  expect(sorted).toHaveLength(2 * maxAlike + 2);
  expect(sorted.at(-2)?.message).toBe('other');
  expect(sorted.at(-1)).toMatchObject({ severity: 'error', values: { errors: '2400', warnings: '2400' } });
});

test('an error that costs only its part forbids nothing, listed or not', () => {
  const list = new ProblemList();
  for (let line = 1; line <= 2 * maxProblems; line++)
    list.add({ severity: 'error', leftOut: true, code: 'CONTRACT', path: '', message: `m${line}`, line });
  expect(list.forbids).toBe(false);
  list.add({ severity: 'error', code: 'CONTRACT', path: '', message: 'whole', line: 9999 });
  expect(list.forbids).toBe(true);
});
