/** The pages: icons and words, or icons alone. */
import { type LucideIcon, PanelLeftClose, PanelLeftOpen } from 'lucide-react';
import type { KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices, useUi } from '../stores/services.ts';
import { type PageName, pages } from '../stores/ui-store.ts';
import { useTroubles } from '../stores/use-troubles.ts';
import { BrandMark } from './BrandMark.tsx';

export interface SidebarProps {
  narrow: boolean;
  iconOf: (page: PageName) => LucideIcon;
}

export function Sidebar({ narrow, iconOf }: SidebarProps) {
  const { t } = useTranslation();
  const { ui } = useServices();
  const collapse = t(narrow ? 'nav.expand' : 'nav.collapse');
  return (
    <nav className="sidebar" aria-label={t('nav.label')} onKeyDown={moveFocus}>
      <div className="sidebar-brand">
        <BrandMark />
        <span>Mirage</span>
      </div>
      {pages.map((page) =>
        page === 'settings' ? null : <SidebarLink key={page} page={page} icon={iconOf(page)} narrow={narrow} />,
      )}
      <div className="sidebar-space" />
      <SidebarLink page="settings" icon={iconOf('settings')} narrow={narrow} />
      <button
        type="button"
        className="sidebar-item"
        aria-label={collapse}
        title={narrow ? collapse : undefined}
        onClick={() => ui.prefer({ sidebar: narrow ? 'wide' : 'narrow' })}
      >
        {narrow ? <PanelLeftOpen size={17} aria-hidden="true" /> : <PanelLeftClose size={17} aria-hidden="true" />}
        <span>{collapse}</span>
      </button>
    </nav>
  );
}

function SidebarLink({ page, icon: Icon, narrow }: { page: PageName; icon: LucideIcon; narrow: boolean }) {
  const { t } = useTranslation();
  const current = useUi((state) => state.page === page);
  const name = t(`nav.${page}`);
  const troubles = useTroubles().length;
  const badge = page === 'overview' ? troubles : 0;
  const badgeText = t('strip.troubles', { count: badge });
  return (
    <a
      className="sidebar-item"
      href={`#/${page}`}
      aria-current={current ? 'page' : undefined}
      aria-label={narrow ? (badge === 0 ? name : `${name}, ${badgeText}`) : undefined}
      title={narrow ? name : undefined}
    >
      <Icon size={17} aria-hidden="true" />
      <span>{name}</span>
      {badge === 0 ? null : (
        <>
          <b className="sidebar-badge" title={badgeText} aria-hidden="true">
            {badge}
          </b>
          <span className="visually-hidden">{badgeText}</span>
        </>
      )}
    </a>
  );
}

/** Up and down move among the items, besides Tab. */
function moveFocus(event: KeyboardEvent<HTMLElement>) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('.sidebar-item')];
  const at = items.findIndex((item) => item === document.activeElement);
  event.preventDefault();
  items[(at + step + items.length) % items.length]?.focus();
}
