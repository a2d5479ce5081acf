/** The groups and their nodes: where traffic leads now, how fast that is, and where else it could go. */
import { EyeOff, Gauge, Waypoints } from 'lucide-react';
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { useStore } from 'zustand';
import { isGroupRow, shownGroups } from '../../../core/contract/proxy-views.ts';
import { useTableView } from '../../components/data-grid/use-table-view.ts';
import { TablePage } from '../../components/TablePage.tsx';
import { useLive, useServices } from '../../stores/services.ts';
import { useKept } from '../../stores/use-kept.ts';
import { GroupList } from './GroupList.tsx';
import { GroupPane } from './GroupPane.tsx';
import { ModeSwitch } from './ModeSwitch.tsx';
import { memberSearch } from './member-fields.ts';
import { TestProgress } from './TestProgress.tsx';
import { useMemberColumns } from './use-member-columns.tsx';
import { countFound, useMembers } from './use-members.ts';
import { useProxyActions } from './use-proxy-actions.ts';
import './proxies.css';

const inOrder = { column: 'order', direction: 'asc' } as const;

export function ProxiesPage() {
  const { t } = useTranslation();
  const { proxies: store, delayTest } = useServices();
  const table = useSyncExternalStore(store.watch, store.snapshot);
  const mode = useLive(({ snapshot }) => snapshot?.mode.mode ?? 'rule');
  const testing = useStore(delayTest.store, (run) => run !== undefined);
  const [withHidden, setWithHidden] = useKept('proxies.hidden', false);
  const [chosen, setChosen] = useKept<string | undefined>('proxies.group', undefined);
  /** In a narrow window either the groups or the members of one are seen. */
  const [opened, setOpened] = useKept('proxies.opened', false);
  const actions = useProxyActions();
  const view = useTableView('proxies', memberSearch, useMemberColumns(), inOrder);
  const { search, selection, grid } = view;
  const { entries, version } = table;
  const rows = useMemo(() => [...table.entries.values()].map(({ row }) => row), [table]);
  const shown = useMemo(() => shownGroups(rows, mode, withHidden), [rows, mode, withHidden]);
  const hidden = useMemo(
    () => shownGroups(rows, mode, true).length - shownGroups(rows, mode, false).length,
    [rows, mode],
  );
  const group = [entries.get(chosen ?? '')?.row].find(isGroupRow) ?? shown[0];
  const members = useMembers(group, entries, version, selection, grid);
  const found = useMemo(
    () => (selection === undefined ? undefined : countFound(shown, entries, selection)),
    [selection, shown, entries],
  );
  const open = useCallback(
    (name: string) => {
      setChosen(name);
      setOpened(true);
    },
    [setChosen, setOpened],
  );
  const refusal = table.refused === undefined ? undefined : { error: table.refused, retry: store.retry };
  return (
    <TablePage
      view={view}
      searchesWithin
      table={{ rows: shown, currentRows: () => shown, snapshot: table, refusal }}
      beside={<ModeSwitch setMode={actions.setMode} />}
      tools={
        <>
          <TestProgress proxies={entries} />
          {hidden === 0 ? null : (
            <button
              type="button"
              className="button button-icon"
              aria-pressed={withHidden}
              aria-label={t('proxies.showHidden', { count: hidden })}
              title={t('proxies.showHidden', { count: hidden })}
              onClick={() => setWithHidden(!withHidden)}
            >
              <EyeOff size={15} aria-hidden="true" />
            </button>
          )}
        </>
      }
      actions={
        <button
          type="button"
          className="button"
          disabled={testing || shown.length === 0}
          onClick={() => void actions.test()}
        >
          <Gauge size={14} aria-hidden="true" />
          {t('proxies.testAll')}
        </button>
      }
      above={
        mode === 'rule' ? null : (
          <p className="toolbar toolbar-note" role="status">
            {t(mode === 'direct' ? 'proxies.directNote' : 'proxies.globalNote')}
          </p>
        )
      }
      empty={{
        icon: <Waypoints size={28} aria-hidden="true" />,
        title: t('proxies.emptyTitle'),
        on: t('proxies.emptyText'),
      }}
    >
      <div className="proxies" data-opened={opened}>
        <GroupList groups={shown} selected={group?.name} onSelect={open} found={found} />
        {group === undefined ? null : (
          <GroupPane
            row={group}
            proxies={entries}
            members={members}
            search={search}
            grid={grid}
            actions={actions}
            onBack={() => setOpened(false)}
            onOpenGroup={open}
          />
        )}
      </div>
    </TablePage>
  );
}
