/** Releases every mapping that is not pinned, after a question that says what stays. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ConfirmDialog } from '../../components/ConfirmDialog.tsx';
import { rowOf } from '../../stores/row-table.ts';
import { useLive } from '../../stores/services.ts';
import { possibleChanges } from './mapping-changes.ts';
import type { MappingEntry } from './mapping-fields.ts';

export interface FlushButtonProps {
  /** The whole table, whatever is searched for. */
  entries: ReadonlyMap<string, MappingEntry>;
  flush: () => Promise<void>;
}

export function FlushButton({ entries, flush }: FlushButtonProps) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const range = useLive(({ snapshot }) => snapshot?.fakeIp.range);
  const released = () => possibleChanges([...entries.values()].map(rowOf), range).retire.length;
  return (
    <>
      <button type="button" className="button" disabled={entries.size === 0} onClick={() => setAsking(true)}>
        {t('mappings.flush')}
      </button>
      {asking ? (
        <ConfirmDialog
          title={t('mappings.flushTitle')}
          text={t('mappings.flushText', { count: released() })}
          confirm={t('mappings.flushConfirm')}
          onConfirm={() => void flush()}
          onClose={() => setAsking(false)}
        />
      ) : null}
    </>
  );
}
