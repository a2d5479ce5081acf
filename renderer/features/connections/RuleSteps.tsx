/** Each rule that was tested for a connection: the last ones that did not match, with why, and the one that decided. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { MatchedRule, RuleTrace } from '../../../core/contract/flow.ts';
import { ruleStepLines } from '../../../core/contract/rule-steps.ts';
import { useReasonText } from '../../i18n/use-reason-text.ts';
import { formatCount } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';

/** Misses that are shown before somebody asks for all. */
const shownMisses = 3;
/** Pixels for each rule around. */
const stepIndent = 16;

export function RuleSteps({ trace, decided }: { trace: RuleTrace; decided: MatchedRule }) {
  const { t } = useTranslation();
  const reasonText = useReasonText();
  const [whole, setWhole] = useState(false);
  // A reload may have put other rules in force since.
  const isSame = trace.rule.index === decided.index && trace.rule.type === decided.type;
  if (!isSame) return <p className="soft">{t('trace.rulesChanged')}</p>;
  const hidden = whole ? 0 : Math.max(0, trace.steps.length - 1 - shownMisses);
  return (
    <ol className="trace-rules">
      {hidden === 0 ? null : (
        <li>
          <button type="button" className="link" onClick={() => setWhole(true)}>
            {t('trace.rulesHidden', { count: hidden })}
          </button>
        </li>
      )}
      {ruleStepLines(trace.steps.slice(hidden)).map(({ step, depth, number, key }) => (
        <li key={key} data-hit={step.hit} style={{ paddingInlineStart: depth * stepIndent }}>
          <span className="faint trace-rule-number">{number === undefined ? '' : formatCount(number)}</span>
          <span>
            <span className="mono">
              {plainText(`${step.type}${step.payload === '' ? '' : `,${step.payload}`}`, 120)}
            </span>{' '}
            <span className={step.hit ? 'trace-rule-hit' : 'faint'}>{plainText(reasonText(step.why), 200)}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}
