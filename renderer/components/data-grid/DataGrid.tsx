/** A table of many rows: only those in sight exist. One tab stop; arrow keys move the active row. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { ContextMenu } from 'radix-ui';
import { type MouseEvent, type ReactNode, useId, useMemo, useRef, useState } from 'react';
import type { Entry } from '../../stores/row-table.ts';
import { columnTracks } from './column.ts';
import { GridHeader } from './GridHeader.tsx';
import { GridRow } from './GridRow.tsx';
import { useGridKeys } from './use-grid-keys.ts';
import type { Grid } from './use-grid-layout.ts';
import { useRoom } from './use-room.ts';
import { useScrollAnchor } from './use-scroll-anchor.ts';
import './data-grid.css';
import '../menu.css';

export interface DataGridProps<E extends Entry> {
  label: string;
  grid: Grid<E>;
  rows: readonly E[];
  entryKey: (entry: E) => string;
  /** The row that the keyboard is at. */
  active: string | undefined;
  onActive: (key: string) => void;
  selection?: ReadonlySet<string>;
  onSelect?: (keys: ReadonlySet<string>) => void;
  /** Enter, or a click without modifier keys. */
  onOpen?: (entry: E) => void;
  /** The Delete key. */
  onDelete?: (entry: E) => void;
  onEscape?: () => void;
  /** `muted`, `bad`, ...: see data-grid.css. */
  rowTone?: (entry: E) => string | undefined;
  /** Items of the context menu. */
  renderMenu?: (entry: E) => ReactNode;
  /** Rows stay where they are even at the top, e.g. while one of them is looked at. */
  hold?: boolean;
  /** Changes when the search changes: the table then starts at its top again. */
  viewKey: string;
}

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
  const [menuKey, setMenuKey] = useState<string | undefined>();
  const [menuOpen, setMenuOpen] = useState(false);
  const idPrefix = useId();
  const rowId = (key: string) => `${idPrefix}${key}`;
  const { template, minimum } = useMemo(() => columnTracks(grid.shown, grid.layout.widths), [grid]);
  // oxlint-disable-next-line react/incompatible-library -- about the React Compiler, which is not used here
  const virtualizer = useVirtualizer({
    // A new count makes it measure every row anew, and the number of rows changes every second: so it counts in steps.
    count: Math.ceil(rows.length / countStep) * countStep,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 6,
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
    enabled: !grid.moving,
    hold: props.hold === true || menuOpen,
  });
  useRoom(scroller, grid.onRoom);
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
  const menuEntry = menuKey === undefined ? undefined : rows.find((row) => entryKey(row) === menuKey);

  const items = virtualizer.getVirtualItems().filter(({ index }) => index < rows.length);
  const body = (
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
      onContextMenu={(event) => {
        // The menu key has no place: it means the active row.
        const key = keyAt(event.target) ?? (event.target === event.currentTarget ? active : undefined);
        if (key === undefined || renderMenu === undefined) {
          event.preventDefault();
          return;
        }
        onActive(key);
        setMenuKey(key);
      }}
    >
      <div className="grid-inner" style={{ minWidth: minimum }}>
        <GridHeader grid={grid} template={template} />
        <div className="grid-rows" role="rowgroup" style={{ height: rows.length * rowHeight }} onClick={onClick}>
          {items.map(({ index, start }) => {
            const entry = rows[index];
            if (entry === undefined) return null;
            const key = entryKey(entry);
            return (
              <GridRow
                // Rows on the screen are used again for what comes into sight: cheaper than making new ones.
                key={index % items.length}
                entry={entry}
                rowKey={key}
                id={rowId(key)}
                index={index}
                top={start}
                columns={grid.shown}
                template={template}
                active={key === active}
                selected={selection.has(key)}
                tone={rowTone?.(entry)}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
  if (renderMenu === undefined) return body;
  return (
    <ContextMenu.Root modal={false} onOpenChange={setMenuOpen}>
      <ContextMenu.Trigger asChild>{body}</ContextMenu.Trigger>
      <ContextMenu.Portal>
        <ContextMenu.Content className="menu">
          {menuEntry === undefined ? null : renderMenu(menuEntry)}
        </ContextMenu.Content>
      </ContextMenu.Portal>
    </ContextMenu.Root>
  );
}

function keyAt(target: EventTarget): string | undefined {
  return target instanceof Element ? target.closest<HTMLElement>('[data-key]')?.dataset.key : undefined;
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
