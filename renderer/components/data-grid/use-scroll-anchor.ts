/** Keeps the rows in sight where they are when rows come and go above them. At the top, new rows are let in. */
import { type RefObject, useLayoutEffect, useRef } from 'react';

export interface ScrollAnchorOptions<E> {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly rows: readonly E[];
  readonly entryKey: (entry: E) => string;
  readonly rowHeight: number;
  /** Another view (search, sort order) starts at the top. */
  readonly viewKey: string;
  readonly enabled: boolean;
}

export function useScrollAnchor<E>({
  scroller,
  rows,
  entryKey,
  rowHeight,
  viewKey,
  enabled,
}: ScrollAnchorOptions<E>): void {
  const last = useRef<{ rows: readonly E[]; viewKey: string }>({ rows, viewKey });
  useLayoutEffect(() => {
    const element = scroller.current;
    const before = last.current;
    last.current = { rows, viewKey };
    if (element === null || before.rows === rows) return;
    if (before.viewKey !== viewKey) {
      element.scrollTo({ top: 0 });
      return;
    }
    if (!enabled || element.scrollTop === 0) return;
    // The first row in sight that is still there holds the others.
    const first = Math.floor(element.scrollTop / rowHeight);
    for (let old = first; old < Math.min(before.rows.length, first + 50); old++) {
      const entry = before.rows[old];
      if (entry === undefined) return;
      const key = entryKey(entry);
      const now = rows.findIndex((row) => entryKey(row) === key);
      if (now < 0) continue;
      if (now !== old) element.scrollTo({ top: element.scrollTop + (now - old) * rowHeight });
      return;
    }
  }, [scroller, rows, entryKey, rowHeight, viewKey, enabled]);
}
