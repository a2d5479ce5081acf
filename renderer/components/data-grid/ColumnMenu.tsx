/** Chooses the columns of a table. */
import { Check, SlidersHorizontal } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { MenuButton } from '../MenuButton.tsx';
import { toggleColumn } from './column.ts';
import type { Grid } from './use-grid-layout.ts';

/** Drawn again when the layout changes, not with every tick of the table. */
export function ColumnMenu<E>({ grid }: { grid: Grid<E> }) {
  return useMemo(() => <Menu grid={grid} />, [grid]);
}

function Menu<E>({ grid }: { grid: Grid<E> }) {
  const { t } = useTranslation();
  return (
    <MenuButton label={t('grid.columns')} icon={<SlidersHorizontal size={15} aria-hidden="true" />}>
      {grid.columns.map((column) => (
        <DropdownMenu.CheckboxItem
          key={column.id}
          className="menu-item"
          checked={grid.shown.includes(column)}
          onCheckedChange={() =>
            grid.arrange({ ...grid.layout, columns: toggleColumn(grid.columns, grid.shown, column.id) })
          }
          onSelect={(event) => event.preventDefault()}
        >
          <DropdownMenu.ItemIndicator className="menu-check">
            <Check size={14} aria-hidden="true" />
          </DropdownMenu.ItemIndicator>
          {column.description ?? column.title}
        </DropdownMenu.CheckboxItem>
      ))}
      <DropdownMenu.Separator className="menu-line" />
      <DropdownMenu.Item className="menu-item" onSelect={grid.reset}>
        {t('grid.resetColumns')}
      </DropdownMenu.Item>
    </MenuButton>
  );
}
