/** `describe` for tests that need namespaces: fails in CI where they cannot run, is skipped with the reason elsewhere. */
import { describe, test } from 'vitest';
import { labProblem } from './lab.ts';

export function describeInLab(title: string, body: () => void): void {
  const problem = labProblem();
  if (problem === undefined) describe(title, body);
  else if (process.env['CI'] === 'true')
    describe(title, () => {
      test(`cannot run: ${problem}`, () => {
        throw new Error(problem);
      });
    });
  else describe.skip(`${title} (${problem})`, body);
}
