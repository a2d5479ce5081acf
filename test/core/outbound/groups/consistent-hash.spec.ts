import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jumpHash, textHash } from '../../../../core/outbound/groups/consistent-hash.ts';

test('known values', () => {
  expect(textHash('')).toBe(0xcbf29ce484222325n);
  expect(textHash('a')).toBe(0xaf63dc4c8601ec8cn);
  expect(jumpHash(10863919174838991n, 11)).toBe(6);
  expect(jumpHash(0n, 1)).toBe(0);
});

test('a further place takes keys from all others and moves none between them', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 200 }), (text, places) => {
      const key = textHash(text);
      const before = jumpHash(key, places);
      const after = jumpHash(key, places + 1);
      expect(before).toBeLessThan(places);
      expect(after === before || after === places).toBe(true);
    }),
  );
});

test('places are used alike', () => {
  const counts = [0, 0, 0, 0, 0];
  for (let i = 0; i < 5_000; i++) {
    const place = jumpHash(textHash(`site${i}.example`), counts.length);
    counts[place] = (counts[place] ?? 0) + 1;
  }
  for (const count of counts) expect(count).toBeGreaterThan(850);
});
