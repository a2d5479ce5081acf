import { expect, test } from 'vitest';
import { UnknownAddresses } from '../../../../core/dns/fake-ip/unknown-addresses.ts';

const day = 24 * 3_600_000;

test('an address is kept for a day after its last connection', () => {
  const unknown = new UnknownAddresses();
  unknown.add(1, 0);
  unknown.add(2, 10);
  unknown.add(1, 20);
  expect([...unknown.entries()]).toEqual([
    [2, 10],
    [1, 20],
  ]);
  expect(unknown.expire(day + 9)).toEqual([]);
  expect(unknown.expire(day + 10)).toEqual([2]);
  expect([unknown.size, unknown.since(1), unknown.since(2)]).toEqual([1, 20, undefined]);
  expect([unknown.delete(1), unknown.delete(1)]).toEqual([true, false]);
});

test('so many are kept; then the oldest gives way', () => {
  const unknown = new UnknownAddresses();
  for (let slot = 0; slot < 4_096; slot++) expect(unknown.add(slot, slot)).toBeUndefined();
  expect(unknown.add(9_999, 9_999)).toBe(0);
  expect(unknown.takeOldest()).toBe(1);
  expect(unknown.size).toBe(4_095);
});
