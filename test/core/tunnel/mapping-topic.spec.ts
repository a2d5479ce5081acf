import { expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { FakeIpPool } from '../../../core/dns/fake-ip-pool.ts';
import { MemoryStateStore } from '../../../core/state/memory-state-store.ts';
import { MappingTopic } from '../../../core/tunnel/mapping-topic.ts';
import { ManualClock } from '../rpc/manual-clock.ts';

test('shows the pool in use, by last use, over a change of the range', () => {
  const clock = new ManualClock();
  const health = { raise: () => undefined, clear: () => undefined };
  const poolOf = (range: string) =>
    new FakeIpPool({
      range,
      key: new Uint8Array(16),
      store: new MemoryStateStore(),
      clock,
      health,
      logger: silentLogger,
    });
  const pool = poolOf('198.18.0.0/15');
  const topic = new MappingTopic(pool);
  pool.allocate('old.example', '198.18.0.1');
  clock.advance(1_000);
  const newer = pool.allocate('newer.example', '198.18.0.1');
  expect(topic.rows().map((row) => row.name)).toEqual(['old.example', 'newer.example']);
  clock.advance(1_000);
  pool.allocate('old.example', '198.18.0.1');
  expect(topic.rows().map((row) => row.name)).toEqual(['newer.example', 'old.example']);

  const told: string[] = [];
  const stop = topic.watch((keys) => told.push(...keys));
  pool.allocate('newer.example', '198.18.0.1');
  expect(told).toEqual([newer]);
  told.length = 0;

  const next = poolOf('10.64.0.0/16');
  const first = next.allocate('other.example', '10.64.0.1');
  topic.show(next);
  expect(new Set(told)).toEqual(new Set([...pool.rows().map((row) => row.address), first]));
  expect(topic.row(newer)).toBeUndefined();
  expect(topic.row(first)).toMatchObject({ name: 'other.example' });
  told.length = 0;
  pool.allocate('gone.example', '198.18.0.1');
  next.allocate('here.example', '10.64.0.1');
  expect(told).toHaveLength(1);

  stop();
  expect([pool.changed.size, next.changed.size]).toEqual([0, 0]);
});
