/** The answer to a question that was asked by hand: code, verdict, upstream and time, then its records. */
import { useTranslation } from 'react-i18next';
import type { AppResult } from '../../../core/contract/app.ts';
import { FakeAddress } from '../../components/FakeAddress.tsx';
import { formatMillis } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import type { Question } from './use-ask.ts';
import { VerdictChip } from './VerdictChip.tsx';

export function AskResult({ question, answer }: { question: Question; answer: AppResult<'dnsQuery'> }) {
  const { t } = useTranslation();
  const { rcode, verdict, upstream, upstreamMs, ms, answers } = answer;
  return (
    <>
      <p className="ask-summary">
        <strong>{plainText(rcode, 40)}</strong>
        <VerdictChip verdict={verdict} />
        {upstream === undefined ? null : (
          <span className="mono soft">
            {plainText(upstream, 120)}
            {upstreamMs === undefined ? '' : ` ${formatMillis(upstreamMs)}`}
          </span>
        )}
        <span className="soft">{t('trace.took', { duration: formatMillis(ms) })}</span>
      </p>
      {answers.length === 0 ? (
        <p className="soft">
          {t(rcode === 'NOERROR' ? 'dns.askEmpty' : 'dns.askNothing', {
            name: plainText(question.name),
            type: question.type,
          })}
        </p>
      ) : (
        <table className="ask-records">
          <thead>
            <tr>
              <th scope="col">{t('dns.column.name')}</th>
              <th scope="col">{t('dns.column.type')}</th>
              <th scope="col">TTL</th>
              <th scope="col">{t('dns.column.answer')}</th>
            </tr>
          </thead>
          <tbody>
            {answers.map(({ name, type, ttl, data }, place) => (
              // oxlint-disable-next-line react/no-array-index-key -- records may be alike, and never move
              <tr key={place}>
                <td>{plainText(name)}</td>
                <td className="soft">{plainText(type, 20)}</td>
                <td className="soft">{ttl}</td>
                <td>
                  {verdict === 'fake' && (type === 'A' || type === 'AAAA') ? (
                    <FakeAddress address={data} />
                  ) : (
                    <span className="mono">{plainText(data, 600)}</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
