import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { numberToIpv4 } from '../../../../core/base/address.ts';
import { AddressMemory } from '../../../../core/dns/names/address-memory.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const hour = 3_600_000;
let clock: ManualClock;
let memory: AddressMemory;

beforeEach(() => {
  clock = new ManualClock();
  memory = new AddressMemory(clock);
});

test('an address has the name it was last answered for; others have none', () => {
  memory.remember('192.0.2.1', 'a.example');
  memory.remember('2001:db8::1', 'a.example');
  memory.remember('192.0.2.1', 'b.example');
  expect(memory.lookup('192.0.2.1')).toBe('b.example');
  expect(memory.lookup('2001:db8::1')).toBe('a.example');
  expect(memory.lookup('192.0.2.2')).toBeUndefined();
});

test('a name is kept for twelve hours, not longer', async () => {
  memory.remember('192.0.2.1', 'a.example');
  memory.remember('192.0.2.2', 'b.example');
  await clock.advance(12 * hour);
  expect(memory.lookup('192.0.2.1')).toBe('a.example');
  await clock.advance(1);
  expect(memory.lookup('192.0.2.2')).toBeUndefined();
  expect(memory.lookup('192.0.2.2')).toBeUndefined();
});

test('connecting and answering again each keep it for another twelve', async () => {
  memory.remember('192.0.2.1', 'a.example');
  memory.remember('192.0.2.2', 'b.example');
  for (let i = 0; i < 4; i++) {
    await clock.advance(11 * hour);
    expect(memory.lookup('192.0.2.1')).toBe('a.example');
    memory.remember('192.0.2.2', 'b.example');
  }
  expect(memory.lookup('192.0.2.2')).toBe('b.example');
  await clock.advance(12 * hour + 1);
  expect(memory.lookup('192.0.2.1')).toBeUndefined();
});

test('there is room for 65536 addresses; the one unused for longest goes first', () => {
  for (let i = 0; i < 65_536; i++) memory.remember(numberToIpv4(i), `n${i}.example`);
  expect(memory.lookup('0.0.0.0')).toBe('n0.example');
  memory.remember('192.0.2.1', 'one.too.many');
  expect(memory.lookup('0.0.0.0')).toBe('n0.example');
  expect(memory.lookup('0.0.0.1')).toBeUndefined();
  expect(memory.lookup('0.0.0.2')).toBe('n2.example');
  expect(memory.lookup('192.0.2.1')).toBe('one.too.many');
});

test('whatever the order of events, it is a map whose entries age', async () => {
  const address = fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1');
  const event = fc.oneof(
    fc.record({ kind: fc.constant('remember' as const), address, name: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ kind: fc.constant('lookup' as const), address }),
    fc.record({ kind: fc.constant('pass' as const), hours: fc.integer({ min: 1, max: 13 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (events) => {
      const tested = new AddressMemory(clock);
      const model = new Map<string, { name: string; since: number }>();
      for (const one of events) {
        if (one.kind === 'pass') await clock.advance(one.hours * hour);
        else if (one.kind === 'remember') {
          tested.remember(one.address, one.name);
          model.set(one.address, { name: one.name, since: clock.now() });
        } else {
          const known = model.get(one.address);
          const alive = known !== undefined && clock.now() - known.since <= 12 * hour;
          expect(tested.lookup(one.address)).toBe(alive ? known.name : undefined);
          if (alive) known.since = clock.now();
        }
      }
    }),
    { numRuns: 60 },
  );
});
