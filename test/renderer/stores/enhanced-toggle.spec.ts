import { beforeEach, describe, expect, test } from 'vitest';
import type { MirageBridge } from '../../../core/contract/app.ts';
import { signOfLifeMs } from '../../../core/contract/enhanced-wish.ts';
import type { Snapshot, TunnelState } from '../../../core/contract/status.ts';
import { BridgeError } from '../../../renderer/bridge/error-data.ts';
import { electronHomeLink } from '../../../renderer/bridge/home-link.ts';
import { EnhancedToggle } from '../../../renderer/stores/enhanced-toggle.ts';
import { createLiveStore, type LiveStore } from '../../../renderer/stores/live-store.ts';
import { stoppedSnapshot } from '../../support/helper-double.ts';

let answer: { resolve: (snapshot: Snapshot) => void; reject: (error: unknown) => void };
let timers: { ms: number; run: () => void; cancelled: boolean }[];
let live: LiveStore;
let toggle: EnhancedToggle;

const snapshot = (tunnel: TunnelState): Snapshot => ({ ...stoppedSnapshot, tunnel });
const running: TunnelState = { kind: 'running', since: 1, device: 'mirage0' };
const show = (tunnel: TunnelState) => live.setState({ snapshot: snapshot(tunnel) });
const state = () => toggle.store.getState();
const elapse = () => {
  for (const timer of timers.splice(0)) if (!timer.cancelled) timer.run();
};

beforeEach(() => {
  timers = [];
  const call = () =>
    new Promise<Snapshot>((resolve, reject) => {
      answer = { resolve, reject };
    });
  live = createLiveStore({ on: () => () => undefined }, electronHomeLink);
  toggle = new EnhancedToggle({
    bridge: { call: call as unknown as MirageBridge['call'] },
    live,
    after: (ms, run) => {
      const timer = { ms, run, cancelled: false };
      timers.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
  });
  show({ kind: 'stopped' });
});

describe('the switch', () => {
  test('shows at once what was asked for, and lets the snapshot take over', async () => {
    const done = toggle.set(true);
    expect(state()).toEqual({ wanted: true, failure: undefined });
    show({ kind: 'starting', step: 'routes' });
    expect(state().wanted).toBe(true);
    show(running);
    expect(state()).toEqual({ wanted: undefined, failure: undefined });
    answer.resolve(snapshot(running));
    await done;
    expect(live.getState().snapshot?.tunnel.kind).toBe('running');
  });

  test('falls back with the reason when it is refused', async () => {
    const done = toggle.set(true);
    answer.reject(new BridgeError({ code: 'HELPER_IN_USE', message: 'uid 1001 owns it' }));
    await done;
    expect(state()).toEqual({ wanted: undefined, failure: { code: 'HELPER_IN_USE', message: 'uid 1001 owns it' } });
    toggle.dismissFailure();
    expect(state().failure).toBeUndefined();
  });

  test('falls back after three seconds without a sign of life', () => {
    void toggle.set(true);
    expect(timers.map(({ ms }) => ms)).toEqual([signOfLifeMs]);
    elapse();
    expect(state().wanted).toBeUndefined();
    expect(state().failure?.code).toBe('RPC_TIMEOUT');
  });

  test('waits as long as the helper is seen working', () => {
    void toggle.set(true);
    show({ kind: 'starting', step: 'device' });
    elapse();
    expect(state()).toEqual({ wanted: true, failure: undefined });
  });

  test('takes the message back when the helper does it after all', () => {
    void toggle.set(true);
    elapse();
    show(running);
    expect(state()).toEqual({ wanted: undefined, failure: undefined });
  });

  test('is not confused by an error from before, and shows one that comes', () => {
    show({ kind: 'error', error: { code: 'TUN_FAILED', message: 'old' } });
    void toggle.set(true);
    live.setState({
      snapshot: { ...snapshot({ kind: 'error', error: { code: 'TUN_FAILED', message: 'old' } }), warnings: [] },
    });
    expect(state().wanted).toBe(true);
    show({ kind: 'starting', step: 'device' });
    show({ kind: 'error', error: { code: 'TUN_NAME_TAKEN', message: 'new' } });
    expect(state().wanted).toBeUndefined();
  });

  test('a later request makes the answer of an earlier one void', async () => {
    const first = toggle.set(true);
    const refuse = answer.reject;
    void toggle.set(false);
    refuse(new BridgeError({ code: 'INTERNAL', message: 'late' }));
    await first;
    expect(state()).toEqual({ wanted: false, failure: undefined });
  });
});
