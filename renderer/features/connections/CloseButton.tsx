/** Closes what is selected at once, or, after a question, all that is shown. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ConfirmDialog } from '../../components/ConfirmDialog.tsx';
import type { ConnectionEntry } from '../../stores/connection-table.ts';
import type { CloseFlows } from './use-close-flows.ts';

export interface CloseButtonProps {
  rows: readonly ConnectionEntry[];
  selection: ReadonlySet<string>;
  /** Whether a search leaves some out: "all" is then what is shown. */
  narrowed: boolean;
  close: CloseFlows;
}

export function CloseButton({ rows, selection, narrowed, close }: CloseButtonProps) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const live = rows.filter(({ row }) => row.state !== 'closed');
  const selected = selection.size < 2 ? [] : live.filter(({ row }) => selection.has(row.id));
  if (selected.length > 1) {
    return (
      <button type="button" className="button" onClick={() => void close(selected.map(({ row }) => row.id))}>
        {t('connections.closeSelected', { count: selected.length })}
      </button>
    );
  }
  return (
    <>
      <button type="button" className="button" disabled={live.length === 0} onClick={() => setAsking(true)}>
        {t('connections.closeAll')}
      </button>
      {asking ? (
        <ConfirmDialog
          title={t(narrowed ? 'connections.closeShownTitle' : 'connections.closeAllTitle')}
          text={t('connections.closeAllText', { count: live.length })}
          confirm={t('connections.closeAllConfirm')}
          onConfirm={() => void close(narrowed ? live.map(({ row }) => row.id) : 'all')}
          onClose={() => setAsking(false)}
        />
      ) : null}
    </>
  );
}
