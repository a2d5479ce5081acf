import { describe, expect, test } from 'vitest';
import { readRouteEntries, routeText, ruleText } from '../../../../core/system/routes/kernel-routes.ts';
import { commandFailure, ScriptedCommandRunner } from '../scripted-command-runner.ts';

describe('rules, as iproute2 shows them', () => {
  test.each([
    [{ priority: 5399, src: 'all', nop: null }, 'pref 5399 nop'],
    [{ priority: 5380, src: 'all', dst: '224.0.0.0', dstlen: 4, goto: 5399 }, 'pref 5380 to 224.0.0.0/4 goto 5399'],
    [
      { priority: 5384, not: null, src: 'all', dport: 53, table: '254', suppress_prefixlen: 0 },
      'pref 5384 not dport 53 lookup main suppress_prefixlength 0',
    ],
    [{ priority: 5385, src: 'all', iif: 'mirage0', iif_detached: null, goto: 5399 }, 'pref 5385 iif mirage0 goto 5399'],
    [
      { priority: 5387, src: '0.0.0.0', iif: 'lo', table: '5380', protocol: 'boot' },
      'pref 5387 from 0.0.0.0 iif lo lookup 5380',
    ],
    [{ priority: 5388, src: '::', srclen: 1, goto: 5399 }, 'pref 5388 from ::/1 goto 5399'],
  ])('%j', (rule, expected) => {
    expect(ruleText(rule)).toBe(expected);
  });

  test('a selector that we never use makes it a different rule', () => {
    const ours = { priority: 5381, src: 'all', dst: '198.18.0.0', dstlen: 15, table: '5380' };
    for (const more of [{ fwmark: '0x1' }, { uid_start: 0, uid_end: 10 }, { ipproto: 'udp' }, { action: '7' }]) {
      expect(ruleText({ ...ours, ...more })).not.toBe(ruleText(ours));
    }
  });
});

describe('routes, as iproute2 shows them', () => {
  test.each([
    [{ dst: 'default', dev: 'mirage0', scope: '253', flags: '["linkdown"]' }, 4, 'default dev mirage0'],
    [{ dst: '198.18.0.0/15', dev: 'mirage0', metric: 1 }, 4, '198.18.0.0/15 dev mirage0 metric 1'],
    [{ type: '7', dst: '198.18.0.0/15', metric: 4294967295 }, 4, 'unreachable 198.18.0.0/15 metric 4294967295'],
    [{ type: 'unreachable', dst: 'fd00::/64', dev: 'lo', metric: 9 }, 6, 'unreachable fd00::/64 metric 9'],
    [{ dst: 'default', dev: 'mirage0', metric: 1024, pref: 'medium' }, 6, 'default dev mirage0'],
    [{ dst: 'default', gateway: '192.0.2.1', dev: 'eth0' }, 4, 'default via 192.0.2.1 dev eth0'],
  ] as const)('%j', (route, family, expected) => {
    expect(routeText(route, family)).toBe(expected);
  });
});

describe('reading', () => {
  test('a table that never had a route is empty; other failures are failures', async () => {
    const runner = new ScriptedCommandRunner();
    runner.answers.set('ip -4 -N -j route show table 5380', commandFailure('Error: ipv4: FIB table does not exist.'));
    expect(await readRouteEntries(runner, 4)).toEqual([]);
    runner.answers.set('ip -4 -N -j route show table 5380', commandFailure('Permission denied'));
    await expect(readRouteEntries(runner, 4)).rejects.toThrow('Permission denied');
  });

  test('an answer that is no JSON asks for a newer iproute2', async () => {
    const runner = new ScriptedCommandRunner();
    runner.answers.set('ip -4 -N -j rule show', 'BusyBox v1.36');
    await expect(readRouteEntries(runner, 4)).rejects.toMatchObject({
      code: 'SYSTEM_ROUTES_FAILED',
      expected: 'iproute2 5.0 or newer',
    });
  });
});
