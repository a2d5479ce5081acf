/** The titles of the columns: click to sort, drag to move, drag the edge to resize; Alt with arrow keys moves too. */
import { ArrowDown, ArrowUp } from 'lucide-react';
import { type KeyboardEvent, type PointerEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Column, moveColumn, nextSort, resizeColumn } from './column.ts';
import type { Grid } from './use-grid-layout.ts';

const keyboardStep = 16;
/** Pixels that a pointer may wander in a click. */
const clickSlack = 5;

/** A title on its way, and the one whose place it would take. */
interface Move {
  readonly id: string;
  readonly target: string | undefined;
}

export function GridHeader<E>({ grid, template }: { grid: Grid<E>; template: string }) {
  const row = useRef<HTMLDivElement>(null);
  const [move, setMove] = useState<Move | undefined>();
  const columnAt = (x: number): string | undefined => {
    const titles = [...(row.current?.querySelectorAll<HTMLElement>('.grid-title') ?? [])];
    const at = titles.findIndex((title) => {
      const { left, right } = title.getBoundingClientRect();
      return x >= left && x < right;
    });
    return grid.shown[at]?.id;
  };
  return (
    <div ref={row} className="grid-header" role="row" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
      {grid.shown.map((column, index) => (
        <HeaderCell
          key={column.id}
          grid={grid}
          column={column}
          index={index}
          move={move}
          columnAt={columnAt}
          onMove={(x) => setMove(x === undefined ? undefined : { id: column.id, target: columnAt(x) })}
        />
      ))}
    </div>
  );
}

interface HeaderCellProps<E> {
  grid: Grid<E>;
  column: Column<E>;
  index: number;
  move: Move | undefined;
  /** The column whose title is at a place in the window. */
  columnAt: (x: number) => string | undefined;
  /** This title is dragged to a place in the window; undefined when it is let go. */
  onMove: (x: number | undefined) => void;
}

function HeaderCell<E>({ grid, column, index, move, columnAt, onMove }: HeaderCellProps<E>) {
  const { t } = useTranslation();
  const cell = useRef<HTMLDivElement>(null);
  const { layout } = grid;
  const sorted = layout.sort.column === column.id ? layout.sort.direction : undefined;
  const moveTo = (target: string | undefined) => {
    if (target === undefined || target === column.id) return;
    grid.arrange({ ...layout, columns: moveColumn(grid.shown, column.id, target) });
  };
  const drag = useTitleDrag({
    onMove,
    onDrop: (x) => moveTo(columnAt(x)),
    onClick: () => grid.arrange({ ...layout, sort: nextSort(column, layout.sort) }),
  });
  const resizeBy = (pixels: number) => {
    const width = cell.current?.offsetWidth ?? column.width;
    grid.arrange(resizeColumn(layout, grid.shown, column.id, width + pixels));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined || !event.altKey) return;
    event.preventDefault();
    if (event.shiftKey) resizeBy(step * keyboardStep);
    else moveTo(grid.shown[index + step]?.id);
  };
  return (
    <div
      ref={cell}
      className="grid-title"
      role="columnheader"
      aria-colindex={index + 1}
      aria-sort={sorted === undefined ? 'none' : sorted === 'asc' ? 'ascending' : 'descending'}
      data-align={column.align}
      data-moving={move?.id === column.id}
      data-drop={move !== undefined && move.id !== column.id && move.target === column.id}
    >
      <button
        type="button"
        title={column.description ?? t('grid.sortBy', { name: column.title })}
        aria-keyshortcuts="Alt+ArrowLeft Alt+ArrowRight Alt+Shift+ArrowLeft Alt+Shift+ArrowRight"
        {...drag}
        onKeyDown={onKeyDown}
      >
        <span>{column.title}</span>
        {sorted === 'asc' ? <ArrowUp size={12} aria-hidden="true" /> : null}
        {sorted === 'desc' ? <ArrowDown size={12} aria-hidden="true" /> : null}
      </button>
      <ResizeHandle
        startWidth={() => cell.current?.offsetWidth ?? column.width}
        onResize={(width) => grid.arrange(resizeColumn(layout, grid.shown, column.id, width))}
      />
    </div>
  );
}

interface TitleDragOptions {
  onMove: (x: number | undefined) => void;
  /** Where it was let go. */
  onDrop: (x: number) => void;
  onClick: () => void;
}

/** By pointer events, not the browser's drag and drop: that takes the edge of a title for the title. */
function useTitleDrag({ onMove, onDrop, onClick }: TitleDragOptions) {
  const drag = useRef<{ x: number; moved: boolean } | undefined>(undefined);
  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0 || event.pointerType === 'touch') return;
      // At once: a quick pointer is over the next title before it has moved far enough for a drag.
      event.currentTarget.setPointerCapture(event.pointerId);
      drag.current = { x: event.clientX, moved: false };
    },
    onPointerMove: (event: PointerEvent) => {
      const { current } = drag;
      if (current === undefined) return;
      if (!current.moved && Math.abs(event.clientX - current.x) < clickSlack) return;
      current.moved = true;
      onMove(event.clientX);
    },
    onPointerUp: (event: PointerEvent) => {
      if (drag.current?.moved !== true) return;
      onDrop(event.clientX);
      onMove(undefined);
    },
    onPointerCancel: () => {
      drag.current = undefined;
      onMove(undefined);
    },
    onClick: () => {
      // The click that ends a drag is none.
      const wasDrag = drag.current?.moved === true;
      drag.current = undefined;
      if (!wasDrag) onClick();
    },
  };
}

/** For the pointer only; the keyboard resizes on the title's button. */
function ResizeHandle({ startWidth, onResize }: { startWidth: () => number; onResize: (width: number) => void }) {
  const start = useRef<{ x: number; width: number } | undefined>(undefined);
  const end = (event: PointerEvent) => {
    if (start.current !== undefined) event.currentTarget.releasePointerCapture(event.pointerId);
    start.current = undefined;
  };
  return (
    <div
      className="grid-resize"
      aria-hidden="true"
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        // No text is selected by it, and no focus is taken.
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { x: event.clientX, width: startWidth() };
      }}
      onPointerMove={(event) => {
        if (start.current !== undefined) onResize(start.current.width + event.clientX - start.current.x);
      }}
      onPointerUp={end}
      onPointerCancel={end}
    />
  );
}
