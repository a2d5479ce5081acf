/** The parts of the settings page: a titled group of rows, each a name and what belongs to it. */
import type { ReactNode } from 'react';
import './settings.css';

export function SettingSection({
  title,
  action,
  children,
}: {
  title: string;
  action?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="setting-section" aria-label={title}>
      <div className="setting-head">
        <h2>{title}</h2>
        {action}
      </div>
      <div className="setting-rows">{children}</div>
    </section>
  );
}

export function SettingRow({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="setting-row">
      <span className="soft">{name}</span>
      <div className="setting-value">{children}</div>
    </div>
  );
}
