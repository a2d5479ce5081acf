/** One connection beside the table: its name, what can be done, and how it was decided. */
import { Copy } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Drawer } from '../../components/Drawer.tsx';
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
    <Drawer
      label={t('connections.details')}
      title={plainText(formatEndpoint(row.destination.host, row.destination.port))}
      closeLabel={t('connections.closeDetails')}
      onClose={onClose}
      actions={
        <>
          {stateCell(row, words)}
          <span className="faint">{row.network.toUpperCase()}</span>
          <span className="page-header-space" />
          <button type="button" className="button" onClick={() => copy(JSON.stringify(currentRow(entry), null, 2))}>
            <Copy size={14} aria-hidden="true" />
            {t('action.copy')}
          </button>
          <button
            type="button"
            className="button"
            disabled={row.state === 'closed'}
            onClick={() => void close([row.id])}
          >
            {t('connections.closeOne')}
          </button>
        </>
      }
    >
      <h3 className="drawer-title">{t('trace.title')}</h3>
      <DecisionTrace entry={entry} />
    </Drawer>
  );
}
