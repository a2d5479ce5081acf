/** Looks for what is new at the addresses of providers, or ends that; says what came of it. */
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { ProviderRow } from '../../../core/contract/providers.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { useServices } from '../../stores/services.ts';
import { plainText } from '../../text/plain-text.ts';
import { keyOf } from './provider-fields.ts';

/** None of them rejects. Of one, or of all. */
export interface ProviderActions {
  readonly update: (row?: ProviderRow) => Promise<void>;
  readonly stop: (row?: ProviderRow) => void;
}

export function useProviderActions(): ProviderActions {
  const { t } = useTranslation();
  const { bridge, notices } = useServices();
  return useMemo(() => {
    const which = (row?: ProviderRow) => (row === undefined ? {} : { name: row.name, kind: row.kind });
    return {
      update: async (row) => {
        try {
          const { providers = [] } = await bridge.call('updateProviders', which(row));
          const some = providers.filter((each) => each.source === 'http' && (!row || keyOf(each) === keyOf(row)));
          const failed = some.filter(({ error }) => error !== undefined && error.code !== 'DOWNLOAD_STOPPED');
          const stopped = some.some(({ error }) => error?.code === 'DOWNLOAD_STOPPED');
          const [first] = failed;
          if (row !== undefined && first?.error !== undefined) notices.fail(t('providers.updateFailed'), first.error);
          else if (failed.length > 0) notices.warn(t('providers.someFailed', { count: failed.length }));
          else if (stopped) notices.say(t('providers.stopped'));
          else if (row === undefined) notices.say(t('providers.allUpdated'));
          else notices.say(t('providers.updated', { name: plainText(row.name, 60) }));
        } catch (caught) {
          notices.fail(t('providers.updateFailed'), errorDataOf(caught));
        }
      },
      stop: (row) => void bridge.call('stopProviders', which(row)).catch(() => undefined),
    };
  }, [bridge, notices, t]);
}
