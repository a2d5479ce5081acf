import { expect, test } from 'vitest';
import { Turns } from '../../../../core/dns/resolver/turns.ts';
import { settle } from '../../../support/manual-clock.ts';

const never = new AbortController().signal;

test('places are given in turn; who gave up waiting is passed over and keeps none', async () => {
  const turns = new Turns(2);
  const order: number[] = [];
  const asker = new AbortController();
  const take = async (n: number, signal = never): Promise<void> => {
    await turns.take(signal);
    order.push(n);
  };
  await Promise.all([take(1), take(2)]);
  const gone = take(3, asker.signal).catch((error: unknown) => error);
  void take(4);
  void take(5);
  await settle();
  expect(order).toEqual([1, 2]);
  asker.abort();
  expect(await gone).toMatchObject({ code: 'DNS_IO' });
  turns.give();
  turns.give();
  await settle();
  expect(order).toEqual([1, 2, 4, 5]);
  turns.give();
  turns.give();
  await Promise.all([take(6), take(7)]);
  void take(8);
  await settle();
  expect(order).toEqual([1, 2, 4, 5, 6, 7]);
});

test('who gives up in the moment its turn comes passes it on', async () => {
  const turns = new Turns(1);
  await turns.take(never);
  const asker = new AbortController();
  const gone = turns.take(asker.signal).catch(() => 'gone');
  const next = turns.take(never).then(() => 'next');
  await settle();
  asker.abort();
  turns.give();
  expect(await Promise.all([gone, next])).toEqual(['gone', 'next']);
});
