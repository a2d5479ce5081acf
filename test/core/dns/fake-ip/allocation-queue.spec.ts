import { expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { type AddressRequest, AllocationQueue } from '../../../../core/dns/fake-ip/allocation-queue.ts';

test('the names of one turn go to the pool together, in order; each gets its own outcome', async () => {
  const batches: string[][] = [];
  const queue = new AllocationQueue({
    allocateAll: (requests: readonly AddressRequest[]) => {
      batches.push(requests.map(({ name, client }) => `${name} for ${client}`));
      return requests.map(({ name }) =>
        name === 'none' ? new AppError('FAKE_IP_EXHAUSTED', 'all are in use') : 0xc6120000 + name.length,
      );
    },
  });
  const outcomes = await Promise.allSettled([
    queue.allocate('a', 'x'),
    queue.allocate('none', 'x'),
    queue.allocate('ccc', 'y'),
  ]);
  expect(outcomes).toEqual([
    { status: 'fulfilled', value: '198.18.0.1' },
    { status: 'rejected', reason: expect.objectContaining({ code: 'FAKE_IP_EXHAUSTED' }) as unknown },
    { status: 'fulfilled', value: '198.18.0.3' },
  ]);
  expect(await queue.allocate('bb', 'x')).toBe('198.18.0.2');
  expect(batches).toEqual([['a for x', 'none for x', 'ccc for y'], ['bb for x']]);
});

test('a pool that breaks fails every name of the turn, and none of the next', async () => {
  let broken = true;
  const queue = new AllocationQueue({
    allocateAll: (requests) => {
      if (broken) throw new TypeError('x is not a function');
      return requests.map(() => 0xc6120009);
    },
  });
  const outcomes = await Promise.allSettled([queue.allocate('a', 'x'), queue.allocate('b', 'x')]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  broken = false;
  expect(await queue.allocate('a', 'x')).toBe('198.18.0.9');
});
