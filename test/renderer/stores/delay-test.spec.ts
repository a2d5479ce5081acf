import { expect, test } from 'vitest';
import type { AppMethodName, AppParams, AppResult } from '../../../core/contract/app.ts';
import { DelayTest, testedOf } from '../../../renderer/stores/delay-test.ts';
import { nodeRow } from '../../support/proxy-rows.ts';

const begun = 1_700_000_000_000;

function bridgeOf(answer: () => Promise<AppResult<'testProxies'>>) {
  const calls: [AppMethodName, unknown][] = [];
  return {
    calls,
    call: async <M extends AppMethodName>(method: M, params: AppParams<M>): Promise<AppResult<M>> => {
      calls.push([method, params]);
      return (method === 'testProxies' ? await answer() : { stopped: 0 }) as AppResult<M>;
    },
  };
}

test('one test at a time; it is known which nodes it is of', async () => {
  const bridge = bridgeOf(async () => ({ nodes: ['a'], startedAt: begun }));
  const delayTest = new DelayTest(bridge);
  const first = delayTest.run({ policy: 'G' });
  expect(delayTest.store.getState()?.nodes).toBeUndefined();
  expect(await delayTest.run({})).toBeUndefined();
  expect(await first).toBeUndefined();
  expect(delayTest.store.getState()).toEqual({ nodes: ['a'], startedAt: begun });
  expect(bridge.calls).toEqual([['testProxies', { policy: 'G' }]]);
});

test('a refusal ends it and is handed out; one that was stopped meanwhile stays stopped', async () => {
  const refused = new DelayTest(bridgeOf(() => Promise.reject({ code: 'RPC_BUSY', message: 'busy' })));
  expect(await refused.run({})).toMatchObject({ code: 'RPC_BUSY' });
  expect(refused.store.getState()).toBeUndefined();
  const bridge = bridgeOf(async () => ({ nodes: ['a'], startedAt: begun }));
  const stopped = new DelayTest(bridge);
  const run = stopped.run({});
  await stopped.stop();
  await run;
  expect(stopped.store.getState()).toBeUndefined();
  expect(bridge.calls.map(([method]) => method)).toEqual(['testProxies', 'stopTests']);
});

test('a node is tested when it has a result that is not older than the test; one that has gone needs none', () => {
  const rows = new Map(
    [nodeRow('old', 30), nodeRow('busy', 30, { testing: true }), nodeRow('never'), nodeRow('done', null)].map(
      (row) => [row.name, row] as const,
    ),
  );
  const tested = (startedAt: number, ...nodes: string[]) => testedOf({ nodes, startedAt }, (name) => rows.get(name));
  expect(tested(begun + 1, 'old')).toBe(0);
  expect(tested(begun, 'old', 'busy', 'never', 'done', 'gone')).toBe(3);
  expect(testedOf({ nodes: undefined, startedAt: 0 }, () => undefined)).toBe(0);
});
