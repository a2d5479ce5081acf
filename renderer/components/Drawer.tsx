/** What is told of one row, beside its table. Escape closes it. */
import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import './drawer.css';

export interface DrawerProps {
  /** What kind of thing is told of. */
  label: string;
  title: string;
  closeLabel: string;
  /** What can be done with it. */
  actions: ReactNode;
  onClose: () => void;
  children: ReactNode;
}

export function Drawer({ label, title, closeLabel, actions, onClose, children }: DrawerProps) {
  return (
    <aside
      className="drawer"
      aria-label={label}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <div className="drawer-head">
        <h2>{title}</h2>
        <button type="button" className="button button-quiet button-icon" aria-label={closeLabel} onClick={onClose}>
          <X size={16} aria-hidden="true" />
        </button>
      </div>
      <div className="drawer-actions">{actions}</div>
      {children}
    </aside>
  );
}
