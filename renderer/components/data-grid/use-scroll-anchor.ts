/** Keeps the rows in sight where they are when rows come and go above them. At the top, new rows are let in unless held. */
import { type RefObject, useLayoutEffect, useRef } from 'react';

export interface ScrollAnchorOptions<E> {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly rows: readonly E[];
  readonly entryKey: (entry: E) => string;
  readonly rowHeight: number;
  /** As last heard of: asking the element would make the browser lay out the page at once. */
  readonly scrollTop: number;
  /** Another view (search, sort order) starts at the top. */
  readonly viewKey: string;
  readonly enabled: boolean;
  /** Also at the top. */
  readonly hold: boolean;
}

export function useScrollAnchor<E>({
  scroller,
  rows,
  entryKey,
  rowHeight,
  scrollTop,
  viewKey,
  enabled,
  hold,
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
    if (!enabled || (scrollTop === 0 && !hold)) return;
    // The first row in sight that is still there holds the others.
    const first = Math.floor(scrollTop / rowHeight);
    for (let old = first; old < Math.min(before.rows.length, first + 50); old++) {
      const entry = before.rows[old];
      if (entry === undefined) return;
      const key = entryKey(entry);
      const now = rows.findIndex((row) => entryKey(row) === key);
      if (now < 0) continue;
      if (now !== old) element.scrollTo({ top: scrollTop + (now - old) * rowHeight });
      return;
    }
  }, [scroller, rows, entryKey, rowHeight, scrollTop, viewKey, enabled, hold]);
}
