import { describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import {
  asProxyError,
  dialCodeOfErrno,
  dialCodeOfFailure,
  dialCodeOfSocksReply,
  dialErrorOf,
  rejectHowOf,
} from '../../../core/outbound/dial-error.ts';

test.each([
  ['ECONNREFUSED', 'DIAL_REFUSED'],
  ['ENETUNREACH', 'DIAL_NETWORK_UNREACHABLE'],
  ['EHOSTUNREACH', 'DIAL_HOST_UNREACHABLE'],
  ['ETIMEDOUT', 'DIAL_TIMEOUT'],
  ['EMFILE', 'DIAL_IO'],
  [undefined, 'DIAL_IO'],
])('errno %s is %s', (errno, code) => expect(dialCodeOfErrno(errno)).toBe(code));

test.each([
  ['refused', 'DIAL_REFUSED'],
  ['timeout', 'DIAL_TIMEOUT'],
  ['proxy-auth', 'DIAL_PROXY_AUTH'],
  ['io', 'DIAL_IO'],
] as const)('native failure %s is %s', (failure, code) => expect(dialCodeOfFailure(failure)).toBe(code));

test.each([
  [1, 'DIAL_PROXY_FAILED'],
  [2, 'DIAL_PROXY_DENIED'],
  [3, 'DIAL_NETWORK_UNREACHABLE'],
  [4, 'DIAL_HOST_UNREACHABLE'],
  [5, 'DIAL_REFUSED'],
  [6, 'DIAL_TIMEOUT'],
  [8, 'DIAL_PROXY_FAILED'],
  [77, 'DIAL_PROXY_FAILED'],
])('SOCKS reply %i is %s', (reply, code) => expect(dialCodeOfSocksReply(reply)).toBe(code));

test('an error says what was dialled; an AppError stays as it is', () => {
  const refused = dialErrorOf(
    Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' }),
    '192.0.2.1 port 80',
  );
  expect(refused).toMatchObject({ code: 'DIAL_REFUSED', message: '192.0.2.1 port 80: connect failed' });
  const known = new AppError('DIAL_TIMEOUT', 'x');
  expect(dialErrorOf(known, 'y')).toBe(known);
});

test.each([
  ['DIAL_REFUSED', 'DIAL_PROXY_REFUSED'],
  ['DIAL_TIMEOUT', 'DIAL_PROXY_UNREACHABLE'],
  ['DIAL_NAME_NOT_FOUND', 'DIAL_PROXY_UNREACHABLE'],
  ['DIAL_IO', 'DIAL_IO'],
] as const)('%s of the proxy is %s', (code, proxyCode) => {
  expect(asProxyError(new AppError(code, 'why'), 'p:1')).toMatchObject({ code: proxyCode, message: 'proxy p:1: why' });
});

describe('what the application sees', () => {
  test.each([
    ['DIAL_REFUSED', 'tcp', 'reset'],
    ['DIAL_NETWORK_UNREACHABLE', 'tcp', 'unreachable'],
    ['DIAL_NAME_NOT_FOUND', 'tcp', 'unreachable'],
    ['DNS_TIMEOUT', 'tcp', 'unreachable'],
    ['DIAL_TIMEOUT', 'tcp', 'drop'],
    ['DIAL_TIMEOUT', 'udp', 'unreachable'],
    ['DIAL_PROXY_AUTH', 'tcp', 'reset'],
    ['DIAL_PROXY_UNREACHABLE', 'udp', 'reset'],
    ['FAKE_IP_UNKNOWN_ADDRESS', 'udp', 'reset'],
    ['DIAL_LOOP_DETECTED', 'tcp', 'reset'],
    ['INTERNAL', 'tcp', 'reset'],
  ] as const)('%s over %s: %s', (code, network, how) => expect(rejectHowOf(code, network)).toBe(how));
});
