import { expect, test } from 'vitest';
import type { ProxyRow } from '../../../../core/contract/proxies.ts';
import { delayForSort, MemberList } from '../../../../renderer/features/proxies/member-list.ts';
import { compareBy } from '../../../../renderer/stores/row-order.ts';
import { groupRow, nodeRow, unspokenRow } from '../../../support/proxy-rows.ts';

const tableOf = (rows: readonly ProxyRow[]) =>
  new Map(rows.map((row) => [row.name, { row, stamp: 1, rowStamp: 1 }] as const));

test('the members are in the order of the group, also those that nothing is known of', () => {
  const members = new MemberList().of(
    groupRow('G', { members: ['b', 'gone', 'a'], now: 'a' }),
    tableOf([nodeRow('a', 30), nodeRow('b', null)]),
  );
  expect(members.map(({ name, place, state, current }) => [name, place, state, current])).toEqual([
    ['b', 0, 'dead', false],
    ['gone', 1, 'untested', false],
    ['a', 2, 'alive', true],
  ]);
});

test('an entry stays the same object, and has a new stamp only when something of it has changed', () => {
  const list = new MemberList();
  const [a, b] = [nodeRow('a', 30), nodeRow('b', 40)];
  const group = groupRow('G', { members: ['a', 'b'], now: 'a' });
  const before = list.of(group, tableOf([a, b]));
  const stamps = before.map(({ stamp }) => stamp);
  const same = list.of(group, tableOf([a, b]));
  expect(same.map(({ stamp }) => stamp)).toEqual(stamps);
  const after = list.of(group, tableOf([a, nodeRow('b', 90)]));
  expect(after[0]).toBe(before[0]);
  expect(after[1]).toBe(before[1]);
  expect([after[0]?.stamp === stamps[0], after[1]?.stamp === stamps[1], after[1]?.last?.ms]).toEqual([true, false, 90]);
  const chosen = list.of(groupRow('G', { members: ['a', 'b'], now: 'b' }), tableOf([a, b]));
  expect(chosen.map(({ current }) => current)).toEqual([false, true]);
});

test('the same name in another group is another entry: it is tested by that group', () => {
  const list = new MemberList();
  const table = tableOf([nodeRow('a', 30)]);
  const [first] = list.of(groupRow('G', { members: ['a'] }), table);
  const { test: usual } = groupRow('H').group;
  const [second] = list.of(groupRow('H', { members: ['a'], test: { ...usual, url: 'https://other/' } }), table);
  expect([first?.state, second?.state, first === second]).toEqual(['alive', 'untested', false]);
});

test('sorted by delay: alive, dead, not tested, then what cannot be dialled, whatever the direction', () => {
  const rows = [unspokenRow('x'), nodeRow('c'), nodeRow('d', null), nodeRow('b', 200), nodeRow('a', 30)];
  const members = new MemberList().of(groupRow('G', { members: rows.map(({ name }) => name) }), tableOf(rows));
  const names = (direction: 'asc' | 'desc') =>
    members.toSorted(compareBy(delayForSort, direction)).map(({ name }) => name);
  expect(names('asc')).toEqual(['a', 'b', 'd', 'c', 'x']);
  expect(names('desc').at(-1)).toBe('x');
});
