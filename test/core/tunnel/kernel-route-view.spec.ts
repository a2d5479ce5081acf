import { expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { KernelRouteView, type KernelRouteViewOptions } from '../../../core/tunnel/kernel-route-view.ts';

type FindRoute = KernelRouteViewOptions['findRoute'];

const viewOf = (findRoute: FindRoute): KernelRouteView =>
  new KernelRouteView({
    findRoute,
    mark: 0x4d49,
    isOwn: (device) => device === 'mirage0',
    otherwise: { deviceFor: () => 'eth7' },
    logger: silentLogger,
  });

test('the kernel is asked with our mark, and with what its rules may look at', () => {
  const asked: unknown[] = [];
  const view = viewOf((...question) => {
    asked.push(question);
    return { local: false, device: 'wg0' };
  });
  expect(view.deviceFor('203.0.113.80', { network: 'udp', port: 443 })).toBe('wg0');
  expect(view.deviceFor('2001:db8::1')).toBe('wg0');
  // A ping, or a socket for any port: the native side knows no port 0.
  expect(view.deviceFor('203.0.113.81', { network: 'udp', port: 0 })).toBe('wg0');
  expect(asked).toEqual([
    ['203.0.113.80', 0x4d49, 'udp', 443],
    ['2001:db8::1', 0x4d49, undefined, undefined],
    ['203.0.113.81', 0x4d49, undefined, undefined],
  ]);
});

test.each<[string, ReturnType<FindRoute>, string | null | undefined]>([
  ['another interface', { local: false, device: 'tailscale0', source: '100.64.0.2' }, 'tailscale0'],
  ['this machine', { local: true, device: 'lo' }, null],
  ['nowhere', null, undefined],
  ['our own TUN: the main table, or it would come back to us', { local: false, device: 'mirage0' }, 'eth7'],
])('a way to %s', (_where, route, device) => {
  expect(viewOf(() => route).deviceFor('203.0.113.80')).toBe(device);
});

test('loopback needs no question; a kernel that does not answer leaves the main table', () => {
  const view = viewOf(() => {
    throw new Error('EIO');
  });
  expect(['127.0.0.53', '::1', '0.0.0.0'].map((address) => view.deviceFor(address))).toEqual([null, null, null]);
  expect(view.deviceFor('203.0.113.80')).toBe('eth7');
});
