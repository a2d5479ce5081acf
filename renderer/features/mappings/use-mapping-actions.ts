/** Pins, releases and flushes mappings: shown at once, taken back when the helper refuses, with a word about what came of it. */
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { MappingRow } from '../../../core/contract/dns.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { useServices } from '../../stores/services.ts';
import { changedRow, type MappingAction } from './mapping-changes.ts';

/** None of them rejects. */
export interface MappingActions {
  /** For rows of `possibleChanges`, one or more. */
  readonly change: (rows: readonly MappingRow[], action: MappingAction) => Promise<void>;
  readonly flush: () => Promise<void>;
}

export function useMappingActions(): MappingActions {
  const { bridge, mappings, notices } = useServices();
  const { t } = useTranslation();
  return useMemo(
    () => ({
      change: async (rows, action) => {
        const changes = rows.map((row) => ({ row, supposed: changedRow(row, action) }));
        mappings.suppose(changes.map(({ supposed }) => supposed));
        const takeBack = () => {
          const { entries } = mappings.snapshot();
          const wrong = changes.filter(({ row, supposed }) => entries.get(row.address)?.row === supposed);
          mappings.suppose(wrong.map(({ row }) => row));
        };
        try {
          const addresses = rows.map(({ address }) => address);
          const { changed } = await bridge.call('changeMappings', { addresses, action });
          // Which ones were passed over is not told; those that were changed come again.
          if (changed < rows.length) takeBack();
          notices.say(changed === 0 ? t('mappings.nothingChanged') : t(`mappings.done.${action}`, { count: changed }));
        } catch (caught) {
          takeBack();
          notices.fail(t(`mappings.failed.${action}`, { count: rows.length }), errorDataOf(caught));
        }
      },
      flush: async () => {
        try {
          const { retired } = await bridge.call('flushFakeIp', {});
          notices.say(t('mappings.flushed', { count: retired }));
        } catch (caught) {
          notices.fail(t('mappings.failed.flush'), errorDataOf(caught));
        }
      },
    }),
    [bridge, mappings, notices, t],
  );
}
