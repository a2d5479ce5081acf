/** The line at the top of every page: title, then what the page puts there. */
import type { ReactNode } from 'react';

export function PageHeader({ title, beside, children }: { title: string; beside?: ReactNode; children?: ReactNode }) {
  return (
    <header className="page-header">
      <h1>{title}</h1>
      {beside}
      <div className="page-header-space" />
      {children}
    </header>
  );
}
