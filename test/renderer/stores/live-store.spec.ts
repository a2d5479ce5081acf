import { describe, expect, test } from 'vitest';
import type { AppEvents, MirageBridge } from '../../../core/contract/app.ts';
import type { Traffic } from '../../../core/contract/status.ts';
import type { HomeLink, HomeState } from '../../../renderer/bridge/home-link.ts';
import { watchHelper } from '../../../renderer/stores/helper-watch.ts';
import { createLiveStore } from '../../../renderer/stores/live-store.ts';
import { addSample } from '../../../renderer/stores/traffic-history.ts';
import { runningSnapshot, stoppedSnapshot } from '../../support/helper-double.ts';

const sample = (time: number): Traffic => ({
  time,
  up: 1,
  down: 2,
  upTotal: 0,
  downTotal: 0,
  live: 0,
  dnsQuestions: 0,
});

function setUp() {
  const handlers: Partial<Record<keyof AppEvents, (data: unknown) => void>> = {};
  const on = (event: keyof AppEvents, handler: (data: unknown) => void) => {
    handlers[event] = handler;
    return () => undefined;
  };
  let changed = () => {};
  const home: HomeLink & { state: HomeState } = {
    state: { kind: 'open' },
    onChange: (handler) => {
      changed = handler;
      return () => undefined;
    },
    retry: () => undefined,
  };
  const store = createLiveStore({ on: on as unknown as MirageBridge['on'] }, home, () => 77);
  const emit = <E extends keyof AppEvents>(event: E, data: AppEvents[E]) => handlers[event]?.(data);
  const setHome = (state: HomeState) => {
    home.state = state;
    changed();
  };
  return { store, emit, setHome };
}

test('what the helper said is forgotten when the helper is lost', () => {
  const { store, emit } = setUp();
  emit('snapshot', stoppedSnapshot);
  emit('traffic', sample(1000));
  expect(store.getState()).toMatchObject({ link: { kind: 'connected' }, snapshot: stoppedSnapshot });
  emit('link', { kind: 'failed', error: { code: 'HELPER_NOT_RUNNING', message: 'x' } });
  expect(store.getState()).toMatchObject({ link: { kind: 'failed' }, snapshot: undefined, traffic: [] });
});

test('and when the app process is lost', () => {
  const { store, emit, setHome } = setUp();
  emit('snapshot', stoppedSnapshot);
  setHome({ kind: 'lost', retryAt: 5 });
  expect(store.getState()).toMatchObject({ home: { kind: 'lost' }, link: { kind: 'connecting' }, snapshot: undefined });
});

describe('a helper that dies', () => {
  const failed = { kind: 'failed', error: { code: 'HELPER_NOT_RUNNING', message: 'x' } } as const;
  const watched = () => {
    const all = setUp();
    const returned: number[] = [];
    watchHelper(all.store, { returned: (time) => returned.push(time) });
    return { ...all, returned };
  };

  test('while Enhanced Mode is on is told with its time once it is on again, and once', () => {
    const { store, emit, returned } = watched();
    emit('snapshot', runningSnapshot);
    emit('link', failed);
    emit('link', { kind: 'connected' });
    emit('snapshot', stoppedSnapshot);
    expect(store.getState().helperLostAt).toBe(77);
    expect(returned).toEqual([]);
    emit('snapshot', runningSnapshot);
    emit('snapshot', runningSnapshot);
    expect(store.getState().helperLostAt).toBeUndefined();
    expect(returned).toEqual([77]);
  });

  test('while it is off, or is another user’s, is nobody’s news', () => {
    for (const snapshot of [stoppedSnapshot, { ...runningSnapshot, mine: false }]) {
      const { store, emit, returned } = watched();
      emit('snapshot', snapshot);
      emit('link', failed);
      emit('snapshot', runningSnapshot);
      expect(store.getState().helperLostAt).toBeUndefined();
      expect(returned).toEqual([]);
    }
  });

  test('and cannot go on says why by itself', () => {
    const { emit, returned } = watched();
    emit('snapshot', runningSnapshot);
    emit('link', failed);
    emit('snapshot', { ...stoppedSnapshot, tunnel: { kind: 'error', error: { code: 'TUN_FAILED', message: 'x' } } });
    expect(returned).toEqual([]);
  });
});

test('two minutes of traffic are kept; a clock that went back starts anew', () => {
  let history = addSample([], sample(0));
  for (let second = 1; second <= 200; second++) history = addSample(history, sample(second * 1000));
  expect(history).toHaveLength(121);
  expect(history[0]?.time).toBe(80_000);
  expect(addSample(history, { ...sample(200_000), up: 9 })).toHaveLength(121);
  expect(addSample(history, sample(5000))).toEqual([sample(5000)]);
});
