import { describe, expect, test } from 'vitest';
import { parseAddresses, parseRoutes, readNetworkSnapshot } from '../../../../core/system/linux/network-snapshot.ts';
import { commandFailure, ScriptedCommandRunner } from '../scripted-command-runner.ts';

describe('routes', () => {
  test('as iproute2 shows them', () => {
    const json = [
      { dst: 'default', gateway: '10.20.0.1', dev: 'eth0', protocol: 'dhcp', metric: 100, flags: [] },
      { dst: '10.20.0.0/24', dev: 'eth0', scope: 'link', prefsrc: '10.20.0.2', flags: [] },
      { dst: '192.0.2.7', dev: 'wg0', flags: ['linkdown'] },
      { dst: '192.0.2.8', dev: 'eth9', flags: ['dead', 'linkdown'] },
      { type: 'unreachable', dst: '198.51.100.0/24', flags: [] },
      { type: 'throw', dst: '198.51.100.0/25', flags: [] },
      { dst: '203.0.113.0/24', nexthops: [{ gateway: '10.20.0.8', dev: 'eth0', weight: 1 }, { dev: 'eth1' }] },
      { dst: '100.64.0.0/10', via: { family: 'inet6', host: 'fe80::1' }, dev: 'eth0', flags: [] },
    ];
    expect(parseRoutes(json, 4).map((r) => [r.prefix, r.device, r.gateway, r.metric])).toEqual([
      ['0.0.0.0/0', 'eth0', '10.20.0.1', 100],
      ['10.20.0.0/24', 'eth0', null, 0],
      ['192.0.2.7/32', 'wg0', null, 0],
      ['198.51.100.0/24', null, null, 0],
      ['203.0.113.0/24', 'eth0', '10.20.0.8', 0],
      ['100.64.0.0/10', 'eth0', 'fe80::1', 0],
    ]);
    expect(parseRoutes([{ dst: 'default', gateway: 'fe80::1', dev: 'eth0', metric: 1024 }], 6)[0]?.prefix).toBe('::/0');
    expect(parseRoutes([{ type: 'unreachable', dst: 'default', dev: 'lo', metric: 9 }], 6)[0]?.device).toBeNull();
  });

  test('what is not understood is an error, not an empty table', () => {
    expect(() => parseRoutes({ routes: [] }, 4)).toThrow('is not understood');
    expect(() => parseAddresses([{ addr_info: 'x' }])).toThrow('is not understood');
  });
});

test('addresses, links without any left out', () => {
  const json = [
    {
      ifname: 'lo',
      addr_info: [
        { local: '127.0.0.1', prefixlen: 8 },
        { local: '::1', prefixlen: 128 },
      ],
    },
    {
      ifname: 'eth0',
      addr_info: [
        { local: '10.20.0.2', prefixlen: 24 },
        { local: 'fe80::1', prefixlen: 64 },
      ],
    },
    { ifname: 'eth1', addr_info: [] },
    {},
  ];
  expect(parseAddresses(json).map((a) => `${a.address}/${a.prefix} ${a.device}`)).toEqual([
    '127.0.0.1/8 lo',
    '::1/128 lo',
    '10.20.0.2/24 eth0',
    'fe80::1/64 eth0',
  ]);
});

test('a machine without IPv6 has no IPv6 routes; one without iproute2 is an error', async () => {
  const runner = new ScriptedCommandRunner();
  runner.answers.set('ip -j -6 route show table main', commandFailure('Address family not supported'));
  runner.answers.set('ip -j -4 route show table main', '[{"dst":"default","dev":"eth0"}]');
  expect((await readNetworkSnapshot(runner)).routes).toHaveLength(1);
  runner.answers.set('ip -j address show', commandFailure('not found'));
  await expect(readNetworkSnapshot(runner)).rejects.toMatchObject({ code: 'SYSTEM_COMMAND_FAILED' });
  runner.answers.set('ip -j address show', '{');
  await expect(readNetworkSnapshot(runner)).rejects.toThrow('is no JSON');
});
