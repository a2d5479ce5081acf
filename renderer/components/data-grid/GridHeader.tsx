/** The titles of the columns: click to sort, drag to move, drag the edge to resize; Alt with arrow keys moves too. */
import { ArrowDown, ArrowUp } from 'lucide-react';
import { type KeyboardEvent, type PointerEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Column, moveColumn, nextSort, resizeColumn } from './column.ts';
import type { Grid } from './use-grid-layout.ts';

const keyboardStep = 16;

export function GridHeader<E>({ grid, template }: { grid: Grid<E>; template: string }) {
  const [dragged, setDragged] = useState<string | undefined>();
  return (
    <div className="grid-header" role="row" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
      {grid.shown.map((column, index) => (
        <HeaderCell key={column.id} grid={grid} column={column} index={index} dragged={dragged} onDrag={setDragged} />
      ))}
    </div>
  );
}

interface HeaderCellProps<E> {
  grid: Grid<E>;
  column: Column<E>;
  index: number;
  dragged: string | undefined;
  onDrag: (id: string | undefined) => void;
}

function HeaderCell<E>({ grid, column, index, dragged, onDrag }: HeaderCellProps<E>) {
  const { t } = useTranslation();
  const cell = useRef<HTMLDivElement>(null);
  const { layout } = grid;
  const sorted = layout.sort.column === column.id ? layout.sort.direction : undefined;
  const moveTo = (id: string, target: string | undefined) => {
    if (target !== undefined && target !== id) grid.arrange({ ...layout, columns: moveColumn(grid.shown, id, target) });
  };
  const resizeBy = (pixels: number) => {
    const width = cell.current?.offsetWidth ?? column.width;
    grid.arrange(resizeColumn(layout, column.id, width + pixels));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined || !event.altKey) return;
    event.preventDefault();
    if (event.shiftKey) resizeBy(step * keyboardStep);
    else moveTo(column.id, grid.shown[index + step]?.id);
  };
  return (
    <div
      ref={cell}
      className="grid-title"
      role="columnheader"
      aria-colindex={index + 1}
      aria-sort={sorted === undefined ? 'none' : sorted === 'asc' ? 'ascending' : 'descending'}
      data-align={column.align}
      data-drop={dragged !== undefined && dragged !== column.id}
      draggable
      onDragStart={(event) => {
        event.dataTransfer.effectAllowed = 'move';
        onDrag(column.id);
      }}
      onDragEnd={() => onDrag(undefined)}
      onDragOver={(event) => {
        if (dragged !== undefined) event.preventDefault();
      }}
      onDrop={() => {
        if (dragged !== undefined) moveTo(dragged, column.id);
        onDrag(undefined);
      }}
    >
      <button
        type="button"
        title={column.description ?? t('grid.sortBy', { name: column.title })}
        aria-keyshortcuts="Alt+ArrowLeft Alt+ArrowRight Alt+Shift+ArrowLeft Alt+Shift+ArrowRight"
        onClick={() => grid.arrange({ ...layout, sort: nextSort(column, layout.sort) })}
        onKeyDown={onKeyDown}
      >
        <span>{column.title}</span>
        {sorted === 'asc' ? <ArrowUp size={12} aria-hidden="true" /> : null}
        {sorted === 'desc' ? <ArrowDown size={12} aria-hidden="true" /> : null}
      </button>
      <ResizeHandle
        startWidth={() => cell.current?.offsetWidth ?? column.width}
        onResize={(width) => grid.arrange(resizeColumn(layout, column.id, width))}
      />
    </div>
  );
}

/** For the pointer only; the keyboard resizes on the title's button. */
function ResizeHandle({ startWidth, onResize }: { startWidth: () => number; onResize: (width: number) => void }) {
  const start = useRef<{ x: number; width: number } | undefined>(undefined);
  const end = (event: PointerEvent) => {
    event.currentTarget.releasePointerCapture(event.pointerId);
    start.current = undefined;
  };
  return (
    <div
      className="grid-resize"
      aria-hidden="true"
      draggable
      onDragStart={(event) => {
        // The title itself must not be dragged away while its edge is.
        event.preventDefault();
        event.stopPropagation();
      }}
      onPointerDown={(event) => {
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
