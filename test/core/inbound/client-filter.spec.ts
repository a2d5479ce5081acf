import { expect, test } from 'vitest';
import { ClientFilter } from '../../../core/inbound/client-filter.ts';

test.each([
  [undefined, undefined, '192.168.1.2', true],
  [['10.0.0.0/8'], undefined, '10.1.2.3', true],
  [['10.0.0.0/8'], undefined, '192.168.1.2', false],
  [['10.0.0.0/8'], undefined, '::ffff:10.1.2.3', true],
  [['10.0.0.0/8'], undefined, '2001:db8::1', false],
  [['10.0.0.0/8'], undefined, '127.0.0.1', true],
  [['10.0.0.0/8'], ['127.0.0.0/8'], '::1', true],
  [['10.0.0.0/8'], ['10.0.0.3/32'], '10.0.0.3', false],
  [undefined, ['192.168.0.3/32'], '192.168.0.3', false],
  [undefined, ['192.168.0.3/32'], '192.168.0.4', true],
  [['2001:db8::/32'], undefined, '2001:db8::1', true],
  [undefined, undefined, 'fe80::1%eth0', true],
  [['fe80::/10'], undefined, 'fe80::1%eth0', true],
  [[], undefined, '10.1.2.3', false],
  [undefined, undefined, undefined, false],
])('allowed %j, refused %j: %s %s', (allowed, refused, address, admitted) => {
  expect(new ClientFilter(allowed, refused).admits(address)).toBe(admitted);
});
