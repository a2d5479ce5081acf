import { beforeEach, describe, expect, test } from 'vitest';
import type { MirageBridge, TopicBatch } from '../../../core/contract/app.ts';
import type { MappingRow } from '../../../core/contract/dns.ts';
import type { ErrorData } from '../../../core/contract/error.ts';
import { type RowEntry, RowTable } from '../../../renderer/stores/row-table.ts';
import { TopicStore } from '../../../renderer/stores/topic-store.ts';

type Batch = TopicBatch<'mappings'>;
type Handler = (batch: Batch) => void;

let handlers: Handler[];
let refuse: ((error: ErrorData) => void)[];
let ended: number;
let frames: (() => void)[];
let store: TopicStore<'mappings', RowEntry<MappingRow>>;
let told: number;

beforeEach(() => {
  handlers = [];
  refuse = [];
  ended = 0;
  frames = [];
  told = 0;
  const subscribe = (_topic: string, _options: unknown, handler: Handler, onRefused: (error: ErrorData) => void) => {
    handlers.push(handler);
    refuse.push(onRefused);
    return () => {
      ended++;
    };
  };
  store = new TopicStore({
    topic: 'mappings',
    table: new RowTable<'mappings'>((row) => row.address),
    options: {},
    bridge: { subscribe: subscribe as unknown as MirageBridge['subscribe'] },
    nextFrame: (callback) => frames.push(callback),
    now: () => 0,
  });
});

const mapping = (address: string): MappingRow => ({
  address,
  name: `${address}.example`,
  state: 'live',
  firstSeen: 0,
  lastAnswered: 0,
  lastConnected: 0,
  answers: 0,
  flows: 0,
  liveFlows: 0,
  pinned: false,
  outcome: '',
});

function send(sequence: number, change: Partial<Batch> = {}, handler = handlers.at(-1)): void {
  handler?.({ epoch: 1, sequence, reset: false, rows: [], counters: [], removed: [], total: 0, ...change });
}

const draw = () => {
  for (const frame of frames.splice(0)) frame();
};
const watch = () =>
  store.watch(() => {
    told++;
  });
const addresses = () => [...store.snapshot().entries.keys()];

describe('watching', () => {
  test('subscribes with the first watcher and ends with the last', () => {
    expect(handlers).toHaveLength(0);
    const first = watch();
    const second = watch();
    expect(handlers).toHaveLength(1);
    first();
    expect(ended).toBe(0);
    second();
    expect(ended).toBe(1);
  });

  test('is loaded after the first batch, and forgets its rows when nobody watches', () => {
    const stop = watch();
    expect(store.snapshot().loaded).toBe(false);
    send(0, { reset: true, rows: [mapping('a')], total: 7 });
    draw();
    expect(store.snapshot()).toMatchObject({ loaded: true, total: 7 });
    expect(addresses()).toEqual(['a']);
    stop();
    expect(store.snapshot().loaded).toBe(false);
    expect(addresses()).toEqual([]);
  });

  test('a batch that comes after nobody watches is for nobody', () => {
    watch()();
    send(0, { reset: true, rows: [mapping('a')] });
    draw();
    expect(addresses()).toEqual([]);
    expect(store.snapshot().loaded).toBe(false);
  });
});

describe('batches', () => {
  test('several before a frame are told once, with all that changed', () => {
    watch();
    send(0, { reset: true, rows: [mapping('a'), mapping('b')] });
    draw();
    const before = store.snapshot();
    send(1, { rows: [mapping('c')] });
    send(2, { rows: [mapping('a')], removed: ['b'] });
    expect(told).toBe(1);
    draw();
    expect(told).toBe(2);
    const after = store.snapshot();
    expect(after).not.toBe(before);
    expect(after.changed.map(({ row }) => row.address)).toEqual(['c', 'a']);
    expect(after.previous).toBe(before.version);
    expect(after.changed.every((entry) => entry.stamp >= after.since)).toBe(true);
    expect(addresses()).toEqual(['a', 'c']);
  });

  test('what came and went between two frames is not told as changed', () => {
    watch();
    send(0, { reset: true });
    draw();
    send(1, { rows: [mapping('x')] });
    send(2, { removed: ['x'] });
    draw();
    expect(store.snapshot().changed).toEqual([]);
  });

  test('a reset has no predecessor', () => {
    watch();
    send(0, { reset: true, rows: [mapping('a')] });
    draw();
    send(1, { reset: true, rows: [mapping('b')] });
    draw();
    expect(store.snapshot().previous).toBe(-1);
    expect(addresses()).toEqual(['b']);
  });
});

describe('gaps', () => {
  test.each([
    ['a missing sequence number', { sequence: 2, epoch: 1 }],
    ['a repeated one', { sequence: 0, epoch: 1 }],
    ['another epoch', { sequence: 1, epoch: 2 }],
  ])('%s: not applied, subscribed again', (_, { sequence, epoch }) => {
    watch();
    send(0, { reset: true, rows: [mapping('a')] });
    send(sequence, { epoch, rows: [mapping('b')] });
    draw();
    expect(addresses()).toEqual(['a']);
    expect(ended).toBe(1);
    expect(handlers).toHaveLength(2);
    send(0, { reset: true, rows: [mapping('c')] });
    draw();
    expect(addresses()).toEqual(['c']);
  });

  test('rows before the first reset are not believed', () => {
    watch();
    send(1, { rows: [mapping('a')] });
    draw();
    expect(addresses()).toEqual([]);
    expect(handlers).toHaveLength(2);
  });

  test('late batches of the old subscription are ignored', () => {
    watch();
    send(0, { reset: true, rows: [mapping('a')] });
    send(5);
    send(6, { reset: true, rows: [mapping('old')] }, handlers[0]);
    draw();
    expect(addresses()).toEqual(['a']);
    expect(handlers).toHaveLength(2);
  });
});

describe('what is supposed', () => {
  const pinned = () =>
    [...store.snapshot().entries.values()].filter(({ row }) => row.pinned).map(({ row }) => row.address);

  test('is shown at once; the next batch still follows, and stands', () => {
    watch();
    send(0, { reset: true, rows: [mapping('a'), mapping('b')], total: 7 });
    draw();
    const before = store.snapshot();
    store.suppose([{ ...mapping('a'), pinned: true }]);
    draw();
    expect(pinned()).toEqual(['a']);
    expect(store.snapshot().previous).toBe(before.version);
    expect(store.snapshot().changed.map(({ row }) => row.address)).toEqual(['a']);
    expect(store.snapshot().total).toBe(7);
    send(1, { rows: [mapping('a')], total: 7 });
    draw();
    expect(pinned()).toEqual([]);
    expect(handlers).toHaveLength(1);
  });

  test('is nothing to those who do not watch, or before there is anything', () => {
    store.suppose([mapping('a')]);
    watch();
    store.suppose([mapping('a')]);
    draw();
    expect(addresses()).toEqual([]);
    expect(store.snapshot().loaded).toBe(false);
    send(0, { reset: true, rows: [mapping('b')] });
    watch()();
    draw();
    expect(addresses()).toEqual(['b']);
  });
});

describe('a refusal', () => {
  const busy: ErrorData = { code: 'RPC_BUSY', message: 'too many subscriptions' };

  test('is told in place of the rows, and over when rows come', () => {
    watch();
    refuse[0]?.(busy);
    draw();
    expect(store.snapshot()).toMatchObject({ loaded: false, refused: busy });
    send(0, { reset: true, rows: [mapping('a')], total: 1 });
    draw();
    expect(store.snapshot()).toMatchObject({ loaded: true, refused: undefined, total: 1 });
    expect(addresses()).toEqual(['a']);
  });

  test('takes away rows that nobody keeps up to date, and what is supposed of them', () => {
    watch();
    send(0, { reset: true, rows: [mapping('a')], total: 1 });
    draw();
    refuse[0]?.(busy);
    store.suppose([{ ...mapping('a'), pinned: true }]);
    draw();
    expect(store.snapshot()).toMatchObject({ loaded: false, refused: busy, total: 0, previous: -1 });
    expect(addresses()).toEqual([]);
  });

  test('is forgotten by another try, which subscribes anew', () => {
    watch();
    store.retry();
    expect(handlers).toHaveLength(1);
    refuse[0]?.(busy);
    draw();
    store.retry();
    expect(ended).toBe(1);
    expect(handlers).toHaveLength(2);
    draw();
    expect(store.snapshot()).toMatchObject({ loaded: false, refused: undefined });
    refuse[0]?.(busy);
    draw();
    expect(store.snapshot().refused).toBeUndefined();
    refuse[1]?.(busy);
    draw();
    expect(store.snapshot().refused).toEqual(busy);
  });

  test('ends when nobody watches, and nobody then tries again', () => {
    const stop = watch();
    refuse[0]?.(busy);
    draw();
    stop();
    expect(store.snapshot()).toMatchObject({ loaded: false, refused: undefined });
    store.retry();
    expect(handlers).toHaveLength(1);
  });
});
