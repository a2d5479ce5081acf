/** What is wrong with a profile, and what would be right, in the person's language. */
import { useTranslation } from 'react-i18next';
import type { ConfigProblem } from '../../core/contract/error.ts';
import { fillText } from '../../core/contract/problem-texts.ts';
import { zhCnHints, zhCnProblems } from './zh-cn-problems.ts';

export interface ProblemText {
  readonly message: string;
  readonly expected: string | undefined;
}

/** A problem carries its English text; what to write literally is the same in every language. */
export function useProblemText(): (problem: ConfigProblem) => ProblemText {
  const { i18n } = useTranslation();
  return i18n.language === 'zh-CN' ? zhCnProblemText : ({ message, expected }) => ({ message, expected });
}

export function zhCnProblemText({ code, values, hint, expected }: ConfigProblem): ProblemText {
  return {
    message: fillText(zhCnProblems[code], values),
    expected: hint === undefined ? expected : fillText(zhCnHints[hint], values),
  };
}
