import { expect, test } from 'vitest';
import { DnsLog } from '../../../core/dns/dns-log.ts';

const row = (name: string) =>
  ({ time: 1, client: '192.0.2.1', name, type: 'A', verdict: 'fake', rcode: 'NOERROR', answer: '', ms: 0 }) as const;

test('keeps the last 2,000 rows in order, counts all, tells each', () => {
  const log = new DnsLog();
  const told: string[] = [];
  log.added.on(({ id }) => told.push(id));
  for (let i = 1; i <= 1_999; i++) log.record(row(`name${i}`));
  expect(log.rows()).toHaveLength(1_999);
  for (let i = 2_000; i <= 2_345; i++) log.record(row(`name${i}`));
  const rows = log.rows();
  expect(rows).toHaveLength(2_000);
  expect(rows[0]).toMatchObject({ id: '346', name: 'name346' });
  expect(rows.at(-1)).toMatchObject({ id: '2345', name: 'name2345' });
  expect(log.count).toBe(2_345);
  expect(told).toHaveLength(2_345);
});
