/** What the tray shows, as a pure function of what is known. */
import { unreachable } from '../core/base/unreachable.ts';
import type { HelperLink, ProfileEntry } from '../core/contract/app.ts';
import type { PolicyMode } from '../core/contract/config.ts';
import type { ProxyRow } from '../core/contract/proxies.ts';
import type { Snapshot } from '../core/contract/status.ts';
import { type TrayChoice, type TrayGroup, trayGroupsOf, trayModesOf, trayProfilesOf } from './tray-choices.ts';
import type { TrayText } from './tray-text.ts';

export interface TrayState {
  link: HelperLink;
  snapshot: Snapshot | undefined;
  /** What the person asked for and the helper has not answered yet. */
  wish: 'on' | 'off' | 'restore' | undefined;
  /** Why the last wish was not fulfilled; told until the next. */
  failure: string | undefined;
  /** What the profile says is not in force. */
  profileRefused: boolean;
  profiles: readonly ProfileEntry[];
  proxies: ReadonlyMap<string, ProxyRow>;
}

export type TrayIcon = 'off' | 'on' | 'trouble';

export interface TrayView {
  icon: TrayIcon;
  tooltip: string;
  status: string;
  enhanced: { checked: boolean; enabled: boolean };
  restoreEnabled: boolean;
  modes: TrayChoice<PolicyMode>[];
  /** Empty where there are none, and while the helper is away. */
  groups: TrayGroup[];
  /** Empty where there is no other to choose. */
  profiles: TrayChoice[];
}

/** Longest status line; menus do not wrap. */
const maxStatus = 72;

export function trayViewOf(state: TrayState, text: TrayText): TrayView {
  const line = statusLine(state, text);
  const status = shorten(state.profileRefused ? `${line} (${text.notApplied})` : line);
  const askable = state.link.kind === 'connected' && state.snapshot !== undefined && state.wish === undefined;
  const running = state.snapshot?.tunnel.kind === 'running';
  const checked = state.wish === 'on' || (state.wish === undefined && isWantedOn(state.snapshot));
  return {
    icon: isTrouble(state) ? 'trouble' : running ? 'on' : 'off',
    tooltip: `Mirage: ${status}`,
    status,
    enhanced: { checked, enabled: askable && state.snapshot?.mine !== false },
    // Without the helper it names the way that needs none.
    restoreEnabled: askable || state.link.kind === 'failed',
    modes: trayModesOf(state.snapshot?.mode.mode, state.snapshot?.mine === true, text),
    groups: state.snapshot === undefined ? [] : trayGroupsOf(state.proxies, state.snapshot.mode.mode, text),
    profiles: state.profiles.length < 2 ? [] : trayProfilesOf(state.profiles),
  };
}

function isWantedOn(snapshot: Snapshot | undefined): boolean {
  return snapshot?.tunnel.kind === 'running' || snapshot?.tunnel.kind === 'starting';
}

function isTrouble(state: TrayState): boolean {
  return (
    state.link.kind === 'failed' ||
    state.failure !== undefined ||
    state.profileRefused ||
    state.snapshot?.tunnel.kind === 'error' ||
    state.snapshot?.warnings.some((warning) => warning.severity === 'error') === true
  );
}

function statusLine({ link, snapshot, wish, failure }: TrayState, text: TrayText): string {
  if (link.kind === 'failed') return `${text.unreachable}: ${link.error.message}`;
  if (link.kind === 'connecting' || snapshot === undefined) return text.connecting;
  if (wish !== undefined) return { on: text.starting, off: text.stopping, restore: text.restoring }[wish];
  if (failure !== undefined) return `${text.failed}: ${failure}`;
  if (!snapshot.mine) return text.inUse;
  const { tunnel } = snapshot;
  switch (tunnel.kind) {
    case 'stopped':
      return text.off;
    case 'starting':
      return text.starting;
    case 'running':
      return text.on;
    case 'stopping':
      return text.stopping;
    case 'error':
      return `${text.failed}: ${tunnel.error.message}`;
    default:
      return unreachable(tunnel);
  }
}

function shorten(line: string): string {
  return line.length <= maxStatus ? line : `${line.slice(0, maxStatus - 1)}…`;
}
