/** How a question was answered, with a sentence that explains it. */
import { useTranslation } from 'react-i18next';
import type { DnsRow } from '../../../core/contract/dns.ts';
import { Chip, type ChipTone } from '../../components/Chip.tsx';
import { plainText } from '../../text/plain-text.ts';

type Verdict = DnsRow['verdict'];

const verdictTones: Readonly<Record<Verdict, ChipTone>> = {
  fake: 'amber',
  real: 'accent',
  cache: 'accent',
  hosts: 'plain',
  local: 'plain',
  blocked: 'red',
  absent: 'plain',
  refused: 'red',
  error: 'red',
  recovered: 'amber',
};

/** A helper newer than this window may know more verdicts: those are shown by their names. */
export function VerdictChip({ verdict }: { verdict: string }) {
  const { t } = useTranslation();
  if (!isVerdict(verdict)) return <Chip>{plainText(verdict, 40)}</Chip>;
  return (
    <Chip tone={verdictTones[verdict]} title={t(`dns.verdictText.${verdict}`)}>
      {t(`dns.verdict.${verdict}`)}
    </Chip>
  );
}

function isVerdict(verdict: string): verdict is Verdict {
  return Object.hasOwn(verdictTones, verdict);
}
