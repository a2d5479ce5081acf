/** The small state that is always there: links, snapshot, traffic. Fed by the bridge's events, read by every page. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { AppInfo, HelperLink, MirageBridge } from '../../core/contract/app.ts';
import type { Snapshot } from '../../core/contract/status.ts';
import type { HomeLink, HomeState } from '../bridge/home-link.ts';
import { addSample, type TrafficHistory } from './traffic-history.ts';

export interface LiveState {
  readonly home: HomeState;
  readonly link: HelperLink;
  /** Undefined until the app process has told it; kept while that is away, for what it says of commands. */
  readonly info: AppInfo | undefined;
  /** When the helper was lost last while Enhanced Mode was on, Unix milliseconds; undefined once it is back. */
  readonly helperLostAt: number | undefined;
  /** Undefined until the helper has answered, and after it was lost. */
  readonly snapshot: Snapshot | undefined;
  readonly traffic: TrafficHistory;
}

export type LiveStore = StoreApi<LiveState>;

/** Listens for the life of the window: there is nothing to dispose before it. */
export function createLiveStore(
  bridge: Pick<MirageBridge, 'on'>,
  home: HomeLink,
  now: () => number = Date.now,
): LiveStore {
  const store = createStore<LiveState>(() => ({
    home: home.state,
    link: { kind: 'connecting' },
    info: undefined,
    helperLostAt: undefined,
    snapshot: undefined,
    traffic: [],
  }));
  home.onChange(() => {
    // What the app process said last is no longer known to be true without it.
    if (home.state.kind === 'open') store.setState({ home: home.state });
    else store.setState({ home: home.state, link: { kind: 'connecting' }, snapshot: undefined, traffic: [] });
  });
  bridge.on('link', (link) => {
    if (link.kind === 'connected') return store.setState({ link });
    const { snapshot, helperLostAt } = store.getState();
    const wasOn = snapshot?.mine === true && snapshot.tunnel.kind === 'running';
    store.setState({ link, helperLostAt: wasOn ? now() : helperLostAt, snapshot: undefined, traffic: [] });
  });
  bridge.on('info', (info) => store.setState({ info }));
  bridge.on('snapshot', (snapshot) => {
    const isBack = snapshot.tunnel.kind === 'running' || snapshot.tunnel.kind === 'error';
    store.setState({ snapshot, link: { kind: 'connected' }, ...(isBack ? { helperLostAt: undefined } : {}) });
  });
  bridge.on('traffic', (sample) => store.setState(({ traffic }) => ({ traffic: addSample(traffic, sample) })));
  return store;
}
