import { describe, expect, test } from 'vitest';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

/** `line:column severity path CODE`, one a problem. */
function problemsOf(text: string): string[] {
  return loadProfile(text).problems.map(
    ({ line, column, severity, path, code }) => `${line}:${column} ${severity} ${path === '' ? '-' : path} ${code}`,
  );
}

describe('broken YAML', () => {
  test.each([
    ['a: "b\n', '2:1'],
    ['mixed-port: 1\nrules:\n\t- MATCH,DIRECT\n', '3:1'],
    ['dns: {enable: true\nrules: []\n', '2:1'],
    ['log-level: info: debug\n', '1:12'],
    ['secret: @home\n', '1:9'],
    [`a: ${'['.repeat(20_000)}`, '1:'],
  ])('%#: reported at its place, and nothing else', (text, place) => {
    const { failure, problems } = loadProfile(text);
    expect(failure).toBe('CONFIG_SYNTAX');
    expect(problems.every((problem) => problem.code.startsWith('YAML_'))).toBe(true);
    expect(`${problems[0]?.line}:${problems[0]?.column}`).toMatch(new RegExp(`^${place}`));
  });

  test('the tokens behind a mistake are not told one by one', () => {
    const keys = Array.from({ length: 50 }, (_, i) => `key${i}: ${i}\n`).join('');
    expect(problemsOf(`just text\n\n${keys}`).length).toBeLessThanOrEqual(2);
    expect(problemsOf(`  store-selected: true\n${keys}`)).toEqual(['2:1 error - YAML_KEY_PLACE']);
  });

  test.each([
    ['', '1:1 error - PROFILE_EMPTY'],
    ['# nothing\n', '1:1 error - PROFILE_COMMENTS'],
    ['\n  # mixed-port: 1\n---\n# x', '3:4 error - PROFILE_COMMENTS'],
    ['just text', '1:1 error - FOUND_TEXT'],
    ['- a\n- b', '1:1 error - FOUND_LIST'],
    ['<html>404</html>', '1:1 error - TEXT_IS_PAGE'],
  ])('%j is no profile', (text, expected) => {
    expect(problemsOf(text)).toEqual([expected]);
  });
});
