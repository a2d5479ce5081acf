/** What the store has of a range, as it is to be understood after a start: clocks may have been wrong, and flows under way. */
import type { StoredMapping } from '../../base/stored-mapping.ts';
import { Entry } from './fake-ip-mapping.ts';
import type { FakeIpRange } from './fake-ip-range.ts';
import { lastUse } from './fake-ip-reuse.ts';
import { liveRefresh } from './fake-ip-statistics.ts';
import type { FakeIpTable } from './fake-ip-table.ts';

/** Between two looks at what is unsaved. Milliseconds. */
export const tickInterval = 1_000;

export interface LoadedEntries {
  /** The least recently used first. */
  readonly entries: readonly Entry[];
  /** Those to which flows may have been open when the last process ended: their time is another than in the store. */
  readonly maybeLive: readonly Entry[];
}

/** Mappings of other ranges are left out. */
export function loadedEntries(
  mappings: Iterable<StoredMapping>,
  range: FakeIpRange,
  table: Pick<FakeIpTable, 'shareOf'>,
  now: number,
): LoadedEntries {
  const entries: Entry[] = [];
  let lastSign = 0;
  for (const mapping of mappings) {
    const slot = range.slotOf(mapping.address);
    if (slot === undefined) continue;
    lastSign = Math.max(lastSign, lastUse(mapping));
    entries.push(Entry.of(mapping, range, slot, table.shareOf(mapping.client)));
  }
  // If the last process was killed, a flow may have been live for so long after its last mark.
  const unmarked = liveRefresh + tickInterval;
  const maybeLive = entries.filter(
    (entry) => entry.lastConnected > 0 && entry.lastConnected >= lastSign - unmarked && entry.lastConnected < now,
  );
  for (const entry of maybeLive) entry.lastConnected = lastSign + unmarked;
  for (const entry of entries) {
    // What was recorded while the clock was ahead would rest for as long as the clock was wrong.
    entry.lastConnected = Math.min(entry.lastConnected, now);
    entry.lastAnswered = Math.min(entry.lastAnswered, now);
  }
  return { entries: entries.toSorted((a, b) => lastUse(a) - lastUse(b)), maybeLive };
}
