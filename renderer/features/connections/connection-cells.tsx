/**
 * The cells of a connection that are more than a text. Functions, not components: some hundred of them are drawn in a
 * second, and hooks or components of their own would cost more than the cells.
 */
import { type ReactNode, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConnectionRow, DomainSource } from '../../../core/contract/flow.ts';
import { Chip, type ChipTone } from '../../components/Chip.tsx';
import { useErrorText } from '../../i18n/use-error-text.ts';
import { formatRate } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { isBareAddress, isProxied, type ShownState, shownState } from './connection-fields.ts';

/** What the cells say, translated once and not once per cell. */
export interface CellWords {
  readonly unknownProcess: string;
  readonly noRule: string;
  readonly download: string;
  readonly loopGuard: string;
  /** Decided by the mode before any rule. */
  readonly byMode: Record<'global' | 'direct', string>;
  readonly byProxy: string;
  readonly state: Readonly<Record<ShownState, string>>;
  readonly source: Readonly<Record<DomainSource, string>>;
  readonly sourceText: Readonly<Record<DomainSource, string>>;
  /** What an error code means. */
  readonly errorTitle: (code: string) => string;
}

export function useCellWords(): CellWords {
  const { t } = useTranslation();
  const errorText = useErrorText();
  return useMemo(
    () => ({
      unknownProcess: t('connections.unknownProcess'),
      noRule: t('connections.noRule'),
      download: t('connections.download'),
      loopGuard: t('connections.loopGuard'),
      byMode: { global: t('connections.byMode.global'), direct: t('connections.byMode.direct') },
      byProxy: t('connections.byProxy'),
      state: t('connections.state', { returnObjects: true }),
      source: t('connections.domainSource', { returnObjects: true }),
      sourceText: t('connections.domainSourceText', { returnObjects: true }),
      errorTitle: (code) => errorText(code).title,
    }),
    [t, errorText],
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
      <span className="connection-host cut-front" title={host}>
        <bdi dir="ltr">{host}</bdi>
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
  if (rule.type === 'DOWNLOAD') return <span className="faint">{words.download}</span>;
  if (rule.type === 'MODE') {
    return <span className="faint">{words.byMode[rule.payload === 'global' ? 'global' : 'direct']}</span>;
  }
  const payload = plainText(rule.payload);
  const title = payload === '' ? rule.type : `${rule.type},${payload}`;
  return (
    <>
      {payload === '' ? null : (
        <span className="cut-front" title={title}>
          <bdi dir="ltr">{payload}</bdi>
        </span>
      )}
      <span className="rule-type" title={title}>
        {rule.type}
      </span>
    </>
  );
}

/** A proxied connection has no real address here: the proxy looks the name up. */
export function realIpCell(row: ConnectionRow, words: CellWords): ReactNode {
  if (row.way === 'rejected') return <span className="faint">–</span>;
  if (isProxied(row)) {
    if (isBareAddress(row)) return <span className="mono">{plainText(row.destination.host, 64)}</span>;
    return <span className="faint">{words.byProxy}</span>;
  }
  if (row.remote === undefined) return <span className="faint">–</span>;
  return <span className="mono">{plainText(row.remote, 64)}</span>;
}

/** Bytes per second. */
export function speedCell(speed: number): ReactNode {
  return speed === 0 ? <span className="faint">–</span> : <span>{formatRate(speed)}</span>;
}

const stateTones: Readonly<Record<ShownState, ChipTone>> = {
  deciding: 'outline',
  dialing: 'outline',
  open: 'accent',
  closed: 'plain',
  rejected: 'plain',
  failed: 'red',
};

export function stateCell(row: ConnectionRow, words: CellWords): ReactNode {
  const state = shownState(row);
  const title = row.error === undefined ? undefined : words.errorTitle(row.error.code);
  return (
    <Chip tone={stateTones[state]} title={title}>
      {words.state[state]}
    </Chip>
  );
}
