import { describe, expect, test } from 'vitest';
import type { ConfigProblem } from '../../../core/contract/error.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { problemLine, renderReport, summary, verdict } from '../../../core/profile/report.ts';

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
  - DOMAIN-REGEX,^(a)\\1,DIRECT
`;
  expect(
    report(text),
  ).toBe(`profile.yaml:4:22: error[RULE_POLICY_UNKNOWN]: rules[0]: there is no proxy or group "nowhere": what this rule takes is refused (expected the name of a proxy or group, DIRECT, REJECT or REJECT-DROP)
    - DOMAIN,a.example,nowhere
                       ^
profile.yaml:5:18: error[RULE_REGEX_LATER]: rules[1]: back-references are not supported yet: invalid escape sequence: \`\\1\` (expected an expression in the syntax of RE2, or one with look-around, without back-references)
    - DOMAIN-REGEX,^(a)\\1,DIRECT
                   ^
profile.yaml:1:13: warning[OUT_OF_RANGE]: mixed-port: 99999 is out of range (expected a whole number from 0 to 65535)
    mixed-port: 99999
                ^
profile.yaml:4:3: warning[NO_MATCH]: rules: no MATCH rule: what no rule matches goes DIRECT (expected MATCH,policy as the last rule)
    - DOMAIN,a.example,nowhere
    ^`);
  expect(summary(loadProfile(text).problems)).toBe('2 errors, 2 warnings');
  expect(verdict(loadProfile(text).problems, undefined)).toBe(
    'not valid, so it is not applied: 2 errors, 1 of which only says what is not supported yet; 2 warnings',
  );
});

test('what is said many times is said once, with the other lines', () => {
  const rules = [
    'DOMAIN-REGEX,(a)\\1',
    'DOMAIN-REGEX,(b)\\1',
    'SCRIPT,a',
    'DOMAIN-REGEX,(c)\\1',
    'DOMAIN,a.example',
    'DOMAIN-REGEX,(d)\\1',
    'SCRIPT,b',
  ];
  const text = `rules:\n${rules.map((rule) => `  - ${rule},DIRECT\n`).join('')}  - MATCH,DIRECT\n`;
  const told = report(text).split('\n');
  expect(told.filter((line) => line.includes('error['))).toHaveLength(2);
  expect(told).toContain('    and 3 more of these, in lines 3, 5, 7');
  expect(told).toContain('    and 1 more of these, in line 8');
  expect(verdict(loadProfile(text).problems, undefined)).toBe(
    'not valid, so it is not applied: 6 errors, 4 of which only say what is not supported yet',
  );
  const many = `rules:\n${'  - DOMAIN-REGEX,(a)\\1,DIRECT\n'.repeat(500)}  - MATCH,DIRECT\n`;
  expect(
    report(many)
      .split('\n')
      .filter((line) => line.includes('more of these')),
  ).toEqual(['    and 99 more of these, in lines 3-101']);
  expect(summary(loadProfile(many).problems)).toBe('500 errors');
});

test('the verdict on a profile that is applied', () => {
  expect(verdict([], '1 proxy')).toBe('valid: 1 proxy, no problems');
  expect(verdict(loadProfile('secret: x\nrules: ["MATCH,DIRECT"]').problems, '1 rule')).toBe(
    'valid: 1 rule, 1 warning about what is left out or read otherwise',
  );
  const leftOut = { severity: 'error', leftOut: true, code: 'CONTRACT', path: 'rules[0]', message: 'm' } as const;
  expect(verdict([leftOut], '1 rule')).toBe('valid without what is wrong: 1 rule, 1 error');
});

test('lines of what is no profile are not shown', () => {
  expect(report('c3M6Ly9ZV1Z6TFRJMU5pMW5ZMjA2Y0dGemN3QDEuMi4zLjQ6ODM4OCNuYW1l\n').split('\n')).toHaveLength(1);
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
  expect(at('{Proxy-Authorization: Basic abc=, X: y}', 1, 1)[0]).toBe('    {Proxy-Authorization: **********, X: y}');
  expect(at('cookie: "a b"', 1, 1)[0]).toBe('    cookie: *****');
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
