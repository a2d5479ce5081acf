/** Chooses members and modes and tests delays. A choice is shown at once, and taken back when the helper refuses it. */
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { PolicyMode } from '../../../core/contract/config.ts';
import { type GroupProxyRow, isGroupRow } from '../../../core/contract/proxy-views.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { useServices } from '../../stores/services.ts';
import { plainText } from '../../text/plain-text.ts';

/** None of them rejects. */
export interface ProxyActions {
  /** `member` undefined: as the group does by itself. */
  readonly choose: (row: GroupProxyRow, member: string | undefined) => Promise<void>;
  readonly setMode: (mode: PolicyMode) => Promise<void>;
  /** A node, or the members of a group, by the test of `group`; all without a name. */
  readonly test: (name?: string, group?: string) => Promise<void>;
}

export function useProxyActions(): ProxyActions {
  const { bridge, live, notices, proxies, delayTest } = useServices();
  const { t } = useTranslation();
  return useMemo(
    () => ({
      choose: async (row, member) => {
        const { group } = row;
        const supposed = { ...row, group: { ...group, chosen: member ?? null, now: member ?? group.now } };
        proxies.suppose([supposed]);
        try {
          const { now } = await bridge.call('selectProxy', { group: row.name, member: member ?? null });
          const seen = proxies.snapshot().entries.get(row.name)?.row;
          if (isGroupRow(seen)) proxies.suppose([{ ...seen, group: { ...seen.group, now } }]);
          const name = plainText(row.name, 60);
          if (member === undefined) notices.say(t('proxies.isAutomatic', { group: name }));
          else notices.say(t('proxies.isChosen', { group: name, member: plainText(member, 60) }));
        } catch (caught) {
          if (proxies.snapshot().entries.get(row.name)?.row === supposed) proxies.suppose([row]);
          notices.fail(t('proxies.chooseFailed'), errorDataOf(caught));
        }
      },
      setMode: async (mode) => {
        try {
          live.setState({ snapshot: await bridge.call('setSwitches', { mode }) });
        } catch (caught) {
          notices.fail(t('proxies.modeFailed'), errorDataOf(caught));
        }
      },
      test: async (policy, group) => {
        const failure = await delayTest.run({
          ...(policy === undefined ? {} : { policy }),
          ...(group === undefined ? {} : { group }),
        });
        if (failure !== undefined) notices.fail(t('proxies.testFailed'), failure);
      },
    }),
    [bridge, live, notices, proxies, delayTest, t],
  );
}
