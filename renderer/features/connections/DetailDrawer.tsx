/** One connection beside the table: its name, what can be done, and how it was decided. */
import { Copy, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useCopy } from '../../components/use-copy.ts';
import type { ConnectionEntry } from '../../stores/connection-table.ts';
import { formatEndpoint } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { stateCell, useCellWords } from './connection-cells.tsx';
import { currentRow } from './connection-fields.ts';
import { DecisionTrace } from './DecisionTrace.tsx';
import type { CloseFlows } from './use-close-flows.ts';

export interface DetailDrawerProps {
  entry: ConnectionEntry;
  close: CloseFlows;
  onClose: () => void;
}

export function DetailDrawer({ entry, close, onClose }: DetailDrawerProps) {
  const { t } = useTranslation();
  const copy = useCopy();
  const words = useCellWords();
  const { row } = entry;
  return (
    <aside
      className="drawer"
      aria-label={t('connections.details')}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <div className="drawer-head">
        <h2>{plainText(formatEndpoint(row.destination.host, row.destination.port))}</h2>
        <button
          type="button"
          className="button button-quiet button-icon"
          aria-label={t('connections.closeDetails')}
          onClick={onClose}
        >
          <X size={16} aria-hidden="true" />
        </button>
      </div>
      <div className="drawer-actions">
        {stateCell(row, words)}
        <span className="faint">{row.network.toUpperCase()}</span>
        <span className="page-header-space" />
        <button type="button" className="button" onClick={() => copy(JSON.stringify(currentRow(entry), null, 2))}>
          <Copy size={14} aria-hidden="true" />
          {t('action.copy')}
        </button>
        <button type="button" className="button" disabled={row.state === 'closed'} onClick={() => void close([row.id])}>
          {t('connections.closeOne')}
        </button>
      </div>
      <h3 className="drawer-title">{t('trace.title')}</h3>
      <DecisionTrace entry={entry} />
    </aside>
  );
}
