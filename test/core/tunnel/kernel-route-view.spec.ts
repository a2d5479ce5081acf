import { expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { KernelRouteView, type KernelRouteViewOptions } from '../../../core/tunnel/kernel-route-view.ts';

type FindRoute = KernelRouteViewOptions['findRoute'];

const viewOf = (
  findRoute: FindRoute,
  sourceTowards: KernelRouteViewOptions['sourceTowards'] = () => null,
  rulesLookAtSenders = () => false,
) =>
  new KernelRouteView({
    findRoute,
    rulesLookAtSenders,
    sourceTowards,
    mark: 0x4d49,
    isOwn: (device) => device === 'mirage0',
    otherwise: {
      deviceFor: () => 'eth7',
      deviceWith: (address) => ({ '10.8.0.2': 'wg0', '198.18.0.1': 'mirage0' })[address],
    },
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
  expect(view.deviceFor('203.0.113.81', { network: 'udp', port: 0 })).toBe('wg0');
  expect(view.deviceFor('203.0.113.82', { network: 'icmp', port: 0 })).toBe('wg0');
  expect(asked).toEqual([
    ['203.0.113.80', 0x4d49, 'udp', 443],
    ['2001:db8::1', 0x4d49, undefined, undefined],
    ['203.0.113.81', 0x4d49, 'udp', 0],
    ['203.0.113.82', 0x4d49, 'icmp', 0],
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

test('where we have no way, a program may have one by its user or port: its socket is not bound before they are known', () => {
  const view = viewOf(
    () => null,
    undefined,
    () => true,
  );
  expect(view.deviceFor('203.0.113.80', { network: 'tcp', port: 80 })).toBeNull();
  // What is asked without a connection in mind.
  expect(view.deviceFor('203.0.113.80')).toBeUndefined();
});

/** The addon does not answer while somebody holds the kernel's RTNL mutex. */
const silent: FindRoute = () => {
  throw new Error('ETIMEDOUT');
};

test.each<[string, () => string | null, string | null | undefined]>([
  ["the interface that has the kernel's source address", () => '10.8.0.2', 'wg0'],
  ['this machine', () => '203.0.113.80', null],
  ['nowhere', () => null, undefined],
  ['our own TUN: the main table, or it would come back to us', () => '198.18.0.1', 'eth7'],
  ['an interface that is not known yet: the main table', () => '192.0.2.7', 'eth7'],
  [
    'a place that cannot be asked for at all: the main table',
    () => {
      throw new Error('EMFILE');
    },
    'eth7',
  ],
])('without an answer, a way to %s', (_where, source, device) => {
  expect(viewOf(silent, source).deviceFor('203.0.113.80')).toBe(device);
});

test('loopback needs no question', () => {
  const view = viewOf(silent);
  expect(['127.0.0.53', '::1', '0.0.0.0'].map((address) => view.deviceFor(address))).toEqual([null, null, null]);
});
