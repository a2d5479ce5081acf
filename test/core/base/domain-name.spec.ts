import { expect, test } from 'vitest';
import { comparableDomain } from '../../../core/base/domain.ts';
import { domainNameProblem } from '../../../core/base/domain-name.ts';

test.each([
  ['WWW.Example.COM.', 'www.example.com'],
  ['münchen.example', 'xn--mnchen-3ya.example'],
  ['xn--mnchen-3ya.example', 'xn--mnchen-3ya.example'],
  ['_dmarc.example.com', '_dmarc.example.com'],
  ['', ''],
])('%s is compared as %s', (name, expected) => {
  expect(comparableDomain(name)).toBe(expected);
});

test.each(['localhost', 'a.b', 'A.B.', '_srv._tcp.example', '例子.测试', '1.example', `${'a'.repeat(63)}.b`])(
  '%s is a name',
  (name) => {
    expect(domainNameProblem(name)).toBeUndefined();
  },
);

test.each([
  ['', 'empty'],
  ['.', 'empty'],
  ['.example.com', 'empty label'],
  ['a..b', 'empty label'],
  ['*.example.com', 'wildcard'],
  ['+.example.com', 'wildcard'],
  ['two words', 'space'],
  ['192.0.2.1', 'is an address'],
  ['2001:db8::1', 'is an address'],
  ['a/b', 'contains "/"'],
  ['host:80', 'contains ":"'],
  [`${'a'.repeat(64)}.b`, 'longer than 63'],
  [Array.from({ length: 64 }, () => 'abcd').join('.'), 'longer than 253'],
])('%s is none: %s', (name, reason) => {
  expect(domainNameProblem(name)).toContain(reason);
});
