import { expect, test } from 'vitest';
import { DnsLog } from '../../../../core/dns/server/dns-log.ts';

const row = (name: string) =>
  ({ time: 1, client: '192.0.2.1', name, type: 'A', verdict: 'real', rcode: 'NOERROR', answer: '', ms: 0 }) as const;
const asker = {
  network: 'udp',
  source: { host: '192.0.2.1', port: 4_000 },
  destination: { host: '198.18.0.2', port: 53 },
} as const;

test('keeps the last 2,000 rows in order and counts all', () => {
  const log = new DnsLog();
  for (let i = 1; i <= 1_999; i++) log.record(row(`name${i}`));
  expect(log.rows()).toHaveLength(1_999);
  for (let i = 2_000; i <= 2_345; i++) log.record(row(`name${i}`));
  const rows = log.rows();
  expect(rows).toHaveLength(2_000);
  expect(rows[0]).toMatchObject({ id: '346', name: 'name346' });
  expect(rows.at(-1)).toMatchObject({ id: '2345', name: 'name2345' });
  expect(log.count).toBe(2_345);
  expect(log.row('345')).toBeUndefined();
  expect(log.row('346')).toMatchObject({ name: 'name346' });
  expect(log.row('2346')).toBeUndefined();
});

test('a place that is used again keeps nothing of the row before', () => {
  const log = new DnsLog();
  for (let i = 0; i < 2_000; i++) log.record({ ...row('first'), upstream: 'udp://192.0.2.53:53', upstreamMs: 3 });
  expect(log.row('1')).toMatchObject({ upstream: 'udp://192.0.2.53:53', upstreamMs: 3 });
  log.recordFake(7, '192.0.2.2', 'second', 'A', 0xc6120005, 0.5, undefined);
  expect(log.row('2001')).toEqual({
    id: '2001',
    time: 7,
    client: '192.0.2.2',
    name: 'second',
    type: 'A',
    verdict: 'fake',
    rcode: 'NOERROR',
    answer: '198.18.0.5',
    ms: 0.5,
  });
});

test('watchers are told of all rows of a turn at once, new and forgotten ones, and of later ones only', async () => {
  const log = new DnsLog();
  log.record(row('before'));
  const told: string[][] = [];
  const stop = log.watch((keys) => void told.push([...keys]));
  log.record(row('a'));
  log.record(row('b'));
  await Promise.resolve();
  expect(told).toEqual([['2', '3']]);
  for (let i = 0; i < 1_998; i++) log.record(row('c'));
  await Promise.resolve();
  expect(told[1]?.slice(0, 2)).toEqual(['1', '4']);
  stop();
  log.record(row('d'));
  await Promise.resolve();
  expect(told).toHaveLength(2);
});

test('who asked is searched only while somebody watches, and added to the row', async () => {
  const searched: unknown[] = [];
  const log = new DnsLog({
    findProcess: async (...args) => {
      searched.push(args);
      return await Promise.resolve('curl');
    },
  });
  log.record(row('unwatched'), asker);
  expect(searched).toEqual([]);
  const told: string[][] = [];
  log.watch((keys) => void told.push([...keys]));
  log.record(row('watched'), asker);
  await new Promise((resolve) => void setImmediate(resolve));
  expect(searched).toEqual([['udp', asker.source, asker.destination]]);
  expect(log.row('2')).toMatchObject({ process: 'curl' });
  expect(told.flat()).toEqual(['2', '2']);
});
