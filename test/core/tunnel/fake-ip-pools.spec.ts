import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { FakeIpPool } from '../../../core/dns/fake-ip-pool.ts';
import { MemoryStateStore } from '../../../core/state/memory-state-store.ts';
import { FakeIpPools } from '../../../core/tunnel/fake-ip-pools.ts';
import { ManualClock } from '../rpc/manual-clock.ts';

const client = '198.18.0.1';
const health = { raise: () => undefined, clear: () => undefined };
let clock: ManualClock;
let pools: FakeIpPools;

beforeEach(() => {
  clock = new ManualClock();
  const store = new MemoryStateStore();
  const create = (range: string) =>
    new FakeIpPool({ range, key: new Uint8Array(16), store, clock, health, logger: silentLogger });
  pools = new FakeIpPools('198.18.0.0/15', create);
});

describe('a change of the range', () => {
  test('new names get addresses of the new one, old addresses keep their meaning', () => {
    const old = pools.current.allocate('old.example', client);
    pools.use(pools.prepare('10.64.0.0/16'));
    const fresh = pools.current.allocate('new.example', client);
    expect(fresh).toMatch(/^10\.64\./);
    expect([pools.lookup(old)?.name, pools.lookup(fresh)?.name]).toEqual(['old.example', 'new.example']);
    expect([pools.contains(old), pools.contains('198.18.9.9'), pools.contains('192.0.2.1')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(pools.ranges()).toEqual(['10.64.0.0/16', '198.18.0.0/15']);
  });

  test('flows are counted where their address belongs', () => {
    const old = pools.current.allocate('old.example', client);
    pools.flowOpened(old);
    pools.use(pools.prepare('10.64.0.0/16'));
    expect(pools.row(old)).toMatchObject({ state: 'retired', liveFlows: 1 });
    pools.flowClosed(old, 'ok');
    expect(pools.row(old)).toMatchObject({ liveFlows: 0, outcome: 'ok' });
    pools.flowOpened('192.0.2.1');
  });

  test('and back takes the former pool again', () => {
    const first = pools.current;
    const address = first.allocate('a.example', client);
    pools.use(pools.prepare('10.64.0.0/16'));
    pools.use(pools.prepare('198.18.0.0/15'));
    expect(pools.current).toBe(first);
    expect(pools.current.allocate('a.example', client)).toBe(address);
    expect(pools.ranges()).toEqual(['198.18.0.0/15', '10.64.0.0/16']);
  });

  test('the same range, however written, is the same pool', () => {
    expect(pools.prepare('198.18.7.0/15')).toBe(pools.current);
    pools.use(pools.prepare('198.18.0.0/15'));
    expect(pools.ranges()).toEqual(['198.18.0.0/15']);
  });

  test('to one that cannot be used changes nothing', () => {
    expect(() => pools.prepare('10.0.0.0/30')).toThrow(expect.objectContaining({ code: 'FAKE_IP_RANGE_TOO_SMALL' }));
    expect(pools.ranges()).toEqual(['198.18.0.0/15']);
  });
});

describe('the table', () => {
  test('is in the order of last use', () => {
    pools.current.allocate('old.example', client);
    clock.advance(1_000);
    pools.current.allocate('newer.example', client);
    expect(pools.rows().map((row) => row.name)).toEqual(['old.example', 'newer.example']);
    clock.advance(1_000);
    pools.current.allocate('old.example', client);
    expect(pools.rows().map((row) => row.name)).toEqual(['newer.example', 'old.example']);
  });

  test('tells every change to watchers, those of a change of the range too, and works for nobody else', () => {
    const first = pools.current;
    const old = first.allocate('old.example', client);
    const told: string[] = [];
    const stop = pools.watch((keys) => told.push(...keys));
    const next = pools.prepare('10.64.0.0/16');
    pools.use(next);
    expect(told.splice(0)).toEqual([old]);
    const fresh = next.allocate('new.example', client);
    expect(told.splice(0)).toEqual([fresh]);
    pools.flowOpened(old);
    expect(told.splice(0)).toEqual([old]);
    stop();
    expect([first.changed.size, next.changed.size]).toEqual([0, 0]);
  });
});

test('no timer runs unless it is started, and none after stop, also over a change of the range', () => {
  pools.use(pools.prepare('10.64.0.0/16'));
  expect(clock.pending).toBe(0);
  pools.start();
  expect(clock.pending).toBe(2);
  pools.use(pools.prepare('10.65.0.0/16'));
  expect(clock.pending).toBe(3);
  pools.stop();
  expect(clock.pending).toBe(0);
});
