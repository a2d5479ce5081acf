/** A table of many rows: only those in sight exist. One tab stop; arrow keys move the active row. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { type MouseEvent, useEffect, useId, useMemo, useRef, useState } from 'react';
import type { Entry } from '../../stores/row-table.ts';
import { useFocusBack } from '../use-focus-back.ts';
import { columnTracks } from './column.ts';
import type { DataGridProps } from './data-grid-props.ts';
import { GridHeader } from './GridHeader.tsx';
import { GridRow } from './GridRow.tsx';
import { RowMenu } from './RowMenu.tsx';
import { RowSlots } from './row-slots.ts';
import { useGridKeys } from './use-grid-keys.ts';
import { useRoom } from './use-room.ts';
import { useScrollAnchor } from './use-scroll-anchor.ts';
import './data-grid.css';

const rowHeight = 32;
const countStep = 512;
const nothing: ReadonlySet<string> = new Set();

export function DataGrid<E extends Entry>(props: DataGridProps<E>) {
  const {
    label,
    grid,
    rows,
    entryKey,
    active,
    onActive,
    selection = nothing,
    onSelect,
    rowTone,
    renderMenu,
    viewKey,
  } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [menu, setMenu] = useState<{ key: string; x: number; y: number } | undefined>();
  const [rowSlots] = useState(() => new RowSlots());
  const idPrefix = useId();
  const rowId = (key: string) => `${idPrefix}${key}`;
  const { template, minimum } = useMemo(
    () => columnTracks(grid.shown, grid.layout.widths, grid.needs, Number.isFinite(grid.room) ? grid.room : 0),
    [grid],
  );
  // oxlint-disable-next-line react/incompatible-library -- about the React Compiler, which is not used here
  const virtualizer = useVirtualizer({
    // A new count makes it measure every row anew, and the number of rows changes every second: so it counts in steps.
    count: Math.ceil(rows.length / countStep) * countStep,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 4,
    scrollPaddingStart: rowHeight,
  });
  const { sort } = grid.layout;
  useScrollAnchor({
    scroller,
    rows,
    entryKey,
    rowHeight,
    scrollTop: virtualizer.scrollOffset ?? 0,
    viewKey: `${viewKey}\n${sort.column} ${sort.direction}`,
    enabled: !grid.ordering.moving,
    hold: props.hold === true || menu !== undefined,
  });
  // Columns stay while a row is looked at, whatever is put beside the table: it scrolls sideways then.
  useRoom(scroller, grid.onRoom, props.hold === true);
  const onKeyDown = useGridKeys({ ...props, selection, pageRows: () => visibleRows(scroller.current), virtualizer });

  const onClick = (event: MouseEvent) => {
    const key = keyAt(event.target);
    if (key === undefined) return;
    if (onSelect !== undefined) onSelect(selectionAfterClick(event, key, props, selection));
    onActive(key);
    const entry = rows.find((row) => entryKey(row) === key);
    const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (entry !== undefined && plain) props.onOpen?.(entry);
  };
  const onMouseDown = (event: MouseEvent) => {
    if (!event.shiftKey || onSelect === undefined) return;
    // Shift takes rows, not the text between two clicks.
    event.preventDefault();
    scroller.current?.focus({ preventScroll: true });
  };
  const onContextMenu = (event: MouseEvent) => {
    event.preventDefault();
    // The menu key has no place: it means the active row, and the menu stands there.
    const byKey = event.target === event.currentTarget;
    const key = byKey ? active : keyAt(event.target);
    if (key === undefined || renderMenu === undefined) return;
    onActive(key);
    // The menu means the selected rows only when it is asked for on one of them.
    if (!selection.has(key)) onSelect?.(new Set([key]));
    setMenu({ key, ...(byKey ? besideRow(rowId(key), event.currentTarget) : { x: event.clientX, y: event.clientY }) });
  };
  const menuEntry = menu === undefined ? undefined : rows.find((row) => entryKey(row) === menu.key);
  useFocusBack(menuEntry !== undefined, scroller);
  const visible = virtualizer.getVirtualItems().flatMap(({ index, start }) => {
    const entry = rows[index];
    return entry === undefined ? [] : [{ entry, key: entryKey(entry), index, top: start }];
  });
  const { onSight } = grid;
  useEffect(() => onSight(visible.map(({ entry }) => entry)));
  // The same element is not drawn again: its titles stay while rows move.
  const header = useMemo(() => <GridHeader grid={grid} template={template} />, [grid, template]);
  const slots = rowSlots.assign(visible.map(({ key }) => key));
  const table = (
    <div
      ref={scroller}
      className="grid"
      role="grid"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-colcount={grid.shown.length}
      aria-multiselectable={onSelect !== undefined}
      aria-activedescendant={active === undefined ? undefined : rowId(active)}
      onKeyDown={onKeyDown}
      onContextMenu={onContextMenu}
    >
      <div className="grid-inner" style={{ minWidth: minimum }}>
        {header}
        <div
          className="grid-rows"
          role="rowgroup"
          style={{ height: rows.length * rowHeight }}
          onMouseDown={onMouseDown}
          onClick={onClick}
        >
          {visible.map(({ entry, key, index, top }) => (
            <GridRow
              key={slots.get(key)}
              entry={entry}
              stamp={entry.stamp}
              rowStamp={entry.rowStamp}
              rowKey={key}
              id={rowId(key)}
              index={index}
              top={top}
              columns={grid.shown}
              template={template}
              active={key === active}
              selected={selection.has(key)}
              tone={rowTone?.(entry)}
            />
          ))}
        </div>
      </div>
    </div>
  );
  return (
    <>
      {table}
      {/* Outside: the table contains its layout, so that places within it are not places in the window. */}
      {menu === undefined || menuEntry === undefined ? null : (
        <RowMenu x={menu.x} y={menu.y} onClose={() => setMenu(undefined)}>
          {renderMenu?.(menuEntry)}
        </RowMenu>
      )}
    </>
  );
}

function keyAt(target: EventTarget): string | undefined {
  return target instanceof Element ? target.closest<HTMLElement>('[data-key]')?.dataset.key : undefined;
}

/** Below the beginning of a row; within the table when the row is out of sight. */
function besideRow(id: string, table: Element): { x: number; y: number } {
  const frame = table.getBoundingClientRect();
  const row = document.getElementById(id)?.getBoundingClientRect() ?? frame;
  const y = Math.min(Math.max(row.bottom, frame.top + rowHeight), frame.bottom);
  return { x: Math.max(row.left, frame.left) + 24, y };
}

function visibleRows(scroller: HTMLElement | null): number {
  return Math.max(1, Math.floor((scroller?.clientHeight ?? 0) / rowHeight) - 2);
}

/** A click alone selects one row, Ctrl adds or takes one, Shift takes the rows from the active one. */
function selectionAfterClick<E extends Entry>(
  event: MouseEvent,
  key: string,
  { rows, entryKey, active }: DataGridProps<E>,
  selection: ReadonlySet<string>,
): ReadonlySet<string> {
  if (event.ctrlKey || event.metaKey) {
    const next = new Set(selection);
    if (!next.delete(key)) next.add(key);
    return next;
  }
  if (!event.shiftKey || active === undefined) return new Set([key]);
  const keys = rows.map(entryKey);
  const ends = [keys.indexOf(active), keys.indexOf(key)].toSorted((a, b) => a - b);
  return new Set(keys.slice(Math.max(0, ends[0] ?? 0), (ends[1] ?? 0) + 1));
}
