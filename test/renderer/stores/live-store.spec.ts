import { expect, test } from 'vitest';
import type { AppEvents, MirageBridge } from '../../../core/contract/app.ts';
import type { Traffic } from '../../../core/contract/status.ts';
import type { HomeLink, HomeState } from '../../../renderer/bridge/home-link.ts';
import { createLiveStore } from '../../../renderer/stores/live-store.ts';
import { addSample } from '../../../renderer/stores/traffic-history.ts';
import { stoppedSnapshot } from '../../support/helper-double.ts';

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
  const store = createLiveStore({ on: on as unknown as MirageBridge['on'] }, home);
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

test('two minutes of traffic are kept; a clock that went back starts anew', () => {
  let history = addSample([], sample(0));
  for (let second = 1; second <= 200; second++) history = addSample(history, sample(second * 1000));
  expect(history).toHaveLength(121);
  expect(history[0]?.time).toBe(80_000);
  expect(addSample(history, { ...sample(200_000), up: 9 })).toHaveLength(121);
  expect(addSample(history, sample(5000))).toEqual([sample(5000)]);
});
