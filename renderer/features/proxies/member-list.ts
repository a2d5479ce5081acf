/** The members of the group that is shown, as rows of a table: made of the rows of all proxies, kept while those stay. */
import type { Delay, ProxyRow } from '../../../core/contract/proxies.ts';
import {
  delaysBy,
  type GroupProxyRow,
  type ProxyState,
  proxyStateOf,
  type TestKey,
} from '../../../core/contract/proxy-views.ts';
import type { Entry, RowEntry } from '../../stores/row-table.ts';

export interface MemberEntry extends Entry {
  readonly name: string;
  /** In the order of the group, from 0. */
  place: number;
  /** Undefined while the helper has not told of it. */
  row: ProxyRow | undefined;
  /** The group leads to it now. */
  current: boolean;
  state: ProxyState;
  /** The last test by the group's own; in a failed one `ms` is null. */
  last: Delay | undefined;
  history: readonly Delay[];
}

export type ProxyEntries = ReadonlyMap<string, RowEntry<ProxyRow>>;

const noHistory: readonly Delay[] = [];

export class MemberList {
  #group: string | undefined;
  #test = '';
  #entries = new Map<string, MemberEntry>();
  #stamp = 0;

  /** The same entries as before where nothing of them has changed; with a new stamp where something has. */
  of({ name: groupName, group }: GroupProxyRow, proxies: ProxyEntries): readonly MemberEntry[] {
    const test = keyOf(group.test);
    if (groupName !== this.#group || test !== this.#test) this.#entries = new Map();
    this.#group = groupName;
    this.#test = test;
    this.#stamp += 1;
    const entries = group.members.map((name, place) => {
      const row = proxies.get(name)?.row;
      const current = name === group.now;
      const known = this.#entries.get(name);
      if (known !== undefined && known.row === row && known.current === current && known.place === place) return known;
      const history = (row === undefined ? undefined : delaysBy(row, group.test)?.history) ?? noHistory;
      const fresh = { place, row, current, history, ...proxyStateOf(row, group.test) };
      const stamps = { stamp: this.#stamp, rowStamp: this.#stamp };
      return known === undefined ? { name, ...fresh, ...stamps } : Object.assign(known, fresh, stamps);
    });
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
    return entries;
  }
}

const keyOf = ({ url, expectedStatus, timeout }: TestKey): string => `${url} ${expectedStatus} ${timeout}`;

/** For sorting: who answers by what it took, then who does not, then who was not asked, then who cannot be. */
export function delayForSort({ state, last }: MemberEntry): number | undefined {
  if (state === 'alive') return last?.ms ?? 0;
  return { dead: 1e9, failed: 1e9, untested: 2e9, unspoken: undefined, empty: undefined, refused: undefined }[state];
}

export type DelayTone = 'good' | 'fair' | 'slow';

/** As people who use such nodes judge: a page opens without waiting, with a little, with a lot. */
export function delayTone(ms: number): DelayTone {
  if (ms < 250) return 'good';
  return ms < 600 ? 'fair' : 'slow';
}

/** Whether anything could be dialled through it. */
export function isUsable({ state }: MemberEntry): boolean {
  return state !== 'unspoken' && state !== 'empty' && state !== 'refused';
}
