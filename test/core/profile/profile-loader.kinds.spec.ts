/**
 * Profiles of the kinds that people have, one a file of `kinds/`: each loads, with nothing left out but what its last line names, and
 * nothing that mihomo takes is an error. `test/oracle/profile-kinds.spec.ts` asks the real one.
 */
import { describe, expect, test } from 'vitest';
import { configSchema } from '../../../core/contract/config.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { profileKinds } from '../../support/profile-kinds.ts';

/** The same text as other programs store it. */
const spellings: Readonly<Record<string, (text: string) => string>> = {
  'as it is': (text) => text,
  'with CRLF': (text) => text.replaceAll('\n', '\r\n'),
  'with a byte order mark': (text) => `\ufeff${text}`,
  'as a second document behind an empty one': (text) => `---\n---\n${text}`,
  'with spaces and tabs behind each line': (text) => text.replaceAll('\n', ' \t\n'),
};

describe.each(profileKinds())('$name', ({ text, leftOut, isTaken }) => {
  test.each(Object.entries(spellings))('%s', (_, spell) => {
    const { config, problems } = loadProfile(spell(text));
    expect(config, JSON.stringify(problems.filter(({ severity }) => severity === 'error'))).toBeDefined();
    expect(configSchema.safeParse(config).success).toBe(true);
    const errors = problems.filter(({ severity }) => severity === 'error');
    expect([...new Set(errors.map(({ code }) => code))].toSorted()).toEqual(leftOut);
    expect(errors.every((problem) => problem.leftOut === true)).toBe(true);
  });

  test('the fate of each key is told, or it counts', () => {
    const unknown = loadProfile(text).problems.filter(({ code }) => code === 'KEY_UNKNOWN');
    expect(unknown.map(({ path }) => path)).toEqual([]);
  });

  if (isTaken && leftOut.length > 0)
    test('what mihomo takes and has no meaning there is a rule of another client', () => {
      expect(leftOut.every((code) => code.startsWith('RULE_'))).toBe(true);
    });
});
