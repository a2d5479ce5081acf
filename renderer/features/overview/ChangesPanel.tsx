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
      {groupChanges(changes).map(({ group, members }) => (
        <ChangeGroup key={group} group={group} members={members} />
      ))}
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

interface Group {
  readonly group: keyof typeof groupPatterns;
  readonly members: readonly NetworkChange[];
}

const groupPatterns = {
  dns: /^system DNS\b/,
  rules: /^ip (?:-6 )?rule\b/,
  routes: /^ip (?:-6 )?route\b/,
  firewall: /^nft\b/,
  other: /(?:)/,
} as const;

/** What belongs together, in the order of what people look for. */
function groupChanges(changes: readonly NetworkChange[]): readonly Group[] {
  const names = ['dns', 'routes', 'rules', 'firewall', 'other'] as const;
  const groupOf = ({ what }: NetworkChange) => names.find((name) => groupPatterns[name].test(what)) ?? 'other';
  return names
    .map((group) => ({ group, members: changes.filter((change) => groupOf(change) === group) }))
    .filter(({ members }) => members.length > 0);
}

/** A group of one is told at once; of more, how many there are, and all of them on request. */
function ChangeGroup({ group, members }: Group) {
  const { t } = useTranslation();
  const durations = useDuration();
  const [first] = members;
  if (first === undefined) return null;
  return (
    <details className="change-group">
      <summary>
        <strong>{t(`overview.changeGroup.${group}`)}</strong>
        <span className="soft">
          {members.length === 1
            ? `${plainText(first.what, 200)}  ${plainText(first.where, 200)}`
            : t('overview.changeCount', { count: members.length })}
        </span>
        <span className="faint" title={formatDateTime(first.since)}>
          <Ago time={first.since} text={durations} />
        </span>
      </summary>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('overview.changeWhat')}</th>
            <th scope="col">{t('overview.changeWhere')}</th>
          </tr>
        </thead>
        <tbody>
          {members.map(({ id, what, where }) => (
            <tr key={id}>
              <td>{plainText(what, 200)}</td>
              <td className="mono">{plainText(where, 200)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
