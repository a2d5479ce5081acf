/** The frame of the window: sidebar, the page shown, status strip; in their place a full explanation when nothing works. */
import { useTranslation } from 'react-i18next';
import { NoticeList } from './components/NoticeList.tsx';
import { PageBoundary } from './components/PageBoundary.tsx';
import { Sidebar } from './components/Sidebar.tsx';
import { StatusStrip } from './components/StatusStrip.tsx';
import { useNarrowWindow } from './components/use-narrow-window.ts';
import { ImportCatcher } from './features/profiles/import/ImportCatcher.tsx';
import { ImportDialog } from './features/profiles/import/ImportDialog.tsx';
import { AddRuleDialog } from './features/rules/AddRuleDialog.tsx';
import { HelperTrouble } from './features/trouble/HelperTrouble.tsx';
import { HomeTrouble } from './features/trouble/HomeTrouble.tsx';
import { pageTable } from './pages.tsx';
import { useLive, useUi } from './stores/services.ts';
import type { PageName } from './stores/ui-store.ts';

export function App() {
  const { t } = useTranslation();
  const page = useUi((state) => state.page);
  const choice = useUi((state) => state.preferences.sidebar);
  const narrowWindow = useNarrowWindow();
  const homeKind = useLive((state) => state.home.kind);
  const narrow = choice === 'auto' ? narrowWindow : choice === 'narrow';
  if (homeKind === 'unauthorized') return <HomeTrouble />;
  return (
    <div className="shell" data-sidebar={narrow ? 'narrow' : 'wide'}>
      <a className="skip-link" href="#content" onClick={focusContent}>
        {t('nav.skip')}
      </a>
      <Sidebar narrow={narrow} iconOf={iconOf} />
      <main className="page" id="content" tabIndex={-1}>
        <PageBoundary key={page}>
          <PageOrTrouble page={page} />
        </PageBoundary>
      </main>
      <StatusStrip />
      <NoticeList />
      <ImportCatcher />
      <ImportDialog />
      <AddRuleDialog />
    </div>
  );
}

/** The settings work without anybody. */
function PageOrTrouble({ page }: { page: PageName }) {
  const homeLost = useLive((state) => state.home.kind === 'lost');
  const linkFailed = useLive((state) => state.link.kind === 'failed');
  const { component: Page, withoutHelper = false } = pageTable[page];
  if (page !== 'settings' && homeLost) return <HomeTrouble />;
  if (!withoutHelper && linkFailed) return <HelperTrouble />;
  return <Page />;
}

/** The fragment names the page, so the link must not change it. */
function focusContent(event: { preventDefault: () => void }) {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

const iconOf = (page: PageName) => pageTable[page].icon;
