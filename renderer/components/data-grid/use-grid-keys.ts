/** The keyboard of a table. */
import type { KeyboardEvent } from 'react';
import type { Entry } from '../../stores/row-table.ts';
import type { DataGridProps } from './data-grid-props.ts';

export interface GridKeysOptions<E extends Entry> extends DataGridProps<E> {
  readonly selection: ReadonlySet<string>;
  /** How many rows Page Up and Page Down move. */
  readonly pageRows: () => number;
  readonly virtualizer: { scrollToIndex: (index: number, options: { align: 'auto' }) => void };
}

export function useGridKeys<E extends Entry>(options: GridKeysOptions<E>): (event: KeyboardEvent) => void {
  const { rows, entryKey, active, onActive, selection, onSelect, onOpen, onDelete, onEscape, pageRows, virtualizer } =
    options;

  const moveTo = (index: number) => {
    const bounded = Math.max(0, Math.min(rows.length - 1, index));
    const entry = rows[bounded];
    if (entry === undefined) return;
    virtualizer.scrollToIndex(bounded, { align: 'auto' });
    onActive(entryKey(entry));
    onSelect?.(new Set([entryKey(entry)]));
  };
  const toggle = (key: string) => {
    const next = new Set(selection);
    if (!next.delete(key)) next.add(key);
    onSelect?.(next);
  };

  return (event) => {
    // Keys of the titles' buttons are theirs.
    if (event.target !== event.currentTarget) return;
    const at = active === undefined ? -1 : rows.findIndex((row) => entryKey(row) === active);
    const entry = rows[at];
    const control = event.ctrlKey || event.metaKey;
    const act = ((): (() => void) | undefined => {
      switch (event.key) {
        case 'ArrowDown':
          return () => moveTo(at + 1);
        case 'ArrowUp':
          return () => moveTo(at - 1);
        case 'PageDown':
          return () => moveTo(at + pageRows());
        case 'PageUp':
          return () => moveTo(at - pageRows());
        case 'Home':
          return () => moveTo(0);
        case 'End':
          return () => moveTo(rows.length - 1);
        case ' ':
          return entry === undefined || onSelect === undefined ? undefined : () => toggle(entryKey(entry));
        case 'a':
          return control && onSelect !== undefined ? () => onSelect(new Set(rows.map(entryKey))) : undefined;
        case 'Enter':
          return entry === undefined || onOpen === undefined ? undefined : () => onOpen(entry);
        case 'Delete':
          if (onDelete === undefined || (entry === undefined && selection.size === 0)) return undefined;
          return () => onDelete(entry);
        case 'Escape':
          return onEscape;
        default:
          return undefined;
      }
    })();
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
}
