/** What a page tells a table. */
import type { ReactNode } from 'react';
import type { Entry } from '../../stores/row-table.ts';
import type { Grid } from './use-grid-layout.ts';

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
  /** The Delete key: of the row that the keyboard is at, if it is at one, and of what is selected. */
  onDelete?: (entry: E | undefined) => void;
  onEscape?: () => void;
  /** `muted`, `failed`, `waiting`: see data-grid.css. */
  rowTone?: (entry: E) => string | undefined;
  /** Items of the context menu. */
  renderMenu?: (entry: E) => ReactNode;
  /** Rows stay where they are even at the top, e.g. while one of them is looked at. */
  hold?: boolean;
  /** Changes when the search changes: the table then starts at its top again. */
  viewKey: string;
}
