/** How a connection was decided, step by step: who, which question, which name, which rule, which way, how much, the end. */
import type { TFunction } from 'i18next';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { DnsRow, MappingRow } from '../../../core/contract/dns.ts';
import type { CloseReason, ConnectionRow, RuleTrace } from '../../../core/contract/flow.ts';
import { Age, Ago } from '../../components/Age.tsx';
import { FakeAddress } from '../../components/FakeAddress.tsx';
import { PolicyChain } from '../../components/Policy.tsx';
import { Timeline, TimelineStep } from '../../components/Timeline.tsx';
import { useDuration } from '../../components/use-duration.ts';
import { useErrorText } from '../../i18n/use-error-text.ts';
import type { ConnectionEntry } from '../../stores/connection-table.ts';
import { useServices } from '../../stores/services.ts';
import {
  formatBytes,
  formatClock,
  formatDateTime,
  formatEndpoint,
  formatMillis,
  formatRate,
} from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { VerdictChip } from '../dns-log/VerdictChip.tsx';
import { ruleCell, useCellWords } from './connection-cells.tsx';
import { isProxied } from './connection-fields.ts';
import { DialAttempts } from './DialAttempts.tsx';
import { RuleSteps } from './RuleSteps.tsx';
import { useTrace } from './use-trace.ts';

export function DecisionTrace({ entry }: { entry: ConnectionEntry }) {
  const { t } = useTranslation();
  const { row } = entry;
  const trace = useTrace(row);
  return (
    <Timeline label={t('trace.title')}>
      <QuestionStep question={trace.question} />
      <OpenedStep row={row} />
      <AddressStep row={row} mapping={trace.mapping} />
      <NameStep row={row} />
      <RuleStep row={row} trace={trace.rules} />
      {row.chain.length === 0 ? null : (
        <TimelineStep tone="done" title={t('trace.chain')}>
          <PolicyChain chain={row.chain} way={row.way} />
        </TimelineStep>
      )}
      <DialStep row={row} />
      <BytesStep entry={entry} />
      <EndStep row={row} />
    </Timeline>
  );
}

function QuestionStep({ question }: { question: DnsRow | undefined }) {
  const { t } = useTranslation();
  if (question === undefined) return null;
  const { time, type, process, verdict, upstream, ms, answer } = question;
  return (
    <TimelineStep tone="done" title={t('trace.question', { type: plainText(type, 20) })} when={formatClock(time)}>
      <p>
        <VerdictChip verdict={verdict} /> <span className="mono">{answer === '' ? '–' : plainText(answer, 200)}</span>
      </p>
      <p className="soft">
        {t('trace.took', { duration: formatMillis(ms) })}
        {process === undefined ? '' : ` · ${t('trace.askedBy', { process: plainText(process, 64) })}`}
        {upstream === undefined ? '' : ` · ${plainText(upstream, 120)}`}
      </p>
    </TimelineStep>
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

function AddressStep({ row, mapping }: { row: ConnectionRow; mapping: MappingRow | undefined }) {
  const { t } = useTranslation();
  const text = useDuration();
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
      {mapping === undefined ? null : (
        <p className="soft">
          {t('trace.mapping', { state: t(`mappings.state.${mapping.state}`), count: mapping.flows })}
          {mapping.pinned ? ` · ${t('mappings.pinned')}` : ''} · <Ago time={mapping.firstSeen} text={text} />
        </p>
      )}
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

/** What decided without a rule of the profile. */
const plainTypes = ['NONE', 'LOOP-GUARD', 'MODE', 'DOWNLOAD'] as const;

function isPlain(type: string): type is (typeof plainTypes)[number] {
  return plainTypes.some((plain) => plain === type);
}

function RuleStep({ row, trace }: { row: ConnectionRow; trace: RuleTrace | undefined }) {
  const { t } = useTranslation();
  const words = useCellWords();
  const { rule } = row;
  if (rule === undefined) return <TimelineStep tone="waiting" title={t('trace.rulePending')} />;
  const what: ReactNode = {
    NONE: t('trace.ruleNone'),
    'LOOP-GUARD': t('trace.ruleLoop'),
    MODE: t(rule.payload === 'global' ? 'trace.ruleMode.global' : 'trace.ruleMode.direct'),
    DOWNLOAD: t('trace.ruleDownload'),
    OTHER: <span className="trace-rule">{ruleCell(row, words)}</span>,
  }[isPlain(rule.type) ? rule.type : 'OTHER'];
  return (
    <TimelineStep
      tone="done"
      title={t('trace.rule')}
      when={
        <>
          {rule.index < 0 ? null : t('trace.ruleNumber', { number: rule.index + 1 })}
          {row.decideMs === undefined ? null : ` · ${t('trace.after', { duration: formatMillis(row.decideMs) })}`}
        </>
      }
    >
      <div>{what}</div>
      {trace === undefined || (isPlain(rule.type) && rule.type !== 'NONE') ? null : (
        <RuleSteps trace={trace} decided={rule} />
      )}
      {row.matchedIp === undefined ? null : (
        <p className="soft">{t('trace.matchedIp', { address: plainText(row.matchedIp, 64) })}</p>
      )}
    </TimelineStep>
  );
}

function DialStep({ row }: { row: ConnectionRow }) {
  const { t } = useTranslation();
  const errorText = useErrorText();
  if (row.way === 'rejected') return <TimelineStep tone="failed" title={t('trace.rejected')} />;
  const took = row.dialMs === undefined ? undefined : t('trace.took', { duration: formatMillis(row.dialMs) });
  const where =
    row.remote === undefined
      ? undefined
      : t(isProxied(row) ? 'trace.dialProxy' : 'trace.dialDirect', { address: plainText(row.remote, 80) });
  if (row.error !== undefined) {
    return (
      <TimelineStep tone="failed" title={t('trace.dialFailed')} when={took}>
        {where === undefined ? null : <p className="soft">{where}</p>}
        <DialAttempts row={row} />
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
      <DialAttempts row={row} />
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
      {row.firstByteMs === undefined ? null : (
        <p className="soft">{t('trace.firstByte', { duration: formatMillis(row.firstByteMs) })}</p>
      )}
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
    return (
      <TimelineStep tone="waiting" title={t('trace.live')} when={<Age from={row.openedAt} write={text.duration} />} />
    );
  }
  const closedAt = row.closedAt ?? row.openedAt;
  return (
    <TimelineStep
      tone={row.error === undefined ? 'done' : 'failed'}
      title={t('trace.ended')}
      when={formatDateTime(closedAt)}
    >
      {row.closeReason === undefined ? null : <p>{closeText(t, row.closeReason)}</p>}
      <p className="soft">{t('trace.endedAfter', { duration: text.duration(closedAt - row.openedAt) })}</p>
    </TimelineStep>
  );
}

/** A reason that a newer helper made up is shown as it is. */
function closeText(t: TFunction, reason: string): string {
  const known: Readonly<Record<CloseReason, string>> = t('trace.reason', { returnObjects: true });
  return isAmong(reason, known) ? known[reason] : plainText(reason, 200);
}

function isAmong(reason: string, known: Readonly<Record<CloseReason, string>>): reason is CloseReason {
  return Object.hasOwn(known, reason);
}
