import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import { type CellWords, ruleCell } from '../../../renderer/features/connections/connection-cells.tsx';

const words = {
  noRule: 'no rule',
  loopGuard: 'loop guard',
  byMode: { global: 'mode Global', direct: 'mode Direct' },
} as CellWords;
const cell = (type: string, payload: string): string =>
  renderToStaticMarkup(ruleCell({ rule: { index: -1, type, payload, policy: 'X' } } as ConnectionRow, words));

test('what was decided without a rule is told in words, never by its code', () => {
  const cells = [cell('NONE', ''), cell('LOOP-GUARD', ''), cell('MODE', 'global'), cell('MODE', 'direct')];
  expect(cells.map((html) => html.replaceAll(/<[^>]*>/g, ''))).toEqual([
    'no rule',
    'loop guard',
    'mode Global',
    'mode Direct',
  ]);
});
