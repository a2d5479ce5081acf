/** Makes the translator: both languages are in the bundle, switching needs no loading. */
import { createInstance, type i18n } from 'i18next';
import { initReactI18next } from 'react-i18next';
import type { LanguageChoice } from '../stores/preferences.ts';
import { formatCount } from '../text/format.ts';
import { en } from './en.ts';
import { zhCn } from './zh-cn.ts';

export type Language = Exclude<LanguageChoice, 'system'>;

/** The first of the navigator's languages that we speak; every Chinese gets ours. */
export function resolveLanguage(choice: LanguageChoice, preferred: readonly string[]): Language {
  if (choice !== 'system') return choice;
  for (const language of preferred) {
    if (/^zh\b/i.test(language)) return 'zh-CN';
    if (/^en\b/i.test(language)) return 'en';
  }
  return 'en';
}

export function createI18n(language: Language): i18n {
  const instance = createInstance();
  void instance.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    resources: { en: { translation: en }, 'zh-CN': { translation: zhCn } },
    initAsync: false,
    interpolation: { escapeValue: false },
  });
  // React escapes; `{{n, count}}` groups digits the same way everywhere.
  instance.services.formatter?.add('count', (value: number) => formatCount(value));
  return instance;
}
