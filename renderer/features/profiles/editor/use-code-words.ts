/** What the code editor says, in the language of the window. */
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type KeyTextPath, keyTexts } from '../../../../core/contract/key-texts.ts';
import { problemTexts } from '../../../../core/contract/problem-texts.ts';
import { fateOfKey, type ProfileKey } from '../../../../core/contract/profile-key.ts';
import { useProblemText } from '../../../i18n/use-problem-text.ts';
import { zhCnEditorPhrases } from '../../../i18n/zh-cn-editor.ts';
import { zhCnKeys } from '../../../i18n/zh-cn-keys.ts';
import { zhCnProblems } from '../../../i18n/zh-cn-problems.ts';
import type { CodeWords, KeyWords } from './code/code-words.ts';
import { textPathOf } from './profile-schema.ts';

export function useCodeWords(isOverride: boolean, name: string): CodeWords {
  const { t, i18n } = useTranslation();
  const textOf = useProblemText();
  const { language } = i18n;
  return useMemo(() => {
    const isChinese = language === 'zh-CN';
    const meaningOf = (path: KeyTextPath | undefined): string | undefined =>
      path === undefined ? undefined : (isChinese ? zhCnKeys : keyTexts)[path];
    const describe = (key: ProfileKey): KeyWords => {
      const note = key.note === undefined ? undefined : (isChinese ? zhCnProblems : problemTexts)[key.note];
      return {
        meaning: meaningOf(textPathOf(key)) ?? note ?? '',
        fate: t(`profileKeys.fates.${fateOfKey(key)}`),
        isPlain: fateOfKey(key) === 'supported',
        usual: usualOf(key, isChinese, (value) => t('editor.usual', { value })),
        example: key.example === '...' || key.example === '-' ? undefined : t('editor.example', { value: key.example }),
      };
    };
    return {
      label: t(isOverride ? 'editor.overrideOf' : 'editor.sourceOf', { name }),
      placeholder: isOverride ? t('editor.placeholder') : '',
      hint: t('editor.hint'),
      noKey: t('editor.noKey'),
      describe,
      problem: (problem) => {
        const { message, expected } = textOf(problem);
        return expected === undefined ? message : `${message} · ${t('error.expected', { text: expected })}`;
      },
      phrases: isChinese ? zhCnEditorPhrases : {},
    };
  }, [t, language, textOf, isOverride, name]);
}

/** What holds without a key is in English where it is no value: in another language only what can be said in it. */
function usualOf({ usual }: ProfileKey, isChinese: boolean, tell: (value: string) => string): string | undefined {
  if (usual === '' || usual === '-') return undefined;
  if (!isChinese) return tell(usual);
  const word = zhCnUsual[usual];
  return word !== undefined || /^[\d*][\w./:*-]*$|^(?:true|false)$/.test(usual) ? tell(word ?? usual) : undefined;
}

const zhCnUsual: Readonly<Record<string, string>> = {
  none: '无',
  needed: '必填',
  all: '全部',
  'as the node': '与节点相同',
};
