import { expect, test } from 'vitest';
import { SearchTries } from '../../../../core/dns/names/search-tries.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

test('a denied name with a search domain behind it is a try, for a moment', async () => {
  const clock = new ManualClock();
  const tries = new SearchTries(clock);
  expect(tries.includes('no-such.example.lan.example')).toBe(false);
  tries.denied('no-such.example');
  for (const [name, expected] of [
    ['no-such.example.lan.example', true],
    ['no-such.example.lan', true],
    ['no-such.example', false],
    ['www.no-such.example.lan', false],
    ['no-such.examples.lan', false],
    ['no-such.lan', false],
    ['no-such', false],
  ] as const)
    expect(tries.includes(name), name).toBe(expected);
  await clock.advance(5_000);
  expect(tries.includes('no-such.example.lan.example')).toBe(false);
});

test('a single label is none: it is asked for with the list first', () => {
  const tries = new SearchTries(new ManualClock());
  tries.denied('no-such');
  expect(tries.includes('no-such.lan.example')).toBe(false);
});
