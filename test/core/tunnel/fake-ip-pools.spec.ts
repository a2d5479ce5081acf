import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { FakeIpPool } from '../../../core/dns/fake-ip/fake-ip-pool.ts';
import { FakeIp6Range } from '../../../core/dns/fake-ip/fake-ip6-range.ts';
import { MemoryStateStore } from '../../../core/state/memory-state-store.ts';
import { FakeIpPools } from '../../../core/tunnel/fake-ip-pools.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const client = '198.18.0.1';
const health = { raise: () => undefined, clear: () => undefined };
let clock: ManualClock;
let store: MemoryStateStore;
let pools: FakeIpPools;

/** As at the start of the helper. */
const open = (range = '198.18.0.0/15'): FakeIpPools => {
  const create = (text: string) =>
    new FakeIpPool({ range: text, key: new Uint8Array(16), store, clock, health, logger: silentLogger });
  return new FakeIpPools(range, create, store);
};
const change = (range: string, fake6?: FakeIp6Range): void => pools.use({ pool: pools.prepare(range), fake6 });
/** A name whose address lies in the half of the range that begins so. */
const nameIn = (half: string): [name: string, address: string] => {
  for (let i = 0; ; i++) {
    const address = pools.current.allocate(`${half}${i}.example`, client);
    if (address.startsWith(half)) return [`${half}${i}.example`, address];
  }
};

beforeEach(() => {
  clock = new ManualClock();
  store = new MemoryStateStore();
  pools = open();
});

describe('a change of the range', () => {
  test('new names get addresses of the new one, old addresses keep their meaning', () => {
    const old = pools.current.allocate('old.example', client);
    change('10.64.0.0/16');
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
    change('10.64.0.0/16');
    expect(pools.row(old)).toMatchObject({ state: 'live', liveFlows: 1 });
    pools.flowClosed(old, 'ok');
    expect(pools.row(old)).toMatchObject({ state: 'retired', liveFlows: 0, outcome: 'ok' });
    pools.flowOpened('192.0.2.1');
  });

  test('and back takes the former pool again', () => {
    const first = pools.current;
    const address = first.allocate('a.example', client);
    change('10.64.0.0/16');
    change('198.18.0.0/15');
    expect(pools.current).toBe(first);
    expect(pools.current.allocate('a.example', client)).toBe(address);
    expect(pools.ranges()).toEqual(['198.18.0.0/15']);
  });

  test('the same range, however written, is the same pool', () => {
    expect(pools.prepare('198.18.7.0/15')).toBe(pools.current);
    change('198.18.0.0/15');
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
    clock.run(1_000);
    pools.current.allocate('newer.example', client);
    expect(pools.rows().map((row) => row.name)).toEqual(['old.example', 'newer.example']);
    clock.run(1_000);
    pools.current.allocate('old.example', client);
    expect(pools.rows().map((row) => row.name)).toEqual(['newer.example', 'old.example']);
  });

  test('tells every change to watchers, those of a change of the range too, and works for nobody else', () => {
    const first = pools.current;
    const old = first.allocate('old.example', client);
    const told: string[] = [];
    const stop = pools.watch((keys) => told.push(...keys));
    const next = pools.prepare('10.64.0.0/16');
    pools.use({ pool: next, fake6: undefined });
    expect(new Set(told.splice(0))).toEqual(new Set([old]));
    const fresh = next.allocate('new.example', client);
    expect(told.splice(0)).toEqual([fresh]);
    pools.flowOpened(old);
    expect(told.splice(0)).toEqual([old]);
    stop();
    expect([first.changed.size, next.changed.size]).toEqual([0, 0]);
  });
});

describe('over a restart of the helper', () => {
  test('addresses of a former range are understood until their rest ends, then the range is forgotten', () => {
    const old = pools.current.allocate('old.example', client);
    change('10.64.0.0/16');
    pools.stop();
    pools = open();
    change('10.64.0.0/16');
    expect(pools.lookup(old)?.name).toBe('old.example');
    expect(pools.ranges()).toEqual(['10.64.0.0/16', '198.18.0.0/15']);
    clock.run(600_000);
    pools.stop();
    expect(pools.ranges()).toEqual(['10.64.0.0/16']);
    pools = open('10.64.0.0/16');
    expect(pools.ranges()).toEqual(['10.64.0.0/16']);
    expect(pools.contains(old)).toBe(false);
  });

  test('a range that is the first one again has no former ones but those that mean something', () => {
    change('10.64.0.0/16');
    const elsewhere = pools.current.allocate('a.example', client);
    pools.stop();
    pools = open();
    change('198.18.0.0/15');
    expect(pools.row(elsewhere)).toMatchObject({ name: 'a.example', state: 'retired' });
    clock.run(600_000);
    pools.dropEmpty();
    expect(store.ranges()).toEqual([]);
    expect(store.load()).toEqual([]);
  });
});

describe('ranges with addresses in common', () => {
  test('what lies in both goes on as it is, with its flows; the rest retires', () => {
    const [near, inBoth] = nameIn('198.18.');
    const [far, outside] = nameIn('198.19.');
    for (const address of [inBoth, outside]) pools.flowOpened(address);
    change('198.18.0.0/16');
    expect(pools.row(inBoth)).toMatchObject({ name: near, state: 'live', liveFlows: 1 });
    expect(pools.row(outside)).toMatchObject({ name: far, state: 'live', liveFlows: 1 });
    expect(pools.current.allocate(near, client)).toBe(inBoth);
    for (const address of [inBoth, outside]) pools.flowClosed(address, 'ok');
    expect(pools.row(inBoth)).toMatchObject({ state: 'resting', liveFlows: 0, outcome: 'ok' });
    expect(pools.row(outside)).toMatchObject({ state: 'retired', liveFlows: 0, outcome: 'ok' });
  });

  test('back in the wide one, no address means two names, and none is given away while it is live', () => {
    nameIn('198.19.');
    change('198.18.0.0/16');
    const added = Array.from({ length: 300 }, (_, i) => pools.current.allocate(`later${i}.example`, client));
    for (const address of added) pools.flowOpened(address);
    change('198.18.0.0/15');
    expect(pools.ranges()).toEqual(['198.18.0.0/15']);
    for (const [i, address] of added.entries()) {
      expect(pools.row(address)).toMatchObject({ name: `later${i}.example`, liveFlows: 1 });
      expect(pools.current.allocate(`later${i}.example`, client)).toBe(address);
    }
    expect(new Set(pools.rows().map((row) => row.address)).size).toBe(pools.rows().length);
  });
});

describe('fake IPv6 addresses', () => {
  test('are the mapping of their IPv4 address', () => {
    const fake6 = new FakeIp6Range('fdfe:dcba:9877::/96');
    change('198.18.0.0/15', fake6);
    const address = pools.current.allocate('a.example', client);
    const six = fake6.addressOf(address);
    expect(pools.contains(six)).toBe(true);
    expect(pools.lookup(six)).toEqual({ name: 'a.example', doubtful: false });
    pools.flowOpened(six);
    expect(pools.row(address)).toMatchObject({ liveFlows: 1, address6: six });
    pools.flowClosed(six, 'ok');
    expect(pools.rows()).toMatchObject([{ liveFlows: 0, outcome: 'ok', address6: six }]);
    expect(pools.ranges()).toEqual(['198.18.0.0/15', 'fdfe:dcba:9877::/96']);
    expect(pools.contains('fdfe:dcba:9877:1::1')).toBe(false);
    expect(pools.change([six], 'retire')).toBe(1);
  });

  test('are nobody else’s, whatever is embedded in them', () => {
    change('198.18.0.0/15', new FakeIp6Range('fdfe:dcba:9877::/96'));
    expect(pools.contains('fdfe:dcba:9877::1')).toBe(true);
    expect(pools.lookup('fdfe:dcba:9877::1')).toBeUndefined();
    pools.unknownConnected('fdfe:dcba:9877::1');
    pools.flowOpened('fdfe:dcba:9877::1');
    pools.flowClosed('fdfe:dcba:9877::1', 'ok');
    expect(pools.rows()).toEqual([]);
  });

  test('go on meaning their IPv4 address after a change of the prefix', () => {
    const [former, next] = [new FakeIp6Range('fdfe:dcba:9877::/96'), new FakeIp6Range('fd00::/96')];
    change('198.18.0.0/15', former);
    const address = pools.current.allocate('a.example', client);
    change('198.18.0.0/15', next);
    change('198.18.0.0/15', next);
    expect(pools.ranges()).toEqual(['198.18.0.0/15', 'fd00::/96', 'fdfe:dcba:9877::/96']);
    expect(pools.lookup(former.addressOf(address))?.name).toBe('a.example');
    expect(pools.row(address)).toMatchObject({ address6: next.addressOf(address) });
    change('198.18.0.0/15');
    expect(pools.ranges6()).toEqual(['fd00::/96', 'fdfe:dcba:9877::/96']);
    expect(pools.lookup(next.addressOf(address))?.name).toBe('a.example');
    change('198.18.0.0/15', former);
    expect(pools.ranges6()).toEqual(['fdfe:dcba:9877::/96', 'fd00::/96']);
  });
});

test('no timer runs unless it is started, and none after stop, also over a change of the range', () => {
  pools.current.allocate('a.example', client);
  change('10.64.0.0/16');
  expect(clock.pending).toBe(0);
  pools.start();
  expect(clock.pending).toBe(2);
  pools.current.allocate('b.example', client);
  change('10.65.0.0/16');
  expect(clock.pending).toBe(3);
  change('10.66.0.0/16');
  expect(clock.pending).toBe(3);
  pools.stop();
  expect(clock.pending).toBe(0);
});
