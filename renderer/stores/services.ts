/** Everything a page may need, made once by main.tsx and handed down by React context. */
import { createContext, useContext, useSyncExternalStore } from 'react';
import { useStore } from 'zustand';
import type { MirageBridge } from '../../core/contract/app.ts';
import type { DnsRow, MappingRow } from '../../core/contract/dns.ts';
import type { ProxyRow } from '../../core/contract/proxies.ts';
import type { HomeLink } from '../bridge/home-link.ts';
import type { ConnectionEntry } from './connection-table.ts';
import type { DelayTest } from './delay-test.ts';
import type { EnhancedToggle, ToggleState } from './enhanced-toggle.ts';
import type { ImportBox } from './import-box.ts';
import type { LiveState, LiveStore } from './live-store.ts';
import type { Notices } from './notices.ts';
import type { ProfileEditor } from './profile-editor.ts';
import type { RowEntry } from './row-table.ts';
import type { RuleBox } from './rule-box.ts';
import type { SecondClock } from './second-clock.ts';
import type { TopicStore } from './topic-store.ts';
import type { UiState, UiStore } from './ui-store.ts';

export interface Services {
  readonly bridge: MirageBridge;
  readonly home: HomeLink;
  readonly live: LiveStore;
  readonly toggle: EnhancedToggle;
  readonly connections: TopicStore<'connections', ConnectionEntry>;
  readonly mappings: TopicStore<'mappings', RowEntry<MappingRow>>;
  readonly proxies: TopicStore<'proxies', RowEntry<ProxyRow>>;
  readonly delayTest: DelayTest;
  readonly importBox: ImportBox;
  readonly profileEditor: ProfileEditor;
  readonly ruleBox: RuleBox;
  readonly dnsLog: TopicStore<'dnsLog', RowEntry<DnsRow>>;
  readonly ui: UiStore;
  /** What pages keep while another one is shown: see `useKept`. */
  readonly kept: Map<string, unknown>;
  readonly notices: Notices;
  readonly clock: SecondClock;
}

export const ServicesContext = createContext<Services | undefined>(undefined);

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (services === undefined) throw new Error('ServicesContext has no value');
  return services;
}

export function useLive<V>(select: (state: LiveState) => V): V {
  return useStore(useServices().live, select);
}

export function useUi<V>(select: (state: UiState) => V): V {
  return useStore(useServices().ui.store, select);
}

export function useToggle(): ToggleState {
  return useStore(useServices().toggle.store);
}

/** Unix milliseconds, moving once a second. */
export function useNow(): number {
  const { clock } = useServices();
  return useSyncExternalStore(clock.watch, clock.time);
}
