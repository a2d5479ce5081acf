import { beforeEach, describe, expect, test } from 'vitest';
import { ipv4ToNumber } from '../../../../core/base/address.ts';
import { AppError } from '../../../../core/base/app-error.ts';
import type { FakeIpPool } from '../../../../core/dns/fake-ip/fake-ip-pool.ts';
import { MemoryStateStore } from '../../../../core/state/memory-state-store.ts';
import { fairClock } from '../../../support/fair-clock.ts';
import { FastClock, hours, makePool, minutes, RecordedHealth, seconds } from './pool-fixture.ts';

const small = '198.18.0.0/28';
const client = '198.18.0.1';
let store: MemoryStateStore;
let clock: FastClock;
let health: RecordedHealth;

beforeEach(() => {
  store = new MemoryStateStore();
  clock = new FastClock();
  health = new RecordedHealth();
});

const open = (range = small): FakeIpPool => {
  const pool = makePool(store, { range, clock, health });
  pool.start();
  return pool;
};
const fill = (pool: FakeIpPool, prefix: string): string[] =>
  Array.from({ length: pool.capacity }, (_, i) => pool.allocate(`${prefix}${i}.example`, `client${i % 3}`));

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
    expect(store.load()).toMatchObject([{ address, name: 'example.com', answers: 1 }]);
  });

  test('gets no address when it cannot be stored, and one when it can again', () => {
    const pool = open();
    const known = pool.allocate('known.example', client);
    const put = store.put.bind(store);
    store.put = () => {
      throw new AppError('FAKE_IP_STORE', 'disk full');
    };
    expect(() => pool.allocate('new.example', client)).toThrow(expect.objectContaining({ code: 'FAKE_IP_STORE' }));
    expect(pool.find('new.example')).toBeUndefined();
    expect(pool.used).toBe(1);
    expect(pool.allocate('known.example', client)).toBe(known);
    expect([...health.warnings.keys()]).toEqual(['FAKE_IP_STORE']);
    store.put = put;
    pool.allocate('new.example', client);
    expect(health.warnings.size).toBe(0);
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
    expect(health.warnings.size).toBe(0);
  });

  test('a rested address is reused without a warning: after 10 minutes if only asked for', () => {
    const pool = open();
    const addresses = fill(pool, 'a');
    clock.advance(10 * minutes);
    const reused = pool.allocate('new.example', client);
    expect(addresses).toContain(reused);
    expect(pool.lookup(reused)?.name).toBe('new.example');
    expect(pool.find(`a${addresses.indexOf(reused)}.example`)).toBeUndefined();
    expect(health.warnings.size).toBe(0);
  });

  test('one that was connected to rests for a day after its last use', () => {
    const pool = open();
    const addresses = fill(pool, 'a');
    for (const address of addresses) {
      pool.flowOpened(address);
      pool.flowClosed(address, 'ok');
    }
    clock.advance(24 * hours - seconds);
    expect(pool.rows().every((row) => row.state === 'resting')).toBe(true);
    clock.advance(seconds);
    expect(pool.rows().every((row) => row.state === 'free')).toBe(true);
    pool.allocate('new.example', client);
    expect(health.warnings.size).toBe(0);
  });

  test('under pressure: first those never connected, then the oldest, with a warning that is taken back', () => {
    const pool = open();
    const addresses = fill(pool, 'a');
    for (const address of addresses.slice(0, 10)) {
      pool.flowOpened(address);
      pool.flowClosed(address, 'ok');
      clock.advance(seconds);
    }
    clock.advance(minutes);
    expect(pool.allocate('b0.example', client)).toBe(addresses[10]);
    expect(health.warnings.get('FAKE_IP_PRESSURE')).toMatchObject({ severity: 'warning' });
    expect(pool.allocate('b1.example', client)).toBe(addresses[11]);
    expect(pool.allocate('b2.example', client)).toBe(addresses[0]);
    expect(pool.allocate('b3.example', client)).toBe(addresses[1]);
    clock.advance(10 * minutes);
    expect(health.warnings.size).toBe(0);
  });

  test('never within a minute: the pool is exhausted instead, and says so', () => {
    const pool = open();
    fill(pool, 'a');
    clock.advance(minutes - seconds);
    expect(() => pool.allocate('new.example', client)).toThrow(expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' }));
    expect(health.warnings.get('FAKE_IP_EXHAUSTED')).toMatchObject({ severity: 'error' });
    clock.advance(seconds);
    expect(() => pool.allocate('new.example', client)).not.toThrow();
  });

  test('never while a flow is live, however long', () => {
    const pool = open();
    for (const address of fill(pool, 'a')) pool.flowOpened(address);
    clock.advance(48 * hours);
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
    clock.advance(minutes);
    expect(pool.allocate('one-more.example', 'greedy')).toBe(mine[1]);
    expect(health.warnings.get('FAKE_IP_SHARE')).toMatchObject({ severity: 'warning' });
    expect(health.warnings.has('FAKE_IP_PRESSURE')).toBe(false);
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
    clock.clear();
    const pool = open();
    expect(() => pool.allocate('new.example', 'greedy')).toThrow(
      expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' }),
    );
    clock.advance(10 * minutes);
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
    const put = store.put.bind(store);
    store.put = (mappings) => {
      puts += 1;
      put(mappings);
    };
    const requests = ['a', 'known', 'b', 'a'].map((name) => ({ name: `${name}.example`, client }));
    const addresses = pool.allocateAll(requests);
    expect([addresses[1], addresses[3]]).toEqual([ipv4ToNumber(known), addresses[0]]);
    expect(puts).toBe(1);
    expect(store.load().map(({ name }) => name)).toEqual(['known.example', 'a.example', 'b.example']);
    store.put = () => {
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
    clock.advance(10 * minutes);
    store.put = () => {
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
    clock.advance(minutes);
    const outcomes = pool.allocateAll(['x', 'y'].map((name) => ({ name: `${name}.example`, client })));
    expect(outcomes).toEqual([expect.any(Number), expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' })]);
    expect(store.load().filter(({ name }) => name === 'x.example')).toHaveLength(1);
  });
});

describe('rows and statistics', () => {
  test('tell what happened to an address', () => {
    const pool = open();
    const changed: string[] = [];
    pool.changed.on((address) => changed.push(address));
    const begun = clock.now();
    const address = pool.allocate('example.com', client);
    clock.advance(2 * seconds);
    pool.allocate('example.com', client);
    pool.flowOpened(address);
    pool.flowOpened(address);
    pool.flowClosed(address, 'DIAL_REFUSED');
    expect(pool.row(address)).toEqual({
      address,
      name: 'example.com',
      state: 'live',
      firstSeen: begun,
      lastAnswered: begun + 2 * seconds,
      lastConnected: begun + 2 * seconds,
      answers: 2,
      flows: 2,
      liveFlows: 1,
      pinned: false,
      outcome: 'DIAL_REFUSED',
    });
    expect(pool.rows()).toEqual([pool.row(address)]);
    expect(changed).toEqual(Array.from({ length: 5 }, () => address));
  });

  test('are written within a second, and at once where rest depends on them', () => {
    const pool = open();
    const address = pool.allocate('example.com', client);
    pool.allocate('example.com', client);
    expect(store.load()).toMatchObject([{ answers: 1 }]);
    clock.advance(seconds);
    expect(store.load()).toMatchObject([{ answers: 2, lastConnected: 0 }]);
    pool.flowOpened(address);
    expect(store.load()).toMatchObject([{ lastConnected: clock.now(), flows: 1 }]);
    pool.flowOpened(address);
    expect(store.load()).toMatchObject([{ flows: 1 }]);
  });

  test('of many names are written a batch a second', () => {
    const pool = open('198.18.0.0/16');
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 6_000; i++) pool.allocate(`name${i}.example`, client);
    }
    const written = () => store.load().filter((mapping) => mapping.answers === 2).length;
    clock.advance(seconds);
    expect(written()).toBe(4_000);
    clock.advance(seconds);
    expect(written()).toBe(6_000);
  });

  test('are written by stop', () => {
    const pool = open();
    pool.allocate('example.com', client);
    pool.allocate('example.com', client);
    pool.stop();
    expect(store.load()).toMatchObject([{ answers: 2 }]);
  });

  test('that cannot be written are kept, with a warning until they are', () => {
    const pool = open();
    pool.allocate('example.com', client);
    pool.allocate('example.com', client);
    const update = store.updateStatistics.bind(store);
    store.updateStatistics = () => {
      throw new AppError('FAKE_IP_STORE', 'disk full');
    };
    clock.advance(seconds);
    expect([...health.warnings.keys()]).toEqual(['FAKE_IP_STORE']);
    store.updateStatistics = update;
    clock.advance(seconds);
    expect(health.warnings.size).toBe(0);
    expect(store.load()).toMatchObject([{ answers: 2 }]);
  });
});

describe('after a restart', () => {
  test('everything is as before, but no flow is live', () => {
    const first = open();
    const address = first.allocate('example.com', client);
    first.flowOpened(address);
    first.stop();
    const second = open();
    expect(second.lookup(address)).toMatchObject({ name: 'example.com', flows: 1, liveFlows: 0 });
    expect(second.allocate('example.com', client)).toBe(address);
  });

  test('an address that was live when the process was killed rests from then, not from its flow’s beginning', () => {
    const first = open();
    for (const address of fill(first, 'a')) first.flowOpened(address);
    clock.advance(48 * hours);
    const second = open();
    expect(second.rows().every((row) => row.state === 'resting')).toBe(true);
    expect(() => second.allocate('new.example', client)).toThrow(
      expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' }),
    );
  });

  test('nor may it be taken under pressure because the last mark of its flow is a minute old', () => {
    const first = open();
    for (const address of fill(first, 'a')) first.flowOpened(address);
    clock.advance(59 * seconds);
    clock.clear();
    const second = open();
    clock.advance(2 * seconds);
    expect(() => second.allocate('new.example', client)).toThrow(
      expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' }),
    );
  });

  test('times from a clock that was ahead do not make addresses rest forever', () => {
    const future = clock.now() + 1_000 * hours;
    store.put([
      {
        id: store.newId(),
        address: '198.18.0.3',
        name: 'old.example',
        client,
        firstSeen: future,
        lastAnswered: future,
        lastConnected: 0,
        answers: 1,
        flows: 0,
        outcome: '',
        pinned: false,
        retired: false,
        former: '',
        formerUntil: 0,
      },
    ]);
    const pool = open();
    clock.advance(10 * minutes);
    expect(pool.row('198.18.0.3')?.state).toBe('free');
  });

  test('mappings of another range stay in the store and are understood again when it returns', () => {
    const before = open().allocate('example.com', client);
    const elsewhere = open('10.99.0.0/16');
    expect(elsewhere.lookup(before)).toBeUndefined();
    const other = elsewhere.allocate('example.com', client);
    const back = open();
    expect(back.allocate('example.com', client)).toBe(before);
    expect(back.lookup(other)).toBeUndefined();
  });

  test('a name with two addresses after overlapping ranges: both lead to it, the newer is given out', () => {
    const wide = open('198.18.0.0/15');
    let name = '';
    let old = '';
    for (let i = 0; !old.startsWith('198.19.'); i++) {
      name = `name${i}.example`;
      old = wide.allocate(name, client);
    }
    clock.advance(seconds);
    const newer = open('198.18.0.0/16').allocate(name, client);
    const again = open('198.18.0.0/15');
    expect(again.lookup(old)?.name).toBe(name);
    expect(again.lookup(newer)?.name).toBe(name);
    expect(again.allocate(name, client)).toBe(newer);
  });
});

describe('loss of the table', () => {
  const names = Array.from({ length: 5_000 }, (_, i) => `host-${i}.example.com`);

  test('asked in the same order, every name has its old address', () => {
    const before = makePool(new MemoryStateStore());
    const after = makePool(new MemoryStateStore());
    for (const name of names) expect(after.allocate(name, client)).toBe(before.allocate(name, client));
  });

  test('asked in any order, a name in its home slot has its old address unless a displaced one was asked before it', () => {
    const before = makePool(new MemoryStateStore());
    const after = makePool(new MemoryStateStore());
    const home = (name: string) => makePool(new MemoryStateStore()).allocate(name, client);
    const old = new Map(names.map((name) => [name, before.allocate(name, client)]));
    const moved = names.toReversed().filter((name) => after.allocate(name, client) !== old.get(name));
    expect(moved.length / names.length).toBeLessThan(0.08);
    const homes = Map.groupBy(names, home);
    const alone = names.filter((name) => {
      const slot = after.range.slotOf(home(name)) ?? 0;
      const near = [slot - 2, slot - 1, slot].map((at) => homes.get(after.range.addressOf(at))?.length ?? 0);
      return near[0] === 0 && near[1] === 0 && near[2] === 1;
    });
    expect(alone.length / names.length).toBeGreaterThan(0.85);
    expect(moved.filter((name) => alone.includes(name))).toEqual([]);
  });
});

test('131,068 names fill the range and load again in linear time', () => {
  const pool = makePool(store, { clock });
  for (let i = 0; i < pool.capacity; i++) pool.allocate(`host-${i}.example.com`, `client${i % 2}`);
  expect(pool.used).toBe(131_068);
  const begun = fairClock.monotonic();
  const loaded = makePool(store, { clock });
  expect(fairClock.monotonic() - begun).toBeLessThan(5_000);
  for (const { name, address } of store.load().slice(0, 1_000)) expect(loaded.allocate(name, client)).toBe(address);
});
