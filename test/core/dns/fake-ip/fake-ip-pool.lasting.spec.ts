import { describe, expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { MemoryStateStore } from '../../../../core/state/memory-state-store.ts';
import { hours, makePool, minutes, seconds } from './pool-fixture.ts';
import { client, poolGround } from './pool-ground.ts';

const ground = poolGround();
const { open, fill } = ground;

describe('rows and statistics', () => {
  test('tell what happened to an address', () => {
    const pool = open();
    const changed: string[] = [];
    pool.changed.on((address) => changed.push(address));
    const begun = ground.clock.now();
    const address = pool.allocate('example.com', client);
    ground.clock.advance(2 * seconds);
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
    expect(ground.store.load()).toMatchObject([{ answers: 1 }]);
    ground.clock.advance(seconds);
    expect(ground.store.load()).toMatchObject([{ answers: 2, lastConnected: 0 }]);
    pool.flowOpened(address);
    expect(ground.store.load()).toMatchObject([{ lastConnected: ground.clock.now(), flows: 1 }]);
    pool.flowOpened(address);
    expect(ground.store.load()).toMatchObject([{ flows: 1 }]);
  });

  test('of many names are written a batch a second', () => {
    const pool = open('198.18.0.0/16');
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 6_000; i++) pool.allocate(`name${i}.example`, client);
    }
    const written = () => ground.store.load().filter((mapping) => mapping.answers === 2).length;
    ground.clock.advance(seconds);
    expect(written()).toBe(4_000);
    ground.clock.advance(seconds);
    expect(written()).toBe(6_000);
  });

  test('are written by stop', () => {
    const pool = open();
    pool.allocate('example.com', client);
    pool.allocate('example.com', client);
    pool.stop();
    expect(ground.store.load()).toMatchObject([{ answers: 2 }]);
  });

  test('that cannot be written are kept, with a warning until they are', () => {
    const pool = open();
    pool.allocate('example.com', client);
    pool.allocate('example.com', client);
    const update = ground.store.updateStatistics.bind(ground.store);
    ground.store.updateStatistics = () => {
      throw new AppError('FAKE_IP_STORE', 'disk full');
    };
    ground.clock.advance(seconds);
    expect([...ground.health.warnings.keys()]).toEqual(['FAKE_IP_STORE']);
    ground.store.updateStatistics = update;
    ground.clock.advance(seconds);
    expect(ground.health.warnings.size).toBe(0);
    expect(ground.store.load()).toMatchObject([{ answers: 2 }]);
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
    ground.clock.advance(48 * hours);
    const second = open();
    expect(second.rows().every((row) => row.state === 'resting')).toBe(true);
    expect(() => second.allocate('new.example', client)).toThrow(
      expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' }),
    );
  });

  test('nor may it be taken under pressure because the last mark of its flow is a minute old', () => {
    const first = open();
    for (const address of fill(first, 'a')) first.flowOpened(address);
    ground.clock.advance(59 * seconds);
    ground.clock.clear();
    const second = open();
    ground.clock.advance(2 * seconds);
    expect(() => second.allocate('new.example', client)).toThrow(
      expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' }),
    );
  });

  test('times from a clock that was ahead do not make addresses rest forever', () => {
    const future = ground.clock.now() + 1_000 * hours;
    ground.store.put([
      {
        id: ground.store.newId(),
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
    ground.clock.advance(10 * minutes);
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
    ground.clock.advance(seconds);
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
