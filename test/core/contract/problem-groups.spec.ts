import { expect, test } from 'vitest';
import type { ConfigProblem } from '../../../core/contract/error.ts';
import { countProblems, groupProblems } from '../../../core/contract/problem-groups.ts';
import { problemOf } from '../../../core/profile/problem-list.ts';

const at = (line: number, problem: ConfigProblem): ConfigProblem => ({ ...problem, line, column: 1 });

test('errors first, the same text once, what is not listed last', () => {
  const group = problemOf('error', 'rules[1]', 'RULE_REGEX_LATER', { reason: 'g' });
  const problems = [
    at(1, problemOf('warning', 'a', 'KEY_UNKNOWN', { key: 'a' })),
    at(7, group),
    at(3, problemOf('warning', 'b', 'KEY_UNKNOWN', { key: 'b' })),
    at(9, { ...group, path: 'rules[2]' }),
    at(8, { ...group, path: 'rules[3]' }),
    at(9, { ...group, path: 'rules[4]' }),
    at(10, problemOf('error', '', 'POLICY_UNKNOWN', { name: 'x' })),
    problemOf('error', '', 'MORE_UNLISTED', { errors: '20', warnings: '3' }),
  ];
  expect(
    groupProblems(problems).map(({ problem, others, lines }) => [problem.code, problem.path, others, lines]),
  ).toEqual([
    ['RULE_REGEX_LATER', 'rules[1]', 3, [8, 9]],
    ['POLICY_UNKNOWN', '', 0, []],
    ['KEY_UNKNOWN', 'a', 0, []],
    ['KEY_UNKNOWN', 'b', 0, []],
    ['MORE_UNLISTED', '', 0, []],
  ]);
  expect(countProblems(problems)).toEqual({ errors: 25, warnings: 5, later: 4 });
});
