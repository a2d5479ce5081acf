/** In words: what the app process has recognised in what was handed over, and what is wrong with it. */
import { CircleAlert, CircleCheck, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Recognised } from '../../../../core/contract/profile-import.ts';
import { ProblemList } from '../../../components/ProblemList.tsx';
import type { ImportState } from '../../../stores/import-box.ts';
import { formatCount } from '../../../text/format.ts';
import { plainText } from '../../../text/plain-text.ts';
import '../../../components/error-card.css';

/** Nodes that are named. */
const namedNodes = 6;

export function RecognisedText({ state }: { state: ImportState }) {
  const { t } = useTranslation();
  if (state.looking && state.seen === undefined) return <p className="faint">{t('import.looking')}</p>;
  if (state.trouble !== undefined) return <Line tone="bad">{t(`import.trouble.${state.trouble}`)}</Line>;
  if (state.seen === undefined) return null;
  return <Seen seen={state.seen} stays={state.file?.chosen !== undefined} />;
}

function Seen({ seen, stays }: { seen: Recognised; stays: boolean }) {
  const { t } = useTranslation();
  switch (seen.kind) {
    case 'address':
      return (
        <>
          <Line tone="good">{t('import.address', { host: plainText(seen.host, 260) })}</Line>
          {seen.secure ? null : <Line tone="warn">{t('import.notSecure')}</Line>}
        </>
      );
    case 'links': {
      const names = seen.nodes.slice(0, namedNodes).map(({ name, type }) => `${plainText(name, 40)} (${type})`);
      const more = seen.count - names.length;
      return (
        <>
          <Line tone="good">{t('import.links', { count: seen.count })}</Line>
          <p className="soft import-nodes">
            {names.join(' · ')}
            {more > 0 ? ` · ${t('import.more', { count: more })}` : ''}
          </p>
          {seen.unread === 0 ? null : <Line tone="warn">{t('import.unread', { count: seen.unread })}</Line>}
        </>
      );
    }
    case 'profile': {
      const contents = t('import.contents', {
        proxies: formatCount(seen.proxies),
        groups: formatCount(seen.groups),
        rules: formatCount(seen.rules),
        providers: formatCount(seen.providers),
      });
      return (
        <>
          {seen.usable ? (
            <>
              <Line tone="good">{t('import.profile')}</Line>
              <p className="soft">{contents}</p>
              <p className="faint">{t(stays ? 'import.stays' : 'import.copied')}</p>
            </>
          ) : (
            <Line tone="bad">{t('import.unusable')}</Line>
          )}
          {seen.problems.length === 0 ? null : (
            <details className="import-problems" open={!seen.usable}>
              <summary>{t('import.problems', { count: seen.problems.length })}</summary>
              <ProblemList problems={seen.problems} />
            </details>
          )}
        </>
      );
    }
    case 'unknown':
      return seen.reason === 'EMPTY' ? null : <Line tone="bad">{t(`import.unknown.${seen.reason}`)}</Line>;
  }
}

function Line({ tone, children }: { tone: 'good' | 'warn' | 'bad'; children: ReactNode }) {
  const Icon = { good: CircleCheck, warn: TriangleAlert, bad: CircleAlert }[tone];
  return (
    <p className="import-line" data-tone={tone}>
      <Icon size={16} aria-hidden="true" />
      <span>{children}</span>
    </p>
  );
}
