import { expect, test } from 'vitest';
import { defaultResolverOptions, readResolverOptions } from '../../../core/net/resolver-options.ts';

test.each([
  ['', {}],
  ['timeout:2', { timeoutMs: 2_000 }],
  ['timeout:1 attempts:3 rotate', { timeoutMs: 1_000, attempts: 3, rotate: true }],
  ['timeout:9 timeout:3', { timeoutMs: 3_000 }],
  ['timeout:0 attempts:0', { timeoutMs: 1_000, attempts: 1 }],
  ['timeout:999 attempts:99', { timeoutMs: 30_000, attempts: 5 }],
  ['use-vc ndots:5 edns0 trust-ad single-request-reopen no-reload unknown:7', { tcp: true, ndots: 5 }],
  ['timeout: timeout:x timeout:-1 attempts:1.5 Rotate', {}],
])('options %j', (line, change) => {
  expect(readResolverOptions(line.split(' '))).toEqual({ ...defaultResolverOptions, ...change });
});
