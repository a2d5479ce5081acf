/** The cells of a mapping that are more than a text. Functions, as those of the connections are. */
import { History, Pin } from 'lucide-react';
import { type ReactNode, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { MappingRow } from '../../../core/contract/dns.ts';
import { useErrorText } from '../../i18n/use-error-text.ts';
import { plainText } from '../../text/plain-text.ts';

/** What the cells say, translated once and not once per cell. */
export interface MappingWords {
  readonly lost: string;
  readonly lostText: string;
  readonly lostAdvice: string;
  readonly pinned: string;
  readonly formerText: (name: string) => string;
  readonly outcomeOk: string;
  /** An error code and what it means. */
  readonly outcomeText: (code: string) => string;
}

export function useMappingWords(): MappingWords {
  const { t } = useTranslation();
  const errorText = useErrorText();
  return useMemo(
    () => ({
      lost: t('mappings.lost'),
      lostText: t('mappings.lostText'),
      lostAdvice: t('mappings.lostAdvice'),
      pinned: t('mappings.pinned'),
      formerText: (name) => t('mappings.formerText', { name }),
      outcomeOk: t('mappings.outcomeOk'),
      outcomeText: (code) => errorText(code).title,
    }),
    [t, errorText],
  );
}

/** The name, marked when its address is pinned or may still mean another name to somebody. */
export function nameCell(row: MappingRow, words: MappingWords): ReactNode {
  if (row.state === 'unknown') {
    return (
      <span className="mapping-lost" title={words.lostText}>
        {words.lost}
      </span>
    );
  }
  const name = plainText(row.name);
  return (
    <>
      <span className="cut-front" title={name}>
        <bdi dir="ltr">{name}</bdi>
      </span>
      {row.pinned ? <Mark title={words.pinned} icon={<Pin size={13} aria-hidden="true" />} /> : null}
      {row.former === undefined ? null : (
        <Mark title={words.formerText(plainText(row.former))} icon={<History size={13} aria-hidden="true" />} />
      )}
    </>
  );
}

function Mark({ title, icon }: { title: string; icon: ReactNode }) {
  return (
    <span className="mapping-mark" role="img" aria-label={title} title={title}>
      {icon}
    </span>
  );
}

export function formerCell({ former }: MappingRow, words: MappingWords): ReactNode {
  if (former === undefined) return <span className="faint">–</span>;
  const name = plainText(former);
  return (
    <span className="soft" title={words.formerText(name)}>
      {name}
    </span>
  );
}

/** How the last dial went; for a lost name what helps. */
export function outcomeCell({ state, outcome }: MappingRow, words: MappingWords): ReactNode {
  if (state === 'unknown') {
    return (
      <span className="soft" title={words.lostText}>
        {words.lostAdvice}
      </span>
    );
  }
  if (outcome === '') return <span className="faint">–</span>;
  if (outcome === 'ok') return <span className="soft">{words.outcomeOk}</span>;
  const text = words.outcomeText(outcome);
  return (
    <span
      className={outcome === 'DIAL_REJECTED' ? 'soft' : 'mapping-failed'}
      title={`${text} (${plainText(outcome, 60)})`}
    >
      {text}
    </span>
  );
}
