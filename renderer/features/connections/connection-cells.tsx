/**
 * The cells of a connection that are more than a text. Functions, not components: some hundred of them are drawn in a
 * second, and hooks or components of their own would cost more than the cells.
 */
import { type ReactNode, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConnectionRow, DomainSource, FlowState } from '../../../core/contract/flow.ts';
import { Chip } from '../../components/Chip.tsx';
import { formatRate } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { policyKind } from '../../text/policy.ts';
import { isProxied } from './connection-fields.ts';

/** What the cells say, translated once and not once per cell. */
export interface CellWords {
  readonly unknownProcess: string;
  readonly noRule: string;
  readonly loopGuard: string;
  readonly byProxy: string;
  readonly failed: string;
  readonly state: Readonly<Record<FlowState, string>>;
  readonly source: Readonly<Record<DomainSource, string>>;
  readonly sourceText: Readonly<Record<DomainSource, string>>;
}

export function useCellWords(): CellWords {
  const { t } = useTranslation();
  return useMemo(
    () => ({
      unknownProcess: t('connections.unknownProcess'),
      noRule: t('connections.noRule'),
      loopGuard: t('connections.loopGuard'),
      byProxy: t('connections.byProxy'),
      failed: t('connections.failed'),
      state: t('connections.state', { returnObjects: true }),
      source: t('connections.domainSource', { returnObjects: true }),
      sourceText: t('connections.domainSourceText', { returnObjects: true }),
    }),
    [t],
  );
}

export function processCell(row: ConnectionRow, words: CellWords): ReactNode {
  if (row.process === undefined) return <span className="faint">{words.unknownProcess}</span>;
  const { name, path, pid } = row.process;
  return <span title={`${plainText(path, 300)} (pid ${pid})`}>{plainText(name, 64)}</span>;
}

export function hostCell(row: ConnectionRow, words: CellWords): ReactNode {
  const host = plainText(row.destination.host);
  if (row.domainSource === undefined) return <span className="mono">{host}</span>;
  return (
    <>
      <span className="connection-host" title={host}>
        {host}
      </span>
      {/* The usual way needs no mark on every line. */}
      {row.domainSource === 'fake-ip' ? null : (
        <Chip tone="outline" title={words.sourceText[row.domainSource]}>
          {words.source[row.domainSource]}
        </Chip>
      )}
    </>
  );
}

export function ruleCell(row: ConnectionRow, words: CellWords): ReactNode {
  const { rule } = row;
  if (rule === undefined) return <span className="faint">–</span>;
  if (rule.type === 'NONE') return <span className="faint">{words.noRule}</span>;
  if (rule.type === 'LOOP-GUARD') return <Chip tone="amber">{words.loopGuard}</Chip>;
  const payload = plainText(rule.payload);
  return (
    <span title={payload === '' ? rule.type : `${rule.type},${payload}`}>
      {payload === '' ? '' : `${payload} `}
      <span className="rule-type">{rule.type}</span>
    </span>
  );
}

/** A proxied connection has no real address here: the proxy looks the name up. */
export function realIpCell(row: ConnectionRow, words: CellWords): ReactNode {
  if (policyKind(row.chain[0]) === 'rejected') return <span className="faint">–</span>;
  if (isProxied(row)) return <span className="faint">{words.byProxy}</span>;
  if (row.remote === undefined) return <span className="faint">–</span>;
  return <span className="mono">{plainText(row.remote, 64)}</span>;
}

/** Bytes per second. */
export function speedCell(speed: number): ReactNode {
  return speed === 0 ? <span className="faint">–</span> : <span>{formatRate(speed)}</span>;
}

export function stateCell(row: ConnectionRow, words: CellWords): ReactNode {
  if (row.error !== undefined) {
    return (
      <Chip tone="red" title={`${row.error.code}: ${plainText(row.error.message)}`}>
        {words.failed}
      </Chip>
    );
  }
  const tone = { deciding: 'outline', dialing: 'outline', open: 'accent', closed: 'plain' } as const;
  return <Chip tone={tone[row.state]}>{words.state[row.state]}</Chip>;
}
