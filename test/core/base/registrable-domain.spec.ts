import { expect, test } from 'vitest';
import { registrableDomain } from '../../../core/base/registrable-domain.ts';

test.each([
  ['www.example.com', 'example.com'],
  ['example.com', 'example.com'],
  ['a.b.example.co.uk', 'example.co.uk'],
  ['example.co.uk', 'example.co.uk'],
  ['x.example.com.cn', 'example.com.cn'],
  ['www.gov.uk', 'www.gov.uk'],
  ['a.example.de', 'example.de'],
  ['localhost', 'localhost'],
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8::1'],
])('%s belongs to %s', (host, domain) => {
  expect(registrableDomain(host)).toBe(domain);
});
