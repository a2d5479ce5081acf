import { expect, test } from 'vitest';
import { httpStatusOf, proxyErrorOf, socks5ReplyOf } from '../../../core/inbound/dial-reply.ts';

test.each([
  ['DIAL_REFUSED', 5, 502, 'connection_refused'],
  ['DIAL_NETWORK_UNREACHABLE', 3, 502, 'destination_ip_unroutable'],
  ['DIAL_HOST_UNREACHABLE', 4, 502, 'destination_ip_unroutable'],
  ['DIAL_NAME_NOT_FOUND', 4, 502, 'dns_error'],
  ['DIAL_TIMEOUT', 6, 504, 'connection_timeout'],
  ['DIAL_REJECTED', 2, 403, 'http_request_denied'],
  ['DIAL_PROXY_AUTH', 1, 502, 'destination_unavailable'],
  ['INTERNAL', 1, 502, 'destination_unavailable'],
] as const)('%s is SOCKS reply %i, HTTP status %i and %s', (code, reply, status, error) => {
  expect(proxyErrorOf(code)).toBe(error);
  expect(socks5ReplyOf(code)).toBe(reply);
  expect(httpStatusOf(code)).toBe(status);
});
