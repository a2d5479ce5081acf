import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type NameLetters, PlainNames } from '../../../../core/dns/router/plain-names.ts';

const lettersOf = (name: string, hash: number): NameLetters => {
  const letters = Buffer.alloc(255);
  return { letters, length: letters.write(name, 'latin1'), hash };
};
const name = fc.stringMatching(/^[a-z0-9-]{1,12}(\.[a-z]{1,6}){0,2}$/);

test('what is found is what was asked for, however hashes meet; nothing is found that was not added', () => {
  const step = fc.record({ name, hash: fc.constantFrom(0, 1, 1_024, -1, 0x7fff_ffff, -0x8000_0000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const names = new PlainNames();
      const added = new Set<string>();
      for (const { name, hash } of steps) {
        const asked = lettersOf(name, hash);
        const found = names.find(asked);
        if (found === undefined) names.add(name, hash);
        else expect([found.name, added.has(`${hash} ${name}`)]).toEqual([name, true]);
        added.add(`${hash} ${name}`);
        // What was just added is there, whoever had to give way.
        expect(names.find(asked)?.name).toBe(name);
      }
    }),
  );
});

test('it keeps 60,000 names, forgets them when it is told to, and is full at some time', () => {
  const names = new PlainNames();
  const hashOf = (i: number): number => Math.imul(i, 0x9e37_79b1) | 0;
  const found = (count: number): number => {
    let known = 0;
    for (let i = 0; i < count; i++) if (names.find(lettersOf(`n${i}.example`, hashOf(i))) !== undefined) known += 1;
    return known;
  };
  for (let i = 0; i < 60_000; i++) names.add(`n${i}.example`, hashOf(i));
  expect(found(60_000)).toBeGreaterThan(59_900);
  for (let i = 60_000; i < 400_000; i++) names.add(`n${i}.example`, hashOf(i));
  expect(found(400_000)).toBeLessThanOrEqual(131_072);
  names.clear();
  expect(found(1_000)).toBe(0);
});

test('a thousand names with one hash are looked for at eight places', () => {
  const names = new PlainNames();
  for (let i = 0; i < 1_000; i++) names.add(`n${i}.example`, 7);
  const known = Array.from({ length: 1_000 }, (_, i) => names.find(lettersOf(`n${i}.example`, 7))).filter(Boolean);
  expect(known.length).toBeLessThanOrEqual(8);
});
