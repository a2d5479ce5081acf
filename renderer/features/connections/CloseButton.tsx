/** Closes what is selected, or all that is shown; both after a question. */
import { useTranslation } from 'react-i18next';
import type { ConnectionEntry } from '../../stores/connection-table.ts';

export interface CloseButtonProps {
  rows: readonly ConnectionEntry[];
  selection: ReadonlySet<string>;
  /** The live ones of the selection, or all that are shown. */
  onClose: (ids: readonly string[] | 'shown') => void;
}

export function CloseButton({ rows, selection, onClose }: CloseButtonProps) {
  const { t } = useTranslation();
  const isLive = ({ row }: ConnectionEntry) => row.state !== 'closed';
  const selected = selection.size < 2 ? [] : rows.filter((entry) => selection.has(entry.row.id) && isLive(entry));
  if (selected.length > 1) {
    return (
      <button type="button" className="button" onClick={() => onClose(selected.map(({ row }) => row.id))}>
        {t('connections.closeSelected', { count: selected.length })}
      </button>
    );
  }
  return (
    <button type="button" className="button" disabled={!rows.some(isLive)} onClick={() => onClose('shown')}>
      {t('connections.closeAll')}
    </button>
  );
}
