import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipToBigInt, numberToIpv4 } from '../../../core/base/address.ts';
import { cidrContains, parseCidr } from '../../../core/base/cidr.ts';
import { type MachineRoute, RouteTable } from '../../../core/system/route-table.ts';

const route = (prefix: string, device: string | null, metric = 0): MachineRoute => ({
  family: prefix.includes(':') ? 6 : 4,
  prefix,
  device,
  gateway: null,
  metric,
});
const table = new RouteTable(
  {
    addresses: [
      { device: 'lo', address: '127.0.0.1', prefix: 8 },
      { device: 'eth0', address: '10.20.0.2', prefix: 24 },
      { device: 'mirage0', address: '198.18.0.1', prefix: 32 },
      { device: 'eth0', address: 'fd00:20::2', prefix: 64 },
    ],
    routes: [
      route('0.0.0.0/0', 'wlan0', 600),
      route('0.0.0.0/0', 'eth0', 100),
      route('0.0.0.0/0', 'mirage0', 1),
      route('10.0.0.0/8', 'wg0'),
      route('10.20.0.0/24', 'eth0'),
      route('10.20.0.128/25', 'mirage0'),
      route('192.0.2.0/24', null),
      route('::ffff:0.0.0.0/96', null),
      route('::/0', 'eth0', 1024),
      route('fd00:20::/64', 'eth0', 256),
      route('fd00::/8', 'wg0', 256),
    ],
  },
  (device) => device === 'mirage0',
);

describe('the interface for an address', () => {
  test.each<[string, string | null | undefined, string]>([
    ['127.0.0.53', null, 'loopback is not bound'],
    ['::1', null, 'loopback is not bound'],
    ['0.0.0.0', null, 'means this machine'],
    ['10.20.0.2', null, 'an own address'],
    ['198.18.0.1', null, "the TUN's own address too"],
    ['fd00:20::2', null, 'an own address'],
    ['10.20.0.77', 'eth0', 'on link'],
    ['10.20.0.200', 'eth0', 'our TUN does not count'],
    ['10.99.0.1', 'wg0', "another VPN's subnet"],
    ['8.8.8.8', 'eth0', 'the default with the lowest metric'],
    ['192.0.2.1', undefined, 'unreachable means no route, not the default'],
    ['2001:db8::1', 'eth0', 'the default'],
    ['fd00:20::77', 'eth0', 'the longest prefix'],
    ['fd00:30::1', 'wg0', 'the longest prefix'],
  ])('%s -> %s: %s', (address, device) => {
    expect(table.deviceFor(address)).toBe(device);
  });

  test('no route at all', () => {
    const empty = new RouteTable({ addresses: [], routes: [route('10.0.0.0/8', 'eth0')] }, () => false);
    expect(empty.deviceFor('8.8.8.8')).toBeUndefined();
    expect(empty.deviceFor('2001:db8::1')).toBeUndefined();
    expect(empty.defaultDevice(4)).toBeUndefined();
  });

  test('default interfaces', () => {
    expect(table.defaultDevice(4)).toBe('eth0');
    expect(table.defaultDevice(6)).toBe('eth0');
  });

  test('agrees with a plain search through the list', () => {
    const prefix = fc.tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 32 }));
    fc.assert(
      fc.property(
        fc.uniqueArray(prefix, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        (prefixes, pick) => {
          const routes = prefixes.map(([address, length], i) => {
            const first = parseCidr(`${numberToIpv4(address)}/${length}`)?.first ?? 0n;
            return route(`${numberToIpv4(Number(first))}/${length}`, `eth${i}`, i);
          });
          const base = prefixes[pick % prefixes.length]?.[0] ?? 0;
          const address = numberToIpv4((base ^ (pick & 0xff)) >>> 0);
          const best = routes
            .filter((candidate) => {
              const cidr = parseCidr(candidate.prefix);
              return cidr !== undefined && cidrContains(cidr, address);
            })
            .toSorted((a, b) => lengthOf(b) - lengthOf(a) || a.metric - b.metric)[0];
          const found = new RouteTable({ addresses: [], routes }, () => false).deviceFor(address);
          const special = address.startsWith('127.') || ipToBigInt(address) === 0n;
          expect(found).toBe(special ? null : (best?.device ?? undefined));
        },
      ),
    );
  });
});

function lengthOf(candidate: MachineRoute): number {
  return Number(candidate.prefix.split('/')[1]);
}
