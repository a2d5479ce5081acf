/** The sentence and the action of an error code in the person's language. */
import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import type { Language } from './create-i18n.ts';
import { type ErrorText, enErrors } from './en-errors.ts';
import { zhCnErrors } from './zh-cn-errors.ts';

const texts: Readonly<Record<Language, Readonly<Record<string, ErrorText>>>> = { en: enErrors, 'zh-CN': zhCnErrors };

/**
 * The same function from drawing to drawing. A code that a newer helper made up is shown as unexpected; its own message says
 * the rest.
 */
export function useErrorText(): (code: string) => ErrorText {
  const { i18n } = useTranslation();
  const table = i18n.language === 'zh-CN' ? texts['zh-CN'] : texts.en;
  return useCallback((code) => table[code] ?? table.INTERNAL ?? enErrors.INTERNAL, [table]);
}
