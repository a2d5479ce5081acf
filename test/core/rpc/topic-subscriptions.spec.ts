import { beforeEach, describe, expect, test } from 'vitest';
import type { ErrorData } from '../../../core/contract/error.ts';
import type { ClientMessage } from '../../../core/rpc/message.ts';
import { TopicSubscriptions } from '../../../core/rpc/topic-subscriptions.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const busy: ErrorData = { code: 'RPC_BUSY', message: 'too many subscriptions' };
const unknown: ErrorData = { code: 'RPC_BAD_PARAMS', message: 'there is no table "logs"' };

let clock: ManualClock;
let sent: ClientMessage[];
let totals: number[];
let refusals: ErrorData['code'][];
let subscriptions: TopicSubscriptions;

beforeEach(() => {
  clock = new ManualClock();
  sent = [];
  totals = [];
  refusals = [];
  let id = 0;
  subscriptions = new TopicSubscriptions({ clock, nextId: () => ++id, send: (message) => sent.push(message) });
});

const watch = () =>
  subscriptions.add({
    topic: 'logs',
    options: { limit: 5 },
    onBatch: ({ total }) => totals.push(total),
    onRefused: ({ code }) => refusals.push(code),
  });
const said = () => sent.splice(0).map(({ kind, id }) => `${kind} ${id}`);
const batch = (id: number, sequence: number, total: number) =>
  subscriptions.batch(id, {
    epoch: 1,
    sequence,
    reset: sequence === 0,
    rows: [],
    counters: [],
    removed: [],
    total,
  });

describe('asking', () => {
  test('waits for the connection, and is done again for each', () => {
    watch();
    expect(said()).toEqual([]);
    subscriptions.connected();
    expect(sent).toEqual([{ kind: 'subscribe', id: 1, topic: 'logs', options: { limit: 5 } }]);
    subscriptions.disconnected();
    batch(1, 0, 7);
    subscriptions.connected();
    batch(2, 0, 8);
    expect(totals).toEqual([8]);
  });

  test('a gap is closed and asked for anew; what the old one still sends is for nobody', () => {
    subscriptions.connected();
    watch();
    batch(1, 0, 1);
    batch(1, 2, 2);
    batch(1, 3, 3);
    expect(said()).toEqual(['subscribe 1', 'unsubscribe 1', 'subscribe 2']);
    batch(2, 0, 4);
    expect(totals).toEqual([1, 4]);
  });

  test('ends without a word when there is no connection', () => {
    const stop = watch();
    stop();
    subscriptions.connected();
    expect(said()).toEqual([]);
  });
});

describe('a refusal', () => {
  beforeEach(() => {
    subscriptions.connected();
  });

  test('for want of room is told each time, and asked again after growing pauses', () => {
    watch();
    said();
    const pauses: number[] = [];
    for (let id = 1; id <= 7; id++) {
      subscriptions.refused(id, busy);
      const before = clock.monotonic();
      while (sent.length === 0) clock.run(50);
      pauses.push(clock.monotonic() - before);
      expect(said()).toEqual([`subscribe ${id + 1}`]);
    }
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 5_000, 5_000, 5_000]);
    expect(refusals).toHaveLength(7);
    batch(8, 0, 3);
    expect(totals).toEqual([3]);
    subscriptions.refused(8, busy);
    said();
    clock.run(250);
    expect(said()).toEqual(['subscribe 9']);
  });

  test('of another kind stands until the next connection', () => {
    watch();
    subscriptions.refused(1, unknown);
    said();
    clock.run(60_000);
    expect(clock.pending).toBe(0);
    expect(said()).toEqual([]);
    subscriptions.disconnected();
    subscriptions.connected();
    expect(said()).toEqual(['subscribe 2']);
    expect(refusals).toEqual(['RPC_BAD_PARAMS']);
  });

  test('is not followed by another try once nobody watches, or the connection is gone', () => {
    const stop = watch();
    watch();
    said();
    subscriptions.refused(1, busy);
    subscriptions.refused(2, busy);
    stop();
    expect(clock.pending).toBe(1);
    subscriptions.disconnected();
    expect(clock.pending).toBe(0);
    subscriptions.connected();
    expect(said()).toEqual(['subscribe 3']);
  });

  test('of what nobody waits for is nothing', () => {
    watch()();
    subscriptions.refused(1, busy);
    subscriptions.refused(99, busy);
    expect(refusals).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test('whoever leaves while hearing it is not asked for again', () => {
    const stop = subscriptions.add({ topic: 'logs', options: {}, onBatch: () => undefined, onRefused: () => stop() });
    subscriptions.refused(1, busy);
    said();
    clock.run(60_000);
    expect(said()).toEqual([]);
  });
});

test('after the end nothing is asked for', () => {
  subscriptions.connected();
  watch();
  subscriptions.refused(1, busy);
  subscriptions.clear();
  said();
  clock.run(60_000);
  subscriptions.connected();
  expect(said()).toEqual([]);
});
