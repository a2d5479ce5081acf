import { expect, test } from 'vitest';
import { RowRing } from '../../../core/rpc/row-ring.ts';

const line = (id: number) => ({ id: String(id), time: id, level: 'info' as const, component: 'c', message: 'm' });

test('keeps the newest rows, oldest first, and tells what came and what went', () => {
  const ring = new RowRing<'logs'>(2);
  const told: string[][] = [];
  const stop = ring.watch((keys) => told.push([...keys]));
  for (const id of [1, 2, 3]) ring.add(line(id));
  expect([...ring.rows()].map((row) => row.id)).toEqual(['2', '3']);
  expect([ring.row('1'), ring.row('3')]).toEqual([undefined, line(3)]);
  expect(told).toEqual([['1'], ['2'], ['3', '1']]);
  stop();
  ring.add(line(4));
  expect(told).toHaveLength(3);
});
