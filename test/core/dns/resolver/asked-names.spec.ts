import { expect, test } from 'vitest';
import { AskedNames } from '../../../../core/dns/resolver/asked-names.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { ScriptedResolver } from './scripted-resolver.ts';

const never = new AbortController().signal;

test('a name is one that is asked about until 5 s after its last question, however that ends', async () => {
  const clock = new ManualClock();
  const names = new AskedNames(clock);
  const [first, second] = [new ScriptedResolver('first'), new ScriptedResolver('second')];
  const one = names.noting(first).query({ name: 'a.example', type: 'A' }, never);
  const other = names.noting(second).query({ name: 'a.example', type: 'AAAA' }, never);
  expect([names.includes('a.example'), names.includes('example')]).toEqual([true, false]);
  first.answer();
  expect((await one).upstream).toBe('first');
  await clock.advance(60_000);
  expect(names.includes('a.example')).toBe(true);
  second.fail('DNS_TIMEOUT');
  await expect(other).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
  await clock.advance(4_999);
  expect(names.includes('a.example')).toBe(true);
  await clock.advance(2);
  expect(names.includes('a.example')).toBe(false);
});

test('of those that are over 4,096 are remembered', async () => {
  const names = new AskedNames(new ManualClock());
  const resolver = new ScriptedResolver('first');
  for (let i = 0; i <= 4_096; i++) {
    void names.noting(resolver).query({ name: `n${i}.example`, type: 'A' }, never);
    resolver.answer();
  }
  await settle();
  expect([names.includes('n0.example'), names.includes('n1.example')]).toEqual([false, true]);
});
