/** Title and action of a standing warning in the person's language; what it says of the case at hand stays the helper's. */
import { useTranslation } from 'react-i18next';
import type { HealthWarning } from '../../core/contract/status.ts';
import { type WarningText, zhCnWarnings } from './zh-cn-warnings.ts';

/** A code without a translation speaks for itself, in English. */
export function useWarningText(): (warning: HealthWarning) => WarningText {
  const { i18n } = useTranslation();
  const table: Readonly<Record<string, WarningText>> = i18n.language === 'zh-CN' ? zhCnWarnings : {};
  return (warning) => table[warning.code] ?? warning;
}
