import { expect, test } from 'vitest';
import type { ProxyRow } from '../../core/contract/proxies.ts';
import { trayGroupsOf, trayModesOf, trayProfilesOf } from '../../electron/tray-choices.ts';
import { trayTextFor } from '../../electron/tray-text.ts';
import { groupRow, nodeRow, unspokenRow } from '../support/proxy-rows.ts';

const text = trayTextFor('zh-CN');
const mapOf = (...rows: ProxyRow[]) => new Map(rows.map((row) => [row.name, row] as const));

test('a group says where it leads and how fast; its members what they are, and which is in use', () => {
  const rows = mapOf(
    groupRow('代理', { members: ['a', 'b', 'c', 'd'], now: 'b' }, { delays: nodeRow('b', 45).delays }),
    nodeRow('a', null),
    nodeRow('b', 45),
    unspokenRow('c'),
    nodeRow('d'),
  );
  expect(trayGroupsOf(rows, 'rule', text)).toEqual([
    {
      name: '代理',
      label: '代理: b (45 ms)',
      more: 0,
      members: [
        { value: 'a', label: 'a (超时)', checked: false, enabled: true },
        { value: 'b', label: 'b (45 ms)', checked: true, enabled: true },
        { value: 'c', label: 'c (暂不支持)', checked: false, enabled: false },
        { value: 'd', label: 'd', checked: false, enabled: true },
      ],
    },
  ]);
});

test('of many members a menu has the first, and always the one in use; names are cut, and `&` is a letter', () => {
  const members = Array.from({ length: 500 }, (_, i) => `n${i}`);
  const [group] = trayGroupsOf(mapOf(groupRow('A&B'.repeat(40), { members, now: 'n400' })), 'rule', text);
  expect(group?.members).toHaveLength(60);
  expect(group?.members.at(-1)).toMatchObject({ value: 'n400', checked: true });
  expect(group?.more).toBe(440);
  expect(group?.label.length).toBeLessThan(100);
  expect(group?.label).toContain('A&&BA&&B');
});

test('where the group chooses by itself, nothing can be chosen', () => {
  const [group] = trayGroupsOf(
    mapOf(groupRow('L', { type: 'load-balance', members: ['a'], selectable: false })),
    'rule',
    text,
  );
  expect(group?.members).toMatchObject([{ enabled: false }]);
});

test('modes and profiles: one of each is marked', () => {
  expect(trayModesOf('global', true, text).map(({ label, checked }) => [label, checked])).toEqual([
    ['规则', false],
    ['全局', true],
    ['直连', false],
  ]);
  expect(trayModesOf('rule', false, text).some(({ enabled }) => enabled)).toBe(false);
  const source = { kind: 'file', path: '/p.yaml' } as const;
  const profiles = [
    { id: '1', name: 'home', source, active: true },
    { id: '2', name: 'work', source, active: false },
  ];
  expect(trayProfilesOf(profiles)).toMatchObject([
    { value: '1', label: 'home', checked: true },
    { value: '2', checked: false },
  ]);
});
