import { expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { causeOf } from '../../../core/base/cause-of.ts';
import { causeTexts } from '../../../core/contract/causes.ts';
import { errorCodes } from '../../../core/contract/error.ts';
import { hintTexts, problemTexts } from '../../../core/contract/problem-texts.ts';
import { type WarningCode, warningOf, warningTexts } from '../../../core/contract/warning-texts.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { createI18n, resolveLanguage } from '../../../renderer/i18n/create-i18n.ts';
import { en } from '../../../renderer/i18n/en.ts';
import { enErrors } from '../../../renderer/i18n/en-errors.ts';
import { zhCnProblemText } from '../../../renderer/i18n/use-problem-text.ts';
import { zhCnWarningText } from '../../../renderer/i18n/use-warning-text.ts';
import { zhCn } from '../../../renderer/i18n/zh-cn.ts';
import { zhCnCauses } from '../../../renderer/i18n/zh-cn-causes.ts';
import { zhCnErrors } from '../../../renderer/i18n/zh-cn-errors.ts';
import { zhCnHints, zhCnProblems } from '../../../renderer/i18n/zh-cn-problems.ts';
import { zhCnWarnings } from '../../../renderer/i18n/zh-cn-warnings.ts';
import { readSources } from '../../support/source-graph.ts';

/** Every sentence by its path. */
function sentences(messages: object, path = ''): [string, string][] {
  return Object.entries(messages).flatMap(([key, value]: [string, unknown]): [string, string][] =>
    typeof value === 'string' ? [[path + key, value]] : sentences(value as object, `${path}${key}.`),
  );
}
const slots = (sentence: string) => [...sentence.matchAll(/\{\{[^}]+\}\}/g)].map(([slot]) => slot).toSorted();

test('every Chinese sentence has the same slots as the English one', () => {
  const english = new Map(sentences(en));
  const different = sentences(zhCn).filter(([path, sentence]) => {
    const wanted = english.get(path);
    return wanted === undefined || slots(sentence).join() !== slots(wanted).join();
  });
  expect(different).toEqual([]);
});

test('nothing is empty, and Chinese is Chinese', () => {
  expect([...sentences(en), ...sentences(zhCn)].filter(([, sentence]) => sentence.trim() === '')).toEqual([]);
  const untranslated = sentences(zhCn).filter(([, sentence]) => !/\p{Script=Han}/u.test(sentence));
  expect(untranslated.map(([path]) => path).toSorted()).toEqual(
    [
      'connections.column.fakeIp',
      'connections.domainSource.fake-ip',
      'connections.domainSource.redir-host',
      'connections.domainSource.sniffed',
      'dns.verdict.fake',
      'dns.verdict.hosts',
      'error.inContext',
      'grid.rows',
      'mappings.column.address',
      'overview.fakeIp',
      'rules.column.index',
      'rules.hostHint',
      'trace.openedBy',
    ].toSorted(),
  );
});

test('every error code has a sentence and an action in both languages', () => {
  for (const texts of [enErrors, zhCnErrors]) {
    expect(Object.keys(texts).toSorted()).toEqual([...errorCodes].toSorted());
    expect(Object.values(texts).filter(({ title, action }) => title === '' || action === '')).toEqual([]);
  }
});

test('a standing warning is raised somewhere, and has the same values in Chinese', () => {
  const places = (texts: object) => [...JSON.stringify(texts).matchAll(/\{\w+\}/g)].map(([place]) => place);
  const sources = readSources(['core'])
    .filter(({ path }) => !path.startsWith('core/contract/'))
    .map(({ text }) => text)
    .join('\n');
  for (const code of Object.keys(warningTexts) as WarningCode[]) {
    expect(sources).toContain(`'${code}'`);
    expect([code, ...new Set(places(zhCnWarnings[code]))].toSorted()).toEqual(
      [code, ...new Set(places(warningTexts[code]))].toSorted(),
    );
  }
});

test('a standing warning in Chinese has its values filled in; one of a later helper keeps its words', () => {
  const warning = warningOf('ROUTES_CONTESTED', { preference: '63' });
  expect(zhCnWarningText(warning).text).toContain('（优先级 63）');
  const later = { ...warning, code: 'OF_A_LATER_HELPER' as WarningCode };
  expect(zhCnWarningText(later)).toMatchObject({ title: warning.title, text: warning.text });
});

test('what lies behind a warning is said in Chinese too, and an error in its own words where it is of no known kind', () => {
  const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).toSorted();
  for (const [code, text] of Object.entries(causeTexts)) {
    expect(places(zhCnCauses[code as keyof typeof causeTexts])).toEqual(places(text));
  }
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const behind = new AppError('INTERNAL', 'cannot write owner.json', { cause: full });
  const warning = warningOf('STATE_NOT_SAVED', { reason: causeOf(behind) });
  expect(warning.text).toContain('The reason: the disk is full.');
  expect(zhCnWarningText(warning).text).toContain('原因：磁盘已满');
  const other = warningOf('STATE_NOT_SAVED', { reason: causeOf(new Error('something else')) });
  expect(zhCnWarningText(other).text).toContain('原因：something else');
  const sqlite = Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 266 });
  expect(causeOf(sqlite).code).toBe('DISK_BROKEN');
});

test('the language is the choice, or the first of the system that we speak', () => {
  expect(resolveLanguage('zh-CN', ['en-US'])).toBe('zh-CN');
  expect(resolveLanguage('system', ['de-DE', 'zh-TW', 'en'])).toBe('zh-CN');
  expect(resolveLanguage('system', ['fr', 'en-GB', 'zh'])).toBe('en');
  expect(resolveLanguage('system', ['ja'])).toBe('en');
});

test('counts are grouped and have their plural', () => {
  const { t } = createI18n('en');
  expect(t('strip.live', { count: 1 })).toBe('1 live connection');
  expect(t('strip.live', { count: 12_345 })).toBe('12,345 live connections');
  expect(createI18n('zh-CN').t('strip.live', { count: 12_345 })).toBe('12,345 个活动连接');
});

test('every problem of a profile is raised somewhere and is said in Chinese with the values of the English sentence', () => {
  const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place);
  const notes = readSources(['core/contract']).filter(({ path }) => path.endsWith('profile-notes.ts'));
  const sources = [...readSources(['core/profile', 'core/rule']), ...notes].map(({ text }) => text).join('\n');
  for (const [english, chinese] of [
    [problemTexts, zhCnProblems],
    [hintTexts, zhCnHints],
  ] as const) {
    const codes = Object.keys(english) as (keyof typeof english)[];
    expect(codes.filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
    for (const code of codes) {
      expect({
        code,
        invented: places(chinese[code]).filter((place) => !places(`${english[code]}{reason}`).includes(place)),
      }).toEqual({
        code,
        invented: [],
      });
    }
  }
});

test('a problem in Chinese has its values filled in', () => {
  const [problem] = loadProfile('dns: {fake-ip-ttl: 99999}\nrules: ["MATCH,DIRECT"]').problems;
  expect(problem && zhCnProblemText(problem)).toEqual({ message: '99999 超出范围', expected: '0 到 3600 的整数' });
});
