import { beforeEach, expect, test } from 'vitest';
import { deferred } from '../../../core/base/deferred.ts';
import { EnhancedWishes, signOfLifeMs } from '../../../core/contract/enhanced-wish.ts';
import type { TunnelState } from '../../../core/contract/status.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';

let clock: ManualClock;
let shown: string[];
let wishes: EnhancedWishes<string>;
const starting: TunnelState = { kind: 'starting', step: 'tun' };
const stopped: TunnelState = { kind: 'stopped' };

beforeEach(() => {
  clock = new ManualClock();
  shown = [];
  wishes = new EnhancedWishes<string>({
    after: (ms, callback) => clock.after(ms, callback),
    show: (wish, failure) => shown.push(`${wish ?? '-'} ${failure ?? '-'}`),
    failureOf: (caught) => String(caught),
    silence: (wish) => `no sign of ${wish}`,
  });
});

test('is shown at once, and until it is answered', async () => {
  expect(await wishes.ask('on', () => Promise.resolve(7))).toBe(7);
  expect(shown).toEqual(['on -', '- -']);
  expect(clock.pending).toBe(0);
});

test('what fails is told', async () => {
  expect(await wishes.ask('off', () => Promise.reject(new Error('no')))).toBeUndefined();
  expect(shown).toEqual(['off -', '- Error: no']);
});

test('without any sign it is given up; should it be done after all, that is taken back', async () => {
  void wishes.ask('restore', () => new Promise(() => undefined));
  clock.run(signOfLifeMs);
  expect(shown).toEqual(['restore -', '- no sign of restore']);
  wishes.see(stopped);
  expect(shown.at(-1)).toBe('- -');
});

test('a helper that works has the time it needs', async () => {
  void wishes.ask('on', () => new Promise(() => undefined));
  wishes.see(starting);
  clock.run(100 * signOfLifeMs);
  expect(shown).toEqual(['on -']);
});

test('the answer to an earlier one is void', async () => {
  const first = deferred<number>();
  const answered = wishes.ask('on', () => first.promise);
  void wishes.ask('off', () => new Promise(() => undefined));
  first.resolve(1);
  expect(await answered).toBeUndefined();
  await settle();
  expect(shown).toEqual(['on -', 'off -']);
});
