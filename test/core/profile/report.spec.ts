import { describe, expect, test } from 'vitest';
import type { ConfigProblem } from '../../../core/contract/error.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { problemLine, renderReport, summary } from '../../../core/profile/report.ts';

function report(text: string): string {
  return renderReport(loadProfile(text).problems, { file: 'profile.yaml', text });
}

function at(text: string, line: number, column: number, path = ''): string[] {
  const problem: ConfigProblem = { severity: 'error', code: 'CONTRACT', path, message: 'm', line, column };
  return renderReport([problem], { file: 'f', text }).split('\n').slice(1, 3);
}

test('where, what, what instead, the line, the caret', () => {
  const text = `mixed-port: 99999
hosts: {}
rules:
  - DOMAIN,a.example,nowhere
  - GEOIP,CN,DIRECT
`;
  expect(
    report(text),
  ).toBe(`profile.yaml:1:13: warning[OUT_OF_RANGE]: mixed-port: 99999 is out of range (expected a whole number from 0 to 65535)
    mixed-port: 99999
                ^
profile.yaml:4:3: warning[NO_MATCH]: rules: no MATCH rule: what no rule matches goes DIRECT (expected MATCH,policy as the last rule)
    - DOMAIN,a.example,nowhere
    ^
profile.yaml:4:22: error[POLICY_UNKNOWN]: rules[0]: there is no proxy "nowhere" (expected the name of a proxy, DIRECT, REJECT or REJECT-DROP)
    - DOMAIN,a.example,nowhere
                       ^
profile.yaml:5:5: error[RULE_TYPE_LATER]: rules[1]: rules of type GEOIP are not supported yet (expected one of DOMAIN, DOMAIN-SUFFIX, DOMAIN-KEYWORD, IP-CIDR, IP-CIDR6, DST-PORT, MATCH)
    - GEOIP,CN,DIRECT
      ^`);
  expect(summary(loadProfile(text).problems)).toBe('2 errors, 2 warnings');
});

test('nothing wrong', () => {
  expect(report('rules: ["MATCH,DIRECT"]')).toBe('');
  expect(summary([])).toBe('no problems');
});

test('a problem without a place, or at an empty line, has no excerpt', () => {
  expect(
    renderReport([{ severity: 'warning', code: 'CONTRACT', path: '', message: 'm' }], { file: 'f', text: 'x' }),
  ).toBe('f: warning[CONTRACT]: m');
  expect(at('a\n\n', 2, 1)).toEqual([]);
});

test('parts are marked; a problem needs no file', () => {
  const problem: ConfigProblem = {
    severity: 'error',
    code: 'CONTRACT',
    path: 'p',
    message: 'm',
    expected: 'e',
    line: 1,
    column: 1,
  };
  const mark = (style: string, part: string) => `<${style} ${part}>`;
  expect(renderReport([problem], { file: 'f', text: 'x' }, mark)).toBe(
    '<bold f:1:1>: <red error[CONTRACT]>: p: m <dim (expected e)>\n    x\n    <bold ^>',
  );
  expect(problemLine(problem, '')).toBe('1:1: error[CONTRACT]: p: m (expected e)');
  expect(problemLine({ severity: 'warning', code: 'CONTRACT', path: '', message: 'm' }, '')).toBe(
    'warning[CONTRACT]: m',
  );
});

describe('the caret stands under its character', () => {
  test.each([
    ['a: b', 4, '    a: b', 7],
    ['\t\ta: b', 6, '    a: b', 7],
    ['名: b', 4, '    名: b', 8],
    ['é: b', 4, '    é: b', 7],
    ['e\u0301: b', 5, '    e\u0301: b', 7],
    ['a: b', 5, '    a: b', 8],
  ])('%j', (line, column, shown, caret) => {
    expect(at(line, 1, column)).toEqual([shown, `${' '.repeat(caret)}^`]);
  });

  test('also in the middle of a very long line', () => {
    const [line = '', caret = ''] = at(`${'x'.repeat(5000)}HERE${'y'.repeat(5000)}`, 1, 5001);
    expect(line.length).toBeLessThan(140);
    expect(line.slice(caret.length - 1)).toMatch(/^HERE/);
  });
});

test('secrets are masked and places kept', () => {
  expect(at('  - {name: x, password: hunter2, port: 0}', 1, 40)[0]).toBe('    - {name: x, password: *******, port: 0}');
  expect(at('    password: "a b\\"c" # d', 1, 5)[0]).toBe('    password: ******** # d');
  expect(at('uuid: 1-2-3', 1, 1)[0]).toBe('    uuid: *****');
  expect(at('  - me:hunter2', 1, 5, 'authentication[0]')[0]).toBe('    - me:*******');
  expect(at('url: https://me:pw@host/', 1, 1)[0]).toBe('    url: https://*****@host/');
});

test('control and direction-changing characters never reach the terminal', () => {
  const hostile = 'name: \u001b[31mred\u202eder\u200b\u0007';
  const text = renderReport(
    [{ severity: 'error', code: 'CONTRACT', path: '\u001b', message: 'bad \u001b[0m\u2028', line: 1, column: 1 }],
    {
      file: 'f\u0007',
      text: hostile,
    },
  );
  for (const character of '\u001b\u0007\u202e\u200b\u2028') expect(text).not.toContain(character);
  expect(text).toContain('name: ·[31mred·der··');
});
