/** The members of the shown group as rows: searched and sorted. */
import { useMemo, useState } from 'react';
import type { GroupProxyRow } from '../../../core/contract/proxy-views.ts';
import type { Grid } from '../../components/data-grid/use-grid-layout.ts';
import { useListRows } from '../../components/data-grid/use-list-rows.ts';
import type { Selection } from '../../text/filter.ts';
import { type MemberEntry, MemberList, type ProxyEntries } from './member-list.ts';

/** `version` changes with every batch, while the map of proxies stays the same object. */
export function useMembers(
  row: GroupProxyRow | undefined,
  proxies: ProxyEntries,
  version: number,
  selection: Selection<MemberEntry> | undefined,
  grid: Grid<MemberEntry>,
): readonly MemberEntry[] {
  const [list] = useState(() => new MemberList());
  const members = useMemo(
    () => (row === undefined ? [] : list.of(row, proxies)),
    // oxlint-disable-next-line react/memo-dependencies, react-hooks/exhaustive-deps -- see `version`
    [list, row, proxies, version],
  );
  return useListRows(members, { selection, grid }).rows;
}

/** How many members of each group fit a search. */
export function countFound(
  shown: readonly GroupProxyRow[],
  proxies: ProxyEntries,
  { accept }: Selection<MemberEntry>,
): ReadonlyMap<string, number> {
  return new Map(shown.map((row) => [row.name, new MemberList().of(row, proxies).filter(accept).length]));
}
