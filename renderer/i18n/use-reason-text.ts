/** Why a rule matched or did not, in the person's language. */
import { useTranslation } from 'react-i18next';
import { fillText } from '../../core/contract/problem-texts.ts';
import { type RuleReason, ruleReasons } from '../../core/contract/rule-reasons.ts';
import { zhCnRuleReasons } from './zh-cn-rule-reasons.ts';

export function useReasonText(): (reason: RuleReason) => string {
  const { i18n } = useTranslation();
  const texts = i18n.language === 'zh-CN' ? zhCnRuleReasons : ruleReasons;
  return ({ code, values }) => fillText(texts[code], values);
}
