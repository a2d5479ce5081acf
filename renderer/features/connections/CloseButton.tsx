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
  const isLive = ({ row }: ConnectionEntry) => row.state !== 'closed';
  const selected = selection.size < 2 ? [] : rows.filter((entry) => selection.has(entry.row.id) && isLive(entry));
  if (selected.length > 1) {
    return (
      <button type="button" className="button" onClick={() => void close(selected.map(({ row }) => row.id))}>
        {t('connections.closeSelected', { count: selected.length })}
      </button>
    );
  }
  return (
    <>
      <button type="button" className="button" disabled={!rows.some(isLive)} onClick={() => setAsking(true)}>
        {t('connections.closeAll')}
      </button>
      {asking ? (
        <CloseAllDialog live={rows.filter(isLive)} narrowed={narrowed} close={close} onClose={() => setAsking(false)} />
      ) : null}
    </>
  );
}

interface CloseAllDialogProps {
  live: readonly ConnectionEntry[];
  narrowed: boolean;
  close: CloseFlows;
  onClose: () => void;
}

function CloseAllDialog({ live, narrowed, close, onClose }: CloseAllDialogProps) {
  const { t } = useTranslation();
  return (
    <ConfirmDialog
      title={t(narrowed ? 'connections.closeShownTitle' : 'connections.closeAllTitle')}
      text={t('connections.closeAllText', { count: live.length })}
      confirm={t('connections.closeAllConfirm')}
      onConfirm={() => void close(narrowed ? live.map(({ row }) => row.id) : 'all')}
      onClose={onClose}
    />
  );
}
