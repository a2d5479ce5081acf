import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { FairPlaces } from '../../../../core/dns/resolver/fair-places.ts';

test('who floods loses its own longest waiting, whoever asks', () => {
  const places = new FairPlaces(4, 'too many');
  const take = (client: string): AbortController => {
    const life = new AbortController();
    places.take(client, life);
    return life;
  };
  const flood = [take('a'), take('a'), take('a'), take('a')];
  const other = [take('b'), take('b')];
  const more = take('a');
  expect(flood.map(({ signal }) => signal.aborted)).toEqual([true, true, true, false]);
  expect([...other, more].map(({ signal }) => signal.aborted)).toEqual([false, false, false]);
  expect(flood[0]?.signal.reason).toMatchObject({ code: 'DNS_IO', message: 'too many' });
  places.endAll(new AppError('DNS_IO', 'stopped'));
  expect([...other, more].every(({ signal }) => signal.aborted)).toBe(true);
});

test('never more than there are, and nobody within an equal share loses anything', () => {
  const step = fc.record({ client: fc.constantFrom('a', 'b', 'c'), leave: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 3, max: 9 }), (steps, most) => {
      const places = new FairPlaces(most, 'too many');
      const held: { client: string; life: AbortController; leave: () => void }[] = [];
      const living = () => held.filter(({ life }) => !life.signal.aborted);
      for (const { client, leave } of steps) {
        const own = living().filter((one) => one.client === client);
        if (leave && own[0] !== undefined) {
          own[0].leave();
          held.splice(held.indexOf(own[0]), 1);
          own[0].leave();
          continue;
        }
        const before = living();
        const life = new AbortController();
        held.push({ client, life, leave: places.take(client, life) });
        expect(living().length).toBeLessThanOrEqual(most);
        const lost = before.find((one) => one.life.signal.aborted);
        if (lost === undefined) continue;
        expect(before).toHaveLength(most);
        const sizeOf = (who: string) => before.filter((one) => one.client === who).length;
        expect(sizeOf(lost.client)).toBe(Math.max(...['a', 'b', 'c'].map(sizeOf)));
      }
    }),
  );
});

test('a question of a new client costs the same however many clients wait', () => {
  const costWith = (clients: number): number => {
    const places = new FairPlaces(clients, 'too many');
    const life = new AbortController();
    for (let n = 0; n < clients; n += 1) places.take(String(n), new AbortController());
    const start = performance.now();
    for (let n = 0; n < 1_000; n += 1) places.take('x' + n, life);
    return performance.now() - start;
  };
  // The least of many: what is measured may be interrupted.
  const leastWith = (clients: number): number => Math.min(...Array.from({ length: 10 }, () => costWith(clients)));
  leastWith(32);
  // Of so many more clients each would be looked at 512 times as long; memory is slower than caches, by far less.
  expect(leastWith(16_384)).toBeLessThan(40 * leastWith(32));
});
