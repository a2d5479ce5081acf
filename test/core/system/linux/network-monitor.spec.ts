import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../../core/base/logger.ts';
import { NetworkMonitor } from '../../../../core/system/linux/network-monitor.ts';
import type { NetworkSnapshot } from '../../../../core/system/route-table.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { commandFailure, ScriptedCommandRunner } from '../scripted-command-runner.ts';

let runner: ScriptedCommandRunner;
let clock: ManualClock;
let monitor: NetworkMonitor;
let changes: NetworkSnapshot[];

const routesAre = (...routes: object[]): void =>
  void runner.answers.set('ip -j -4 route show table main', JSON.stringify(routes));
const viaEth0 = { dst: 'default', gateway: '10.20.0.1', dev: 'eth0' };
const viaWlan0 = { dst: 'default', gateway: '10.30.0.1', dev: 'wlan0' };
const say = (line: string): void => runner.readers[0]?.line(line);

beforeEach(async () => {
  runner = new ScriptedCommandRunner();
  clock = new ManualClock();
  monitor = new NetworkMonitor({ runner, clock, logger: silentLogger, isOwn: (device) => device === 'mirage0' });
  routesAre(viaEth0);
  changes = [];
  await monitor.start();
  monitor.onChange((snapshot) => changes.push(snapshot));
});

describe('routes', () => {
  test('are known when it has started', () => {
    expect(runner.readers.map((reader) => reader.command)).toEqual(['ip -o monitor link address route rule']);
    expect(monitor.deviceFor('8.8.8.8')).toBe('eth0');
    expect(monitor.defaultDevice(4)).toBe('eth0');
    expect(monitor.defaultDevice(6)).toBeUndefined();
  });

  test('a start that cannot read fails and leaves nothing running', async () => {
    await monitor.stop();
    runner.answers.set('ip -j address show', commandFailure('no'));
    await expect(monitor.start()).rejects.toMatchObject({ code: 'SYSTEM_COMMAND_FAILED' });
    expect(runner.readers).toEqual([]);
  });
});

describe('changes', () => {
  test('a burst of events is one look after a second, and one notice', async () => {
    routesAre(viaWlan0);
    for (let i = 0; i < 50; i++) say('default via 10.30.0.1 dev wlan0 proto dhcp');
    await clock.advance(999);
    expect(monitor.deviceFor('8.8.8.8')).toBe('eth0');
    await clock.advance(1);
    await settle();
    expect(monitor.deviceFor('8.8.8.8')).toBe('wlan0');
    expect(changes).toHaveLength(1);
  });

  test('an event that changes nothing for us is no notice', async () => {
    say('2: eth0    <BROADCAST,MULTICAST,UP> mtu 1500');
    await clock.advance(5_000);
    expect(changes).toEqual([]);
  });

  test.each([
    '7: mirage0: <POINTOPOINT,UP> mtu 9000 state UNKNOWN',
    'Deleted 7: mirage0    inet 198.18.0.1/32 scope global mirage0',
    '[ADDR]7: mirage0    inet 198.18.0.1/32 scope global mirage0',
    'default dev mirage0 table 5380 scope link',
    'unreachable 198.18.0.0/15 table 5380 metric 4294967295',
    'Deleted local 198.18.0.1 dev mirage0 table local proto kernel',
    '',
  ])('our own event is not looked after: %s', async (line) => {
    routesAre(viaWlan0);
    say(line);
    await clock.advance(5_000);
    expect(monitor.deviceFor('8.8.8.8')).toBe('eth0');
  });

  test.each<[string, boolean]>([
    ['Deleted 5387:\tfrom 0.0.0.0 iif lo lookup 5380 proto 153', true],
    ['5384:\tnot from all dport 53 lookup main suppress_prefixlength 0 proto 153', true],
    ['[RULE]Deleted 5399:\tfrom all nop proto 153', true],
    ['Deleted default dev mirage0 table 5380 scope link', true],
    ['7: mirage0: <POINTOPOINT,NOARP> mtu 9000 state DOWN', true],
    ['7: tun9: <POINTOPOINT,NOARP,UP> mtu 9000 state UNKNOWN', true],
    ['Deleted 7: mirage0    inet 198.18.0.1/32 scope global mirage0', true],
    ['51820:\tnot from all fwmark 0xca6c lookup 51820', false],
    ['default via 10.30.0.1 dev wlan0 proto dhcp', false],
  ])('whether ours may have been changed is told at once: %s', (line, expected) => {
    let told = 0;
    let removed = 0;
    monitor.onOwnEvent(() => told++);
    monitor.onOwnRemoval(() => removed++);
    say(line);
    expect(told > 0).toBe(expected);
    expect(removed).toBe(/Deleted (\d+:\tfrom|default)/.test(line) ? 1 : 0);
  });

  test('the first rule and the first route of others in a burst are told at once, ours never', async () => {
    let told = 0;
    let routes = 0;
    monitor.onPolicyEvent((event) => (event === 'rule' ? told++ : routes++));
    say('5384:\tfrom all to 224.0.0.0/4 goto 5391 proto 153');
    say('default dev mirage0 table 5380 scope link');
    say('2: eth0    <BROADCAST,MULTICAST,UP> mtu 1500');
    say('local 10.30.0.2 dev wlan0 table local proto kernel scope host');
    expect(routes).toBe(0);
    for (let i = 0; i < 9; i++) say('172.18.0.0/16 dev br-9 proto kernel scope link');
    await clock.advance(900);
    say('Deleted 172.18.0.0/16 dev br-9 proto kernel scope link');
    expect(routes).toBe(1);
    expect(told).toBe(0);
    await clock.advance(100);
    await settle();
    expect(routes).toBe(2);
    expect(changes).toEqual([]);
    const others = [
      '5209:\tnot from all fwmark 0xca6c lookup 51820',
      '5208:\tfrom all lookup main suppress_prefixlength 0',
    ];
    for (const line of [...others, ...others]) {
      say(line);
      await clock.advance(60);
    }
    expect(told).toBe(1);
    await clock.advance(100);
    say(`Deleted ${others[0]}`);
    expect(told).toBe(2);
  });

  test('routes and addresses of our TUN do not count, but its address is reached unbound', async () => {
    routesAre(viaEth0, { dst: '198.18.0.0/15', dev: 'mirage0' });
    runner.answers.set(
      'ip -j address show',
      '[{"ifname":"mirage0","addr_info":[{"local":"198.18.0.1","prefixlen":32}]}]',
    );
    await monitor.refresh();
    expect(changes).toEqual([]);
    expect(monitor.snapshot().routes).toHaveLength(1);
    expect(monitor.deviceFor('198.18.0.5')).toBe('eth0');
    expect(monitor.deviceFor('198.18.0.1')).toBeNull();
  });

  test('a look that fails is repeated; what was known stays', async () => {
    runner.answers.set('ip -j address show', commandFailure('busy'));
    routesAre(viaWlan0);
    say('default via 10.30.0.1 dev wlan0');
    await clock.advance(1_000);
    await settle();
    expect(monitor.deviceFor('8.8.8.8')).toBe('eth0');
    runner.answers.delete('ip -j address show');
    await clock.advance(1_000);
    await settle();
    expect(monitor.deviceFor('8.8.8.8')).toBe('wlan0');
  });

  test('"ip monitor" that ends is started again, and what was missed is looked up', async () => {
    routesAre(viaWlan0);
    runner.readers[0]?.end();
    expect(runner.readers).toHaveLength(0);
    await clock.advance(2_000);
    await settle();
    expect(runner.readers).toHaveLength(1);
    expect(changes).toHaveLength(1);
  });

  test('stopped, nothing runs and nothing is told', async () => {
    say('default via 10.30.0.1 dev wlan0');
    routesAre(viaWlan0);
    await monitor.stop();
    await monitor.stop();
    await clock.advance(5_000);
    expect(runner.readers).toEqual([]);
    expect(changes).toEqual([]);
  });
});

test.each([
  ['0', '0', true],
  ['1', '1', false],
  ['0', '1', false],
  [undefined, undefined, false],
])('IPv6 with disable_ipv6 all=%s default=%s: %s', (all, byDefault, expected) => {
  const settings = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-ipv6-'));
  for (const [scope, value] of [
    ['all', all],
    ['default', byDefault],
  ] as const) {
    if (value === undefined) continue;
    fs.mkdirSync(path.join(settings, scope));
    fs.writeFileSync(path.join(settings, scope, 'disable_ipv6'), `${value}\n`);
  }
  const options = { runner, clock, logger: silentLogger, isOwn: () => false, ipv6Settings: settings };
  expect(new NetworkMonitor(options).ipv6Available()).toBe(expected);
  fs.rmSync(settings, { recursive: true });
});
