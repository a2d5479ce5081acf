/** What can be chosen in the tray: the mode, a member of each group, a profile. Pure. */
import type { ProfileEntry } from '../core/contract/app.ts';
import { type PolicyMode, policyModes } from '../core/contract/config.ts';
import type { ProxyRow } from '../core/contract/proxies.ts';
import { proxyStateOf, shownGroups, type TestKey } from '../core/contract/proxy-views.ts';
import type { TrayText } from './tray-text.ts';

/** One of several that exclude each other. */
export interface TrayChoice<V extends string = string> {
  value: V;
  label: string;
  checked: boolean;
  enabled: boolean;
}

export interface TrayGroup {
  name: string;
  /** With where it leads. */
  label: string;
  members: TrayChoice[];
  /** How many more there are than a menu shows. */
  more: number;
}

/** A menu is read from top to bottom, and each entry crosses the message bus: what is more is in the window. */
const mostGroups = 40;
const mostMembers = 60;
const longestName = 48;

export function trayGroupsOf(rows: ReadonlyMap<string, ProxyRow>, mode: PolicyMode, text: TrayText): TrayGroup[] {
  const delayText = (row: ProxyRow | undefined, test: TestKey): string => {
    const { state, last } = proxyStateOf(row, test);
    if (state === 'untested') return '';
    return ` (${state === 'alive' ? `${Math.round(last?.ms ?? 0)} ms` : text.proxyStates[state]})`;
  };
  return shownGroups(rows.values(), mode, false)
    .slice(0, mostGroups)
    .map((row) => {
      const { members, now, selectable, test } = row.group;
      const first = members.slice(0, mostMembers);
      // The one in use is always there.
      const seen = now === null || first.includes(now) ? first : [...first.slice(0, -1), now];
      return {
        name: row.name,
        label: `${shorten(row.name)}${now === null ? '' : `: ${shorten(now)}`}${delayText(row, test)}`,
        members: seen.map((member) => ({
          value: member,
          label: `${shorten(member)}${delayText(rows.get(member), test)}`,
          checked: member === now,
          enabled: selectable && rows.get(member)?.refusal === undefined,
        })),
        more: members.length - seen.length,
      };
    });
}

export function trayModesOf(mode: PolicyMode | undefined, mine: boolean, text: TrayText): TrayChoice<PolicyMode>[] {
  return policyModes.map((value) => ({
    value,
    label: text.modes[value],
    checked: value === mode,
    enabled: mode !== undefined && mine,
  }));
}

export function trayProfilesOf(profiles: readonly ProfileEntry[]): TrayChoice[] {
  return profiles.map(({ id, name, active }) => ({ value: id, label: shorten(name), checked: active, enabled: true }));
}

function shorten(name: string): string {
  // `&` would underline the next letter.
  const text = name.length <= longestName ? name : `${name.slice(0, longestName - 1)}…`;
  return text.replaceAll('&', '&&');
}
