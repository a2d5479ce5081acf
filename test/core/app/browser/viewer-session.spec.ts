import { beforeEach, describe, expect, test } from 'vitest';
import { ViewerSession } from '../../../../core/app/browser/viewer-session.ts';
import { AppError } from '../../../../core/base/app-error.ts';
import type { AppEvents, MirageBridge } from '../../../../core/contract/app.ts';
import type { ServerFrame } from '../../../../core/contract/app-socket.ts';
import type { ErrorData } from '../../../../core/contract/error.ts';
import type { TopicBatch } from '../../../../core/contract/rpc.ts';
import { HelperDouble, stoppedSnapshot } from '../../../support/helper-double.ts';
import { settle } from '../../../support/manual-clock.ts';

const batch = (sequence: number, reset = false): TopicBatch => ({
  epoch: 1,
  sequence,
  reset,
  rows: [],
  counters: [],
  removed: [],
  total: 0,
});

let helper: HelperDouble;
let sent: ServerFrame[];
let sink: { congested: boolean; send(frame: ServerFrame): void };
let session: ViewerSession;
let traffic: ((data: AppEvents['traffic']) => void) | undefined;

beforeEach(() => {
  helper = new HelperDouble();
  helper.up();
  sent = [];
  sink = { congested: false, send: (frame) => sent.push(frame) };
  session = new ViewerSession(bridge(), sink);
});

function bridge(): MirageBridge {
  return {
    call: (method, params) => {
      if (method === 'listRules') return helper.call('listRules', {}) as never;
      if (method === 'closeFlows') return helper.call('closeFlows', params as { ids: string[] }) as never;
      return Promise.reject(new AppError('TUN_FAILED', 'the tunnel broke', { expected: 'look at the log' }));
    },
    on: (event, handler) => {
      if (event === 'link') (handler as (data: AppEvents['link']) => void)({ kind: 'connected' });
      if (event === 'snapshot') (handler as (data: AppEvents['snapshot']) => void)(stoppedSnapshot);
      if (event === 'traffic') traffic = handler as (data: AppEvents['traffic']) => void;
      return () => {
        if (event === 'traffic') traffic = undefined;
      };
    },
    subscribe: (...wanted) => helper.subscribe(...wanted),
  };
}

describe('calls', () => {
  test('result and error come back under their number', async () => {
    session.receive({ id: 7, call: 'closeFlows', params: { ids: ['a', 'b'] } });
    session.receive({ id: 8, call: 'restore', params: {} });
    await settle();
    expect(sent).toContainEqual({ id: 7, result: { closed: 2 } });
    expect(sent).toContainEqual({
      id: 8,
      error: { code: 'TUN_FAILED', message: 'the tunnel broke', expected: 'look at the log' },
    });
  });

  test.each([
    ['a method of the helper that is not for viewers', 'applyConfig', {}, 'RPC_UNKNOWN_METHOD'],
    ['a name from the prototype', 'constructor', {}, 'RPC_UNKNOWN_METHOD'],
    ['a missing parameter', 'setEnhanced', {}, 'RPC_BAD_PARAMS'],
    ['an extra parameter', 'setEnhanced', { on: true, mode: 'persistent' }, 'RPC_BAD_PARAMS'],
    ['no parameters at all', 'listRules', undefined, 'RPC_BAD_PARAMS'],
    ['an unknown change', 'changeMappings', { addresses: ['198.18.0.3'], action: 'steal' }, 'RPC_BAD_PARAMS'],
    ['a change of nothing', 'changeMappings', { addresses: [], action: 'pin' }, 'RPC_BAD_PARAMS'],
  ])('%s is refused', async (_, call, params, code) => {
    session.receive({ id: 1, call, params });
    await settle();
    expect(sent.at(-1)).toMatchObject({ id: 1, error: { code } });
    expect(helper.calls).toEqual([]);
  });

  test('more than 64 waiting calls are refused, not queued', async () => {
    helper.answers = { listRules: () => new Promise(() => undefined) };
    for (let id = 0; id < 65; id++) session.receive({ id, call: 'listRules', params: {} });
    await settle();
    expect(sent.filter((frame) => 'error' in frame)).toMatchObject([{ id: 64, error: { code: 'RPC_BUSY' } }]);
  });
});

describe('frames', () => {
  test('the first of each event comes at once', () => {
    expect(sent).toEqual([
      { event: 'link', data: { kind: 'connected' } },
      { event: 'snapshot', data: stoppedSnapshot },
    ]);
  });

  test.each([
    [undefined],
    ['text'],
    [{}],
    [{ id: -1, call: 'listRules', params: {} }],
    [{ id: 1, call: 'listRules', params: {}, extra: 1 }],
    [{ subscribe: 1, topic: 'passwords', options: {} }],
    [{ subscribe: 1, topic: 'logs', options: { search: 'x'.repeat(201) } }],
  ])('of another form they throw: %j', (frame) => {
    expect(() => session.receive(frame)).toThrow(AppError);
  });

  test('nothing is sent after close', async () => {
    session.receive({ id: 1, call: 'listRules', params: {} });
    session.receive({ subscribe: 1, topic: 'logs', options: {} });
    session.close();
    sent.length = 0;
    await settle();
    expect(sent).toEqual([]);
    expect(helper.subscriptions).toEqual([]);
    expect(traffic).toBeUndefined();
  });
});

describe('subscriptions', () => {
  test('batches carry the number of the subscription until it ends', () => {
    session.receive({ subscribe: 3, topic: 'connections', options: { closed: true } });
    const [subscription] = helper.subscriptions;
    expect(subscription).toMatchObject({ topic: 'connections', options: { closed: true } });
    subscription?.push(batch(0, true));
    expect(sent.at(-1)).toEqual({ batch: 3, data: batch(0, true) });
    session.receive({ unsubscribe: 3 });
    expect(helper.subscriptions).toEqual([]);
  });

  test('a refusal carries the number of the subscription, however slow the viewer is, and not after its end', () => {
    const error: ErrorData = { code: 'RPC_BUSY', message: 'too many subscriptions' };
    session.receive({ subscribe: 3, topic: 'connections', options: {} });
    const [subscription] = helper.subscriptions;
    sink.congested = true;
    subscription?.refuse(error);
    expect(sent.at(-1)).toEqual({ refused: 3, error });
    sent.length = 0;
    session.receive({ unsubscribe: 3 });
    subscription?.refuse(error);
    expect(sent).toEqual([]);
  });

  test('a slow viewer misses rows and traffic, then starts anew with a reset', () => {
    session.receive({ subscribe: 3, topic: 'connections', options: {} });
    const [first] = helper.subscriptions;
    first?.push(batch(0, true));
    sent.length = 0;
    sink.congested = true;
    first?.push(batch(1));
    traffic?.({ time: 0, up: 0, down: 0, upTotal: 0, downTotal: 0, live: 0, dnsQuestions: 0 });
    expect(sent).toEqual([]);
    sink.congested = false;
    first?.push(batch(2));
    expect(sent).toEqual([]);
    const [second] = helper.subscriptions;
    expect(second).not.toBe(first);
    second?.push(batch(0, true));
    second?.push(batch(1));
    expect(sent).toEqual([
      { batch: 3, data: batch(0, true) },
      { batch: 3, data: batch(1) },
    ]);
  });

  test('a number in use, and more than eight at a time, break the protocol', () => {
    for (let number = 0; number < 8; number++) session.receive({ subscribe: number, topic: 'logs', options: {} });
    expect(() => session.receive({ subscribe: 5, topic: 'logs', options: {} })).toThrow(/exists already/);
    expect(() => session.receive({ subscribe: 99, topic: 'logs', options: {} })).toThrow(/more than 8/);
    expect(helper.subscriptions).toHaveLength(8);
  });
});
