import { expect, test } from 'vitest';
import { httpStatusOf, socks5ReplyOf } from '../../../core/inbound/dial-reply.ts';

test.each([
  ['DIAL_REFUSED', 5, 502],
  ['DIAL_NETWORK_UNREACHABLE', 3, 502],
  ['DIAL_HOST_UNREACHABLE', 4, 502],
  ['DIAL_NAME_NOT_FOUND', 4, 502],
  ['DIAL_TIMEOUT', 6, 504],
  ['DIAL_REJECTED', 2, 403],
  ['DIAL_PROXY_AUTH', 1, 502],
  ['INTERNAL', 1, 502],
] as const)('%s is SOCKS reply %i and HTTP status %i', (code, reply, status) => {
  expect(socks5ReplyOf(code)).toBe(reply);
  expect(httpStatusOf(code)).toBe(status);
});
