import { expect, test } from 'vitest';
import { selectGroup } from '../../../../core/outbound/groups/select.ts';

const facts = { isUsable: () => true, isAlive: () => true, delayOf: () => undefined };
const leads = (initial: string | undefined, chosen: string | undefined, members = ['a', 'b', 'c']) =>
  selectGroup(initial === undefined ? {} : { initial }).candidates(members, facts, { chosen, current: undefined });

test.each([
  ['what a person has chosen', 'b', 'c', 'c'],
  ['before that what the profile says', 'b', undefined, 'b'],
  ['also when the chosen one is gone', 'b', 'gone', 'b'],
  ['the first where that is gone, too', 'gone', 'gone', 'a'],
  ['or where it says nothing', undefined, undefined, 'a'],
])('%s', (_, initial, chosen, expected) => {
  expect(leads(initial, chosen)).toEqual([expected]);
});

test('nobody of nobody', () => {
  expect(leads('b', 'c', [])).toEqual([]);
});
