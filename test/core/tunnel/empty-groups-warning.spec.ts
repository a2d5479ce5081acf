import { expect, test } from 'vitest';
import { Health } from '../../../core/helper/health.ts';
import { tellEmptyGroups } from '../../../core/tunnel/empty-groups-warning.ts';

test('groups are named, ten at most, and forgotten when they have members again', () => {
  const health = new Health();
  tellEmptyGroups(['香港', 'b'], health);
  expect(health.warnings()[0]).toMatchObject({ code: 'GROUP_EMPTY', values: { count: '2', groups: '香港, b' } });
  tellEmptyGroups(
    Array.from({ length: 12 }, (_, i) => `g${i}`),
    health,
  );
  expect(health.warnings()[0]?.values['groups']).toBe('g0, g1, g2, g3, g4, g5, g6, g7, g8, g9, …');
  tellEmptyGroups([], health);
  expect(health.warnings()).toEqual([]);
});
