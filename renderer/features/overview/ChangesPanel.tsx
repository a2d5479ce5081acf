/** What of the machine's network is changed at this moment, and the way back. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { NetworkChange } from '../../../core/contract/status.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { Ago } from '../../components/Age.tsx';
import { ConfirmDialog } from '../../components/ConfirmDialog.tsx';
import { useDuration } from '../../components/use-duration.ts';
import { useServices } from '../../stores/services.ts';
import { formatDateTime } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';

export function ChangesPanel({ changes }: { changes: readonly NetworkChange[] }) {
  const { t } = useTranslation();
  const { bridge, notices } = useServices();
  const durations = useDuration();
  const [asking, setAsking] = useState(false);
  const restore = async () => {
    try {
      const { undone } = await bridge.call('restore', {});
      notices.say(t('overview.restored', { count: undone.length }));
    } catch (caught) {
      notices.fail(t('overview.restoreFailed'), errorDataOf(caught));
    }
  };
  return (
    <section className="panel changes" aria-label={t('overview.changes')}>
      <div className="panel-head">
        <h2>{t('overview.changes')}</h2>
        {changes.length === 0 ? null : (
          <button type="button" className="button" onClick={() => setAsking(true)}>
            {t('overview.restore')}
          </button>
        )}
      </div>
      <p className="soft">{t(changes.length === 0 ? 'overview.noChanges' : 'overview.changesText')}</p>
      {changes.length === 0 ? null : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t('overview.changeWhat')}</th>
              <th scope="col">{t('overview.changeWhere')}</th>
              <th scope="col">{t('overview.changeSince')}</th>
            </tr>
          </thead>
          <tbody>
            {changes.map(({ id, what, where, since }) => (
              <tr key={id}>
                <td>{plainText(what, 200)}</td>
                <td className="mono">{plainText(where, 200)}</td>
                <td className="soft" title={formatDateTime(since)}>
                  <Ago time={since} text={durations} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {asking ? (
        <ConfirmDialog
          title={t('overview.restoreTitle')}
          text={t('overview.restoreText')}
          confirm={t('overview.restoreConfirm')}
          onConfirm={() => void restore()}
          onClose={() => setAsking(false)}
        />
      ) : null}
    </section>
  );
}
