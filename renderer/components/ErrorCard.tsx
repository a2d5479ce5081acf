/** An error as people see it: what happened, what to do, the code, and what the helper said in its own words. */
import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ErrorData } from '../../core/contract/error.ts';
import { useErrorText } from '../i18n/use-error-text.ts';
import { plainText } from '../text/plain-text.ts';
import { ProblemList } from './ProblemList.tsx';
import { useCopy } from './use-copy.ts';
import './error-card.css';

export interface ErrorCardProps {
  error: ErrorData;
  /** What was being done, when the code's own sentence does not say. */
  context?: string;
  /** Further buttons. */
  children?: ReactNode;
}

export function ErrorCard({ error, context, children }: ErrorCardProps) {
  const { t } = useTranslation();
  const copy = useCopy();
  const text = useErrorText()(error.code);
  return (
    <section className="error-card" role="alert">
      <CircleAlert size={18} aria-hidden="true" />
      <div className="error-card-body">
        <h3>{context === undefined ? text.title : t('error.inContext', { what: context, title: text.title })}</h3>
        <p>{text.action}</p>
        <p className="error-card-raw mono">
          <span className="error-card-code" title={t('error.code')}>
            {error.code}
          </span>{' '}
          {plainText(error.message, 600)}
          {error.expected === undefined ? '' : ` · ${t('error.expected', { text: plainText(error.expected, 300) })}`}
        </p>
        {error.details === undefined ? null : (
          <dl className="error-card-details mono">
            {Object.entries(error.details).map(([name, value]) => (
              <div key={name}>
                <dt>{plainText(name, 40)}</dt>
                <dd>{plainText(String(value), 300)}</dd>
              </div>
            ))}
          </dl>
        )}
        {error.problems === undefined ? null : <ProblemList problems={error.problems} />}
        <div className="error-card-actions">
          {children}
          <button type="button" className="button" onClick={() => copy(JSON.stringify(error, null, 2))}>
            {t('action.copyDetails')}
          </button>
        </div>
      </div>
    </section>
  );
}
