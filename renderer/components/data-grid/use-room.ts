/** Tells how much room the columns of a table have. */
import { type RefObject, useLayoutEffect } from 'react';

/** Both sides of a row, see data-grid.css. */
const rowPadding = 18;

/** Calls `onRoom` with pixels, first before the first drawing and then whenever it changes, unless `held`. */
export function useRoom(scroller: RefObject<HTMLElement | null>, onRoom: (width: number) => void, held: boolean): void {
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null || held) return undefined;
    onRoom(element.clientWidth - rowPadding);
    const observer = new ResizeObserver(() => onRoom(element.clientWidth - rowPadding));
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller, onRoom, held]);
}
