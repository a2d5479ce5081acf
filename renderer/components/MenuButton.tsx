/** A button with a picture that opens a menu below it. */
import { DropdownMenu } from 'radix-ui';
import { type ReactNode, useRef, useState } from 'react';
import { useFocusBack } from './use-focus-back.ts';
import './menu.css';

export interface MenuButtonProps {
  /** What it is called; also its tooltip. */
  label: string;
  icon: ReactNode;
  disabled?: boolean;
  /** `DropdownMenu` items. */
  children: ReactNode;
}

export function MenuButton({ label, icon, disabled = false, children }: MenuButtonProps) {
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useFocusBack(isOpen, button);
  return (
    <DropdownMenu.Root open={isOpen} onOpenChange={setOpen} modal={false}>
      <DropdownMenu.Trigger asChild disabled={disabled}>
        <button ref={button} type="button" className="button button-icon" aria-label={label} title={label}>
          {icon}
        </button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          className="menu"
          align="end"
          sideOffset={4}
          onCloseAutoFocus={(event) => event.preventDefault()}
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
