/** The cells of a connection that are more than a text. */
import type { TFunction } from 'i18next';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import { Chip } from '../../components/Chip.tsx';
import { plainText } from '../../text/plain-text.ts';
import { policyKind } from '../../text/policy.ts';
import { isProxied } from './connection-fields.ts';

/** The translator comes with the column: a hook in each of some hundred cells a second would cost more than the cell. */
export interface CellProps {
  row: ConnectionRow;
  t: TFunction;
}

export function ProcessCell({ row, t }: CellProps) {
  if (row.process === undefined) return <span className="faint">{t('connections.unknownProcess')}</span>;
  const { name, path, pid } = row.process;
  return <span title={`${plainText(path, 300)} (pid ${pid})`}>{plainText(name, 64)}</span>;
}

export function HostCell({ row, t }: CellProps) {
  const host = plainText(row.destination.host);
  if (row.domainSource === undefined) return <span className="mono">{host}</span>;
  return (
    <>
      <span className="connection-host" title={host}>
        {host}
      </span>
      {/* The usual way needs no mark on every line. */}
      {row.domainSource === 'fake-ip' ? null : (
        <Chip tone="outline" title={t(`connections.domainSourceText.${row.domainSource}`)}>
          {t(`connections.domainSource.${row.domainSource}`)}
        </Chip>
      )}
    </>
  );
}

export function RuleCell({ row, t }: CellProps) {
  const { rule } = row;
  if (rule === undefined) return <span className="faint">–</span>;
  if (rule.type === 'NONE') return <span className="faint">{t('connections.noRule')}</span>;
  if (rule.type === 'LOOP-GUARD') return <Chip tone="amber">{t('connections.loopGuard')}</Chip>;
  const payload = plainText(rule.payload);
  return (
    <span title={payload === '' ? rule.type : `${rule.type},${payload}`}>
      {payload === '' ? '' : `${payload} `}
      <span className="rule-type">{rule.type}</span>
    </span>
  );
}

/** A proxied connection has no real address here: the proxy looks the name up. */
export function RealIpCell({ row, t }: CellProps) {
  if (policyKind(row.chain[0]) === 'rejected') return <span className="faint">–</span>;
  if (isProxied(row)) return <span className="faint">{t('connections.byProxy')}</span>;
  if (row.remote === undefined) return <span className="faint">–</span>;
  return <span className="mono">{plainText(row.remote, 64)}</span>;
}

export function SpeedCell({ speed, text }: { speed: number; text: string }) {
  return speed === 0 ? <span className="faint">–</span> : <span>{text}</span>;
}

export function StateCell({ row, t }: CellProps) {
  if (row.error !== undefined) {
    return (
      <Chip tone="red" title={`${row.error.code}: ${plainText(row.error.message)}`}>
        {t('connections.failed')}
      </Chip>
    );
  }
  const tone = { deciding: 'outline', dialing: 'outline', open: 'accent', closed: 'plain' } as const;
  return <Chip tone={tone[row.state]}>{t(`connections.state.${row.state}`)}</Chip>;
}
