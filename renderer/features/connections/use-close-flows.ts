/** Closes connections and says what came of it. */
import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { errorDataOf } from '../../bridge/error-data.ts';
import { useServices } from '../../stores/services.ts';

/** Never rejects. */
export type CloseFlows = (ids: readonly string[] | 'all') => Promise<void>;

export function useCloseFlows(): CloseFlows {
  const { bridge, notices } = useServices();
  const { t } = useTranslation();
  return useCallback(
    async (ids) => {
      try {
        const { closed } = await bridge.call('closeFlows', ids === 'all' ? { all: true } : { ids: [...ids] });
        notices.say(t('connections.closedCount', { count: closed }));
      } catch (caught) {
        notices.fail(t('connections.closeFailed'), errorDataOf(caught));
      }
    },
    [bridge, notices, t],
  );
}
