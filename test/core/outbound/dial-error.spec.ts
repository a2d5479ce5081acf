import { describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import {
  asProxyError,
  dialCodeOfErrno,
  dialCodeOfFailure,
  dialErrorOf,
  dialFailedWith,
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

test('a fault in a chain is told with the node to blame', () => {
  const layer = (node: string) => ({ protocol: 'socks5', node, target: { host: 'a', port: 1 } }) as const;
  const failed = (layers: readonly string[], at?: number) => {
    const fault = { code: 'DIAL_PROXY_AUTH', message: 'no', ...(at === undefined ? {} : { layer: at }) } as const;
    const { message, details } = dialFailedWith(fault, { layers: layers.map(layer) });
    return [message, details?.['node']];
  };
  expect(failed([])).toEqual(['no', undefined]);
  expect(failed(['a'])).toEqual(['no', 'a']);
  expect(failed(['a', 'a'], 1)).toEqual(['no', 'a']);
  expect(failed(['a', 'b', 'c'])).toEqual(['hop 1 of 3 ("a"): no', 'a']);
  expect(failed(['a', 'b', 'b', 'c'], 2)).toEqual(['hop 2 of 3 ("b"): no', 'b']);
});

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
    ['DIAL_NETWORK_UNREACHABLE', 'tcp', 'no-route'],
    ['DIAL_NETWORK_UNREACHABLE', 'udp', 'no-route'],
    ['DIAL_HOST_UNREACHABLE', 'udp', 'unreachable'],
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
