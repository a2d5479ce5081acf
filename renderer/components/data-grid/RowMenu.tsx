/**
 * The context menu of a row. Exists only while it is open: a table is drawn every second, and menus are not cheap. Whoever shows it
 * takes the focus back (`useFocusBack`).
 */
import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';
import '../menu.css';

export interface RowMenuProps {
  /** Where it was asked for, in the window. */
  x: number;
  y: number;
  onClose: () => void;
  children: ReactNode;
}

export function RowMenu({ x, y, onClose, children }: RowMenuProps) {
  return (
    <DropdownMenu.Root open modal={false} onOpenChange={onClose}>
      <DropdownMenu.Trigger asChild>
        <button
          type="button"
          className="row-menu-anchor"
          tabIndex={-1}
          aria-hidden="true"
          style={{ left: x, top: y }}
        />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="start" onCloseAutoFocus={(event) => event.preventDefault()}>
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
