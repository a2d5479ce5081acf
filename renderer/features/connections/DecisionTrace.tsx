/** How a connection was decided, step by step, as far as its row tells: who, which name, which rule, which way, how much, the end. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import { Age } from '../../components/Age.tsx';
import { FakeAddress } from '../../components/FakeAddress.tsx';
import { PolicyChain } from '../../components/Policy.tsx';
import { Timeline, TimelineStep } from '../../components/Timeline.tsx';
import { useDuration } from '../../components/use-duration.ts';
import { useErrorText } from '../../i18n/use-error-text.ts';
import type { ConnectionEntry } from '../../stores/connection-table.ts';
import { useServices } from '../../stores/services.ts';
import { formatBytes, formatDateTime, formatEndpoint, formatMillis, formatRate } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { policyKind } from '../../text/policy.ts';
import { ruleCell, useCellWords } from './connection-cells.tsx';
import { isProxied } from './connection-fields.ts';

export function DecisionTrace({ entry }: { entry: ConnectionEntry }) {
  const { t } = useTranslation();
  const { row } = entry;
  return (
    <Timeline label={t('trace.title')}>
      <OpenedStep row={row} />
      <AddressStep row={row} />
      <NameStep row={row} />
      <RuleStep row={row} />
      {row.chain.length === 0 ? null : (
        <TimelineStep tone="done" title={t('trace.chain')}>
          <PolicyChain chain={row.chain} />
        </TimelineStep>
      )}
      <DialStep row={row} />
      <BytesStep entry={entry} />
      <EndStep row={row} />
    </Timeline>
  );
}

function OpenedStep({ row }: { row: ConnectionRow }) {
  const { t } = useTranslation();
  const { process } = row;
  return (
    <TimelineStep tone="done" title={t('trace.opened')} when={formatDateTime(row.openedAt)}>
      <p>
        {process === undefined
          ? t('trace.openedByUnknown')
          : t('trace.openedBy', { process: plainText(process.name, 64), pid: process.pid, uid: process.uid })}
      </p>
      {process === undefined ? null : <p className="mono faint">{plainText(process.path, 300)}</p>}
      <p className="soft">
        {t(row.inbound === 'tun' ? 'trace.viaTun' : 'trace.viaMixed', {
          source: plainText(formatEndpoint(row.source.host, row.source.port), 80),
        })}
      </p>
    </TimelineStep>
  );
}

function AddressStep({ row }: { row: ConnectionRow }) {
  const { t } = useTranslation();
  const { ui } = useServices();
  const { fakeIp } = row;
  if (fakeIp === undefined) return null;
  return (
    <TimelineStep tone="fake" title={t('trace.fakeIp')}>
      <p>
        <FakeAddress address={fakeIp} />{' '}
        <button type="button" className="link" onClick={() => ui.open('mappings', `addr:${fakeIp}`)}>
          {t('connections.openMapping')}
        </button>
      </p>
    </TimelineStep>
  );
}

function NameStep({ row }: { row: ConnectionRow }) {
  const { t } = useTranslation();
  if (row.domainSource === undefined) {
    return (
      <TimelineStep tone="done" title={t('trace.noName')}>
        <p className="mono">{plainText(row.destination.host)}</p>
        <p className="soft">{t('trace.noNameText')}</p>
      </TimelineStep>
    );
  }
  return (
    <TimelineStep tone="done" title={t('trace.name')}>
      <p>{plainText(row.destination.host)}</p>
      <p className="soft">{t(`connections.domainSourceText.${row.domainSource}`)}</p>
    </TimelineStep>
  );
}

function RuleStep({ row }: { row: ConnectionRow }) {
  const { t } = useTranslation();
  const words = useCellWords();
  const { rule } = row;
  if (rule === undefined) return <TimelineStep tone="waiting" title={t('trace.rulePending')} />;
  const what: ReactNode = {
    NONE: t('trace.ruleNone'),
    'LOOP-GUARD': t('trace.ruleLoop'),
    OTHER: <span className="trace-rule">{ruleCell(row, words)}</span>,
  }[rule.type === 'NONE' || rule.type === 'LOOP-GUARD' ? rule.type : 'OTHER'];
  return (
    <TimelineStep
      tone="done"
      title={t('trace.rule')}
      when={rule.index < 0 ? undefined : t('trace.ruleNumber', { number: rule.index + 1 })}
    >
      <div>{what}</div>
      {row.matchedIp === undefined ? null : (
        <p className="soft">{t('trace.matchedIp', { address: plainText(row.matchedIp, 64) })}</p>
      )}
    </TimelineStep>
  );
}

function DialStep({ row }: { row: ConnectionRow }) {
  const { t } = useTranslation();
  const errorText = useErrorText();
  if (policyKind(row.chain[0]) === 'rejected') return <TimelineStep tone="failed" title={t('trace.rejected')} />;
  const took = row.dialMs === undefined ? undefined : t('trace.took', { duration: formatMillis(row.dialMs) });
  const where =
    row.remote === undefined
      ? undefined
      : t(isProxied(row) ? 'trace.dialProxy' : 'trace.dialDirect', { address: plainText(row.remote, 80) });
  if (row.error !== undefined) {
    return (
      <TimelineStep tone="failed" title={t('trace.dialFailed')} when={took}>
        {where === undefined ? null : <p className="soft">{where}</p>}
        <p>{errorText(row.error.code).title}</p>
        <p className="soft">{errorText(row.error.code).action}</p>
        <p className="mono faint">
          {row.error.code} {plainText(row.error.message, 300)}
        </p>
      </TimelineStep>
    );
  }
  if (row.state === 'deciding') return null;
  const dialing = row.state === 'dialing';
  return (
    <TimelineStep tone={dialing ? 'waiting' : 'done'} title={t(dialing ? 'trace.dialing' : 'trace.dial')} when={took}>
      {where === undefined ? null : <p className="soft">{where}</p>}
    </TimelineStep>
  );
}

function BytesStep({ entry }: { entry: ConnectionEntry }) {
  const { t } = useTranslation();
  const { row, up, down, upSpeed, downSpeed } = entry;
  if (up === 0 && down === 0 && row.state !== 'open') return null;
  return (
    <TimelineStep tone="done" title={t('trace.transfer')}>
      <p>{t('trace.transferText', { up: formatBytes(up), down: formatBytes(down) })}</p>
      {row.state === 'closed' ? null : (
        <p className="soft">{t('trace.speedText', { up: formatRate(upSpeed), down: formatRate(downSpeed) })}</p>
      )}
    </TimelineStep>
  );
}

function EndStep({ row }: { row: ConnectionRow }) {
  const { t } = useTranslation();
  const text = useDuration();
  if (row.state !== 'closed') {
    return <TimelineStep tone="waiting" title={t('trace.live')} when={<Age from={row.openedAt} text={text} />} />;
  }
  const closedAt = row.closedAt ?? row.openedAt;
  return (
    <TimelineStep
      tone={row.error === undefined ? 'done' : 'failed'}
      title={t('trace.ended')}
      when={formatDateTime(closedAt)}
    >
      {row.closeReason === undefined ? null : <p>{plainText(row.closeReason, 200)}</p>}
      <p className="soft">{t('trace.endedAfter', { duration: text.duration(closedAt - row.openedAt) })}</p>
    </TimelineStep>
  );
}
