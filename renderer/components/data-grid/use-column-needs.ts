/** What the columns of a table need: their titles and longest texts at once, their content as rows come into sight. */
import { useCallback, useMemo, useState } from 'react';
import type { Entry } from '../../stores/row-table.ts';
import type { Column, ColumnNeeds } from './column.ts';
import { TextMeter } from './text-meter.ts';

/** Longest text that is measured: no column becomes wider for its content than a reader takes in at once. */
const longest = 64;

export interface NeedsOfColumns<E extends Entry> {
  readonly needs: ColumnNeeds;
  /** The table says which rows are in sight. Needs only ever grow, so that nothing jumps back and forth. */
  readonly onSight: (entries: readonly E[]) => void;
}

export function useColumnNeeds<E extends Entry>(columns: readonly Column<E>[]): NeedsOfColumns<E> {
  const meter = useMemo(() => new TextMeter(), []);
  const least = useMemo(() => leastOf(columns, meter), [columns, meter]);
  // Of other columns (another language) nothing is known yet.
  const [seen, setSeen] = useState<{ columns: unknown; content: ReadonlyMap<string, number> }>(() => ({
    columns,
    content: new Map(),
  }));
  const content = seen.columns === columns ? seen.content : none;
  const needs = useMemo(() => ({ least, content }), [least, content]);
  const measured = useMemo(
    () => ({ columns, rows: new WeakMap<E, number>(), lengths: new Map<string, number>() }),
    [columns],
  );
  const onSight = useCallback(
    (entries: readonly E[]) => {
      const grown = new Map(content);
      // Most rows in sight were there a second ago, and most texts are shorter than the longest: neither is measured.
      const fresh = entries.filter((entry) => measured.rows.get(entry) !== entry.rowStamp);
      for (const entry of fresh) measured.rows.set(entry, entry.rowStamp);
      for (const column of measured.columns) {
        if (column.content === undefined) continue;
        for (const entry of fresh) {
          const text = column.content(entry).slice(0, longest);
          const known = measured.lengths.get(column.id) ?? 0;
          if (text.length < known) continue;
          measured.lengths.set(column.id, text.length);
          const width = meter.cell(text, column);
          if (width > (grown.get(column.id) ?? 0)) grown.set(column.id, width);
        }
      }
      const isMore = [...grown].some(([id, width]) => width !== content.get(id));
      if (isMore) setSeen({ columns: measured.columns, content: grown });
    },
    [content, measured, meter],
  );
  return { needs, onSight };
}

const none: ReadonlyMap<string, number> = new Map();

function leastOf<E>(columns: readonly Column<E>[], meter: TextMeter): ReadonlyMap<string, number> {
  return new Map(
    columns.map((column) => {
      const samples = (column.samples ?? []).map((sample) => meter.cell(sample, column));
      return [column.id, Math.max(meter.title(column.title), ...samples)] as const;
    }),
  );
}
