/** Asks for a name as a program would, and shows the answer. */
import { X } from 'lucide-react';
import { type FormEvent, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorCard } from '../../components/ErrorCard.tsx';
import { useModal } from '../../components/use-modal.ts';
import { AskResult } from './AskResult.tsx';
import type { AskOutcome, Question } from './use-ask.ts';
import '../../components/confirm-dialog.css';
import './ask-dialog.css';

const usualTypes = ['A', 'AAAA', 'CNAME', 'HTTPS', 'MX', 'NS', 'PTR', 'SRV', 'TXT'];

export interface AskDialogProps {
  /** What is in the fields at first. */
  first: Question;
  outcome: AskOutcome;
  onAsk: (question: Question) => void;
  onClose: () => void;
}

export function AskDialog({ first, outcome, onAsk, onClose }: AskDialogProps) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  // Not the button that closes it, which the browser would choose.
  const dialog = useModal(() => input.current?.focus());
  const titleId = useId();
  const [question, setQuestion] = useState(first);
  const name = question.name.trim();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name !== '' && outcome.kind !== 'asking') onAsk({ ...question, name });
  };
  const types = usualTypes.includes(first.type) ? usualTypes : [first.type, ...usualTypes];
  return (
    <dialog ref={dialog} className="dialog ask-dialog" aria-labelledby={titleId} onClose={onClose}>
      <div className="ask-head">
        <h2 id={titleId}>{t('dns.askTitle')}</h2>
        <button
          type="button"
          className="button button-quiet button-icon"
          aria-label={t('action.close')}
          onClick={onClose}
        >
          <X size={16} aria-hidden="true" />
        </button>
      </div>
      <p>{t('dns.askText')}</p>
      <form className="ask-form" onSubmit={submit}>
        <input
          ref={input}
          className="field"
          type="text"
          aria-label={t('dns.column.name')}
          placeholder="example.com"
          spellCheck={false}
          autoComplete="off"
          maxLength={255}
          value={question.name}
          onChange={(event) => setQuestion({ ...question, name: event.target.value })}
        />
        <select
          className="field"
          aria-label={t('dns.column.type')}
          value={question.type}
          onChange={(event) => setQuestion({ ...question, type: event.target.value })}
        >
          {types.map((type) => (
            <option key={type}>{type}</option>
          ))}
        </select>
        <button type="submit" className="button button-primary" disabled={name === '' || outcome.kind === 'asking'}>
          {t('dns.ask')}
        </button>
      </form>
      <div className="ask-outcome" aria-live="polite" aria-busy={outcome.kind === 'asking'}>
        <Shown outcome={outcome} />
      </div>
    </dialog>
  );
}

function Shown({ outcome }: { outcome: AskOutcome }) {
  const { t } = useTranslation();
  switch (outcome.kind) {
    case 'none':
      return null;
    case 'asking':
      return <p className="faint">{t('dns.asking')}</p>;
    case 'answered':
      return <AskResult question={outcome.question} answer={outcome.answer} />;
    case 'failed':
      return <ErrorCard error={outcome.error} context={t('dns.askFailed')} />;
  }
}
