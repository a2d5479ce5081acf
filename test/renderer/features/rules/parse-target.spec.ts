import { expect, test } from 'vitest';
import { parseTarget } from '../../../../renderer/features/rules/parse-target.ts';

test.each([
  ['example.com', { host: 'example.com', port: undefined }],
  ['  example.com  ', { host: 'example.com', port: undefined }],
  ['example.com:8443', { host: 'example.com', port: 8443 }],
  ['https://example.com/path?x=1#y', { host: 'example.com', port: 443 }],
  ['http://example.com', { host: 'example.com', port: 80 }],
  ['HTTPS://user:secret@example.com:8443/x', { host: 'example.com', port: 8443 }],
  ['192.0.2.1', { host: '192.0.2.1', port: undefined }],
  ['192.0.2.1:53', { host: '192.0.2.1', port: 53 }],
  ['2001:db8::1', { host: '2001:db8::1', port: undefined }],
  ['::1', { host: '::1', port: undefined }],
  ['[2001:db8::1]:443', { host: '2001:db8::1', port: 443 }],
  ['https://[2001:db8::1]/', { host: '2001:db8::1', port: 443 }],
  ['例子.测试', { host: '例子.测试', port: undefined }],
  ['', undefined],
  ['two words', undefined],
  ['example.com:99999', undefined],
  ['https://', undefined],
])('%j is %j', (text, target) => {
  expect(parseTarget(text)).toEqual(target);
});
