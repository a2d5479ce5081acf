import { expect, test } from 'vitest';
import type { TopicBatch } from '../../../core/contract/rpc.ts';
import { readOnce } from '../../../renderer/bridge/read-once.ts';

const picture: TopicBatch<'mappings'> = {
  epoch: 1,
  sequence: 0,
  reset: true,
  total: 0,
  rows: [],
  counters: [],
  removed: [],
};

test.each([
  ['at once', (answer: () => void) => answer()],
  ['later', (answer: () => void) => void setImmediate(answer)],
])('a table that is told %s is watched no longer than until then', async (_, when) => {
  let watched = 0;
  const rows = await readOnce(
    {
      subscribe: (_topic, _options, handler) => {
        watched += 1;
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this double has one table
        when(() => (handler as (batch: TopicBatch<'mappings'>) => void)(picture));
        return () => void (watched -= 1);
      },
    },
    'mappings',
    {},
  );
  expect([rows, watched]).toEqual([[], 0]);
});

test('one that is refused is none', async () => {
  let watched = 0;
  const rows = await readOnce(
    {
      subscribe: (_topic, _options, _handler, onRefused) => {
        watched += 1;
        onRefused({ code: 'RPC_BUSY', message: 'too many tables' });
        return () => void (watched -= 1);
      },
    },
    'mappings',
    {},
  );
  expect([rows, watched]).toEqual([undefined, 0]);
});
