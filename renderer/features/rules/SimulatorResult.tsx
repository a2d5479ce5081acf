/** The answer of the simulator: where it would go, by which rule, and which rules were tested before. */
import { X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { RuleTrace } from '../../../core/contract/flow.ts';
import { ruleStepLines } from '../../../core/contract/rule-steps.ts';
import { Chip } from '../../components/Chip.tsx';
import { PolicyChain } from '../../components/Policy.tsx';
import { useReasonText } from '../../i18n/use-reason-text.ts';
import { formatCount, formatEndpoint } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';

/** Rules shown before the one that matched; a long list says only how many more there were. */
const shownMisses = 4;
/** Pixels for each rule around. */
const stepIndent = 16;

export function SimulatorResult({ trace, onClose }: { trace: RuleTrace; onClose: () => void }) {
  const { t } = useTranslation();
  const reasonText = useReasonText();
  const misses = trace.steps.filter((step) => !step.hit);
  const hidden = misses.length - shownMisses;
  const steps = trace.steps.filter((step) => step.hit || misses.indexOf(step) >= hidden);
  return (
    <div className="simulator-result" aria-live="polite">
      <div className="simulator-verdict">
        <strong>{plainText(formatEndpoint(trace.host, trace.port))}</strong>
        <span className="soft">{t('rules.resultIn')}</span>
        <PolicyChain chain={trace.chain.length === 0 ? [trace.rule.policy] : trace.chain} way={trace.way} />
        <span className="faint">
          {trace.rule.index < 0 ? t('rules.byNone') : t('rules.byRule', { number: formatCount(trace.rule.index + 1) })}
        </span>
        <span className="page-header-space" />
        <button
          type="button"
          className="button button-quiet button-icon"
          aria-label={t('rules.closeResult')}
          onClick={onClose}
        >
          <X size={15} aria-hidden="true" />
        </button>
      </div>
      {trace.resolved === undefined ? null : (
        <p className="soft">{t('rules.resolved', { address: plainText(trace.resolved, 64) })}</p>
      )}
      <ol className="simulator-steps">
        {hidden > 0 ? <li className="faint simulator-more">{t('rules.skipped', { count: hidden })}</li> : null}
        {ruleStepLines(steps).map(({ step, depth, number, key }) => (
          <li key={key} data-hit={step.hit} style={{ paddingInlineStart: depth * stepIndent }}>
            <span className="faint simulator-index">{number === undefined ? '' : formatCount(number)}</span>
            <Chip tone={step.hit ? 'accent' : 'plain'}>{plainText(step.type, 30)}</Chip>
            <span className="mono">{plainText(step.payload, 100)}</span>
            <span className={step.hit ? 'simulator-hit' : 'faint'}>
              {t(step.hit ? 'rules.hit' : 'rules.miss')}
              {` · ${plainText(reasonText(step.why), 160)}`}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}
