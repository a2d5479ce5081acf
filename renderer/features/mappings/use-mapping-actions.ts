/** Pins, releases and flushes mappings: shown at once, taken back when the helper refuses, with a word about what came of it. */
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { MappingRow } from '../../../core/contract/dns.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { useServices } from '../../stores/services.ts';

/** None of them rejects. */
export interface MappingActions {
  readonly pin: (row: MappingRow, pinned: boolean) => Promise<void>;
  readonly release: (row: MappingRow) => Promise<void>;
  readonly flush: () => Promise<void>;
}

export function useMappingActions(): MappingActions {
  const { bridge, mappings, notices } = useServices();
  const { t } = useTranslation();
  return useMemo(() => {
    const change = async (row: MappingRow, action: 'pin' | 'unpin' | 'retire', supposed: MappingRow) => {
      mappings.suppose([supposed]);
      const takeBack = () => {
        if (mappings.snapshot().entries.get(row.address)?.row === supposed) mappings.suppose([row]);
      };
      try {
        const { changed } = await bridge.call('changeMappings', { addresses: [row.address], action });
        if (changed === 0) takeBack();
        notices.say(t(changed === 0 ? 'mappings.nothingChanged' : `mappings.done.${action}`));
      } catch (caught) {
        takeBack();
        notices.fail(t(`mappings.failed.${action}`), errorDataOf(caught));
      }
    };
    return {
      pin: (row, pinned) => change(row, pinned ? 'pin' : 'unpin', { ...row, pinned }),
      release: (row) => change(row, 'retire', { ...row, state: 'retired' }),
      flush: async () => {
        try {
          const { retired } = await bridge.call('flushFakeIp', {});
          notices.say(t('mappings.flushed', { count: retired }));
        } catch (caught) {
          notices.fail(t('mappings.failed.flush'), errorDataOf(caught));
        }
      },
    };
  }, [bridge, mappings, notices, t]);
}
