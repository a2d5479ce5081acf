/** The small state that is always there: links, snapshot, traffic. Fed by the bridge's events, read by every page. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { HelperLink, MirageBridge } from '../../core/contract/app.ts';
import type { Snapshot } from '../../core/contract/status.ts';
import type { HomeLink, HomeState } from '../bridge/home-link.ts';
import { addSample, type TrafficHistory } from './traffic-history.ts';

export interface LiveState {
  readonly home: HomeState;
  readonly link: HelperLink;
  /** Undefined until the helper has answered, and after it was lost. */
  readonly snapshot: Snapshot | undefined;
  readonly traffic: TrafficHistory;
}

export type LiveStore = StoreApi<LiveState>;

/** Listens for the life of the window: there is nothing to dispose before it. */
export function createLiveStore(bridge: Pick<MirageBridge, 'on'>, home: HomeLink): LiveStore {
  const store = createStore<LiveState>(() => ({
    home: home.state,
    link: { kind: 'connecting' },
    snapshot: undefined,
    traffic: [],
  }));
  home.onChange(() => {
    // What the app process said last is no longer known to be true without it.
    if (home.state.kind === 'open') store.setState({ home: home.state });
    else store.setState({ home: home.state, link: { kind: 'connecting' }, snapshot: undefined, traffic: [] });
  });
  bridge.on('link', (link) => {
    if (link.kind === 'connected') store.setState({ link });
    else store.setState({ link, snapshot: undefined, traffic: [] });
  });
  bridge.on('snapshot', (snapshot) => store.setState({ snapshot, link: { kind: 'connected' } }));
  bridge.on('traffic', (sample) => store.setState(({ traffic }) => ({ traffic: addSample(traffic, sample) })));
  return store;
}
