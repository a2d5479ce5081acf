/** A standing warning in the person's language. */
import { useTranslation } from 'react-i18next';
import { fillText } from '../../core/contract/problem-texts.ts';
import type { HealthWarning } from '../../core/contract/status.ts';
import type { WarningCode } from '../../core/contract/warning-texts.ts';
import { zhCnCauses } from './zh-cn-causes.ts';
import { zhCnWarnings } from './zh-cn-warnings.ts';

export interface WarningText {
  readonly title: string;
  readonly text: string;
  readonly action?: string | undefined;
}

/** A warning carries its English text. */
export function useWarningText(): (warning: HealthWarning) => WarningText {
  const { i18n } = useTranslation();
  return i18n.language === 'zh-CN' ? zhCnWarningText : (warning) => warning;
}

/** One of a later helper, whose code is unknown here, keeps its English text. */
export function zhCnWarningText(warning: HealthWarning): WarningText {
  if (!isKnown(warning.code)) return warning;
  const { title, text, action }: WarningText = zhCnWarnings[warning.code];
  const values = { ...warning.values };
  for (const [place, cause] of Object.entries(warning.causes ?? {})) {
    const words: string | undefined = zhCnCauses[cause.code];
    if (words !== undefined) values[place] = fillText(words, cause.values);
  }
  return { title: fillText(title, values), text: fillText(text, values), action };
}

function isKnown(code: string): code is WarningCode {
  return Object.hasOwn(zhCnWarnings, code);
}
