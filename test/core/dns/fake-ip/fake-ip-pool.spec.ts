import { describe, expect, test } from 'vitest';
import { ipv4ToNumber } from '../../../../core/base/address.ts';
import { AppError } from '../../../../core/base/app-error.ts';
import type { FakeIpPool } from '../../../../core/dns/fake-ip/fake-ip-pool.ts';
import { MemoryStateStore } from '../../../../core/state/memory-state-store.ts';
import { fairClock } from '../../../support/fair-clock.ts';
import { hours, makePool, minutes, seconds } from './pool-fixture.ts';
import { client, poolGround } from './pool-ground.ts';

const ground = poolGround();
const { open, fill } = ground;

describe('a name', () => {
  test('has one address, and the address leads back to it', () => {
    const pool = open('198.18.0.0/15');
    const address = pool.allocate('example.com', client);
    expect(pool.allocate('example.com', client)).toBe(address);
    expect(pool.contains(address)).toBe(true);
    expect(pool.lookup(address)).toMatchObject({ name: 'example.com', address, answers: 2, liveFlows: 0 });
    expect(pool.find('example.com')?.address).toBe(address);
    expect(pool.find('other.example')).toBeUndefined();
    expect(pool.used).toBe(1);
  });

  test('has the address that its keyed hash says, and another under another key', () => {
    const addresses = [0, 0, 1].map((byte) =>
      makePool(new MemoryStateStore(), { key: new Uint8Array(16).fill(byte) }).allocate('example.com', client),
    );
    expect(addresses[0]).toBe(addresses[1]);
    expect(addresses[0]).not.toBe(addresses[2]);
  });

  test('is stored before its address is given out', () => {
    const pool = open();
    const address = pool.allocate('example.com', client);
    expect(ground.store.load()).toMatchObject([{ address, name: 'example.com', answers: 1 }]);
  });

  test('gets no address when it cannot be stored, and one when it can again', () => {
    const pool = open();
    const known = pool.allocate('known.example', client);
    const put = ground.store.put.bind(ground.store);
    ground.store.put = () => {
      throw new AppError('FAKE_IP_STORE', 'disk full');
    };
    expect(() => pool.allocate('new.example', client)).toThrow(expect.objectContaining({ code: 'FAKE_IP_STORE' }));
    expect(pool.find('new.example')).toBeUndefined();
    expect(pool.used).toBe(1);
    expect(pool.allocate('known.example', client)).toBe(known);
    expect([...ground.health.warnings.keys()]).toEqual(['FAKE_IP_STORE']);
    ground.store.put = put;
    pool.allocate('new.example', client);
    expect(ground.health.warnings.size).toBe(0);
  });

  test('an address outside, reserved or without a name means nothing', () => {
    const pool = open();
    for (const address of ['192.0.2.1', '198.18.0.0', '198.18.0.2', '198.18.0.15', '198.18.0.5', '::1']) {
      expect(pool.lookup(address), address).toBeUndefined();
      pool.flowOpened(address);
      pool.flowClosed(address, 'ok');
    }
    expect(pool.rows()).toEqual([]);
  });
});

describe('reuse', () => {
  test('all addresses are given out before one is reused', () => {
    const pool = open();
    expect(new Set(fill(pool, 'a')).size).toBe(12);
    expect(pool.used).toBe(12);
    expect(ground.health.warnings.size).toBe(0);
  });

  test('a rested address is reused without a warning: after 10 minutes if only asked for', () => {
    const pool = open();
    const addresses = fill(pool, 'a');
    ground.clock.advance(10 * minutes);
    const reused = pool.allocate('new.example', client);
    expect(addresses).toContain(reused);
    expect(pool.lookup(reused)?.name).toBe('new.example');
    expect(pool.find(`a${addresses.indexOf(reused)}.example`)).toBeUndefined();
    expect(ground.health.warnings.size).toBe(0);
  });

  test('one that was connected to rests for a day after its last use', () => {
    const pool = open();
    const addresses = fill(pool, 'a');
    for (const address of addresses) {
      pool.flowOpened(address);
      pool.flowClosed(address, 'ok');
    }
    ground.clock.advance(24 * hours - seconds);
    expect(pool.rows().every((row) => row.state === 'resting')).toBe(true);
    ground.clock.advance(seconds);
    expect(pool.rows().every((row) => row.state === 'free')).toBe(true);
    pool.allocate('new.example', client);
    expect(ground.health.warnings.size).toBe(0);
  });

  test('under pressure: first those never connected, then the oldest, with a warning that is taken back', () => {
    const pool = open();
    const addresses = fill(pool, 'a');
    for (const address of addresses.slice(0, 10)) {
      pool.flowOpened(address);
      pool.flowClosed(address, 'ok');
      ground.clock.advance(seconds);
    }
    ground.clock.advance(minutes);
    expect(pool.allocate('b0.example', client)).toBe(addresses[10]);
    expect(ground.health.warnings.get('FAKE_IP_PRESSURE')).toMatchObject({ severity: 'warning' });
    expect(pool.allocate('b1.example', client)).toBe(addresses[11]);
    expect(pool.allocate('b2.example', client)).toBe(addresses[0]);
    expect(pool.allocate('b3.example', client)).toBe(addresses[1]);
    ground.clock.advance(10 * minutes);
    expect(ground.health.warnings.size).toBe(0);
  });

  test('never within a minute: the pool is exhausted instead, and says so', () => {
    const pool = open();
    fill(pool, 'a');
    ground.clock.advance(minutes - seconds);
    expect(() => pool.allocate('new.example', client)).toThrow(expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' }));
    expect(ground.health.warnings.get('FAKE_IP_EXHAUSTED')).toMatchObject({ severity: 'error' });
    ground.clock.advance(seconds);
    expect(() => pool.allocate('new.example', client)).not.toThrow();
  });

  test('never while a flow is live, however long', () => {
    const pool = open();
    for (const address of fill(pool, 'a')) pool.flowOpened(address);
    ground.clock.advance(48 * hours);
    expect(() => pool.allocate('new.example', client)).toThrow(expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' }));
    const [first] = pool.rows();
    pool.flowOpened(first?.address ?? '');
    pool.flowClosed(first?.address ?? '', 'ok');
    expect(() => pool.allocate('new.example', client)).toThrow(expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' }));
  });
});

describe('the share of one client', () => {
  const half = (pool: FakeIpPool): string[] =>
    Array.from({ length: pool.capacity / 2 }, (_, i) => pool.allocate(`mine${i}.example`, 'greedy'));

  test('is half of the range: then its own are reused, first those never connected; others are not affected', () => {
    const pool = open();
    const theirs = pool.allocate('theirs.example', 'modest');
    const mine = half(pool);
    expect(() => pool.allocate('one-more.example', 'greedy')).toThrow(
      expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED', message: expect.stringContaining('greedy') as string }),
    );
    expect(pool.find('one-more.example')).toBeUndefined();
    expect(pool.lookup(pool.allocate('other.example', 'modest'))?.name).toBe('other.example');
    pool.flowOpened(mine[0] ?? '');
    pool.flowClosed(mine[0] ?? '', 'ok');
    ground.clock.advance(minutes);
    expect(pool.allocate('one-more.example', 'greedy')).toBe(mine[1]);
    expect(ground.health.warnings.get('FAKE_IP_SHARE')).toMatchObject({ severity: 'warning' });
    expect(ground.health.warnings.has('FAKE_IP_PRESSURE')).toBe(false);
    expect(pool.lookup(theirs)?.name).toBe('theirs.example');
    expect(pool.allocate('mine2.example', 'greedy')).toBe(mine[2]);
  });

  test('does not count what was flushed', () => {
    const pool = open();
    half(pool);
    expect(pool.flush()).toBe(6);
    expect(() => pool.allocate('new.example', 'greedy')).not.toThrow();
    pool.allocate('mine0.example', 'greedy');
    expect(pool.used).toBe(2);
  });

  test('is known after a restart, and free again as its addresses go', () => {
    half(open());
    ground.clock.clear();
    const pool = open();
    expect(() => pool.allocate('new.example', 'greedy')).toThrow(
      expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' }),
    );
    ground.clock.advance(10 * minutes);
    pool.flush();
    expect(() => pool.allocate('new.example', 'greedy')).not.toThrow();
    expect(pool.size).toBe(1);
  });
});

describe('several names at once', () => {
  test('are stored by one put, or none of them', () => {
    const pool = open();
    const known = pool.allocate('known.example', client);
    let puts = 0;
    const put = ground.store.put.bind(ground.store);
    ground.store.put = (mappings) => {
      puts += 1;
      put(mappings);
    };
    const requests = ['a', 'known', 'b', 'a'].map((name) => ({ name: `${name}.example`, client }));
    const addresses = pool.allocateAll(requests);
    expect([addresses[1], addresses[3]]).toEqual([ipv4ToNumber(known), addresses[0]]);
    expect(puts).toBe(1);
    expect(ground.store.load().map(({ name }) => name)).toEqual(['known.example', 'a.example', 'b.example']);
    ground.store.put = () => {
      throw new AppError('FAKE_IP_STORE', 'disk full');
    };
    const failed = expect.objectContaining({ code: 'FAKE_IP_STORE' });
    expect(pool.allocateAll(['c', 'known', 'c'].map((name) => ({ name: `${name}.example`, client })))).toEqual([
      failed,
      ipv4ToNumber(known),
      failed,
    ]);
    expect([pool.find('c.example'), pool.used]).toEqual([undefined, 3]);
  });

  test('that cannot be stored leave what their addresses meant before', () => {
    const pool = open();
    const names = () => new Set(pool.rows().map(({ name }) => name));
    fill(pool, 'a');
    const before = names();
    ground.clock.advance(10 * minutes);
    ground.store.put = () => {
      throw new AppError('FAKE_IP_STORE', 'disk full');
    };
    pool.allocateAll(['x', 'y', 'z'].map((name) => ({ name: `${name}.example`, client })));
    expect(names()).toEqual(before);
    for (const name of before) expect(pool.find(name)?.name).toBe(name);
  });

  test('of which one gets nothing: the others do', () => {
    const pool = open();
    fill(pool, 'a')
      .slice(1)
      .forEach((address) => pool.flowOpened(address));
    ground.clock.advance(minutes);
    const outcomes = pool.allocateAll(['x', 'y'].map((name) => ({ name: `${name}.example`, client })));
    expect(outcomes).toEqual([expect.any(Number), expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' })]);
    expect(ground.store.load().filter(({ name }) => name === 'x.example')).toHaveLength(1);
  });
});

test('131,068 names fill the range and load again in linear time', () => {
  const pool = makePool(ground.store, { clock: ground.clock });
  for (let i = 0; i < pool.capacity; i++) pool.allocate(`host-${i}.example.com`, `client${i % 2}`);
  expect(pool.used).toBe(131_068);
  const begun = fairClock.monotonic();
  const loaded = makePool(ground.store, { clock: ground.clock });
  expect(fairClock.monotonic() - begun).toBeLessThan(5_000);
  for (const { name, address } of ground.store.load().slice(0, 1_000))
    expect(loaded.allocate(name, client)).toBe(address);
});
