import { expect, test } from 'vitest';
import { chainOf, proxyStateOf, shownGroups } from '../../../core/contract/proxy-views.ts';
import { groupRow, nodeRow, unspokenRow, usualTest } from '../../support/proxy-rows.ts';

test('groups are in the order of the profile; GLOBAL is first where it counts, and there where nothing else is', () => {
  const rows = [
    groupRow('GLOBAL', {}, { order: 9 }),
    nodeRow('a'),
    groupRow('B', {}, { order: 2 }),
    groupRow('Hidden', { hidden: true }, { order: 3 }),
    groupRow('A', {}, { order: 1 }),
  ];
  const names = (...args: Parameters<typeof shownGroups>) => shownGroups(...args).map(({ name }) => name);
  expect(names(rows, 'rule', false)).toEqual(['A', 'B']);
  expect(names(rows, 'rule', true)).toEqual(['A', 'B', 'Hidden', 'GLOBAL']);
  expect(names(rows, 'global', false)).toEqual(['GLOBAL', 'A', 'B']);
  expect(names(rows.slice(0, 2), 'direct', false)).toEqual(['GLOBAL']);
});

test('a chain goes on as long as each leads to one member, and ends where it would go round', () => {
  const rows = new Map(
    [groupRow('A', { now: 'B' }), groupRow('B', { now: 'a' }), nodeRow('a'), groupRow('Round', { now: 'Round' })].map(
      (row) => [row.name, row] as const,
    ),
  );
  const chain = (name: string) => chainOf(name, (each) => rows.get(each));
  expect(chain('A')).toEqual(['A', 'B', 'a']);
  expect(chain('a')).toEqual(['a']);
  expect(chain('Round')).toEqual(['Round']);
});

test('a state is that by the test of the group; what cannot be dialled is neither alive nor dead', () => {
  const stateOf = (row: Parameters<typeof proxyStateOf>[0], test = usualTest) => proxyStateOf(row, test).state;
  expect(stateOf(undefined)).toBe('untested');
  expect(stateOf(nodeRow('a'))).toBe('untested');
  expect(stateOf(nodeRow('a', 30))).toBe('alive');
  expect(stateOf(nodeRow('a', null))).toBe('dead');
  expect(proxyStateOf(nodeRow('a', 30), { ...usualTest, url: 'https://another.example/' }).state).toBe('untested');
  const { delays } = nodeRow('a', 30);
  expect(stateOf(nodeRow('a', 30, { delays: delays.map((each) => ({ ...each, alive: false })) }))).toBe('failed');
  expect(stateOf(unspokenRow('a'))).toBe('unspoken');
  expect(stateOf(groupRow('G', {}, { refusal: { code: 'DIAL_GROUP_EMPTY', message: '' } }))).toBe('empty');
  expect(stateOf(nodeRow('a', 30, { refusal: { code: 'DIAL_IO', message: '' } }))).toBe('refused');
});
