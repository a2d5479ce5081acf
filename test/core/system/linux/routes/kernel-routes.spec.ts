import { describe, expect, test } from 'vitest';
import { readOthers, readRouteEntries, routeText } from '../../../../../core/system/linux/routes/kernel-routes.ts';
import { commandFailure, ScriptedCommandRunner } from '../../scripted-command-runner.ts';

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
  test('ours are known by who added them; the rest are of others, with the tables they look into', async () => {
    const runner = new ScriptedCommandRunner();
    runner.answers.set(
      'ip -4 -N -j rule show',
      '[{"priority":0,"src":"all","table":"255"},{"priority":5099,"src":"all","nop":null,"protocol":"153"},{"priority":5270,"src":"all","table":"52"},{"priority":32766,"src":"all","table":"254"},{"priority":32767,"src":"all","table":"253"}]',
    );
    runner.answers.set(
      'ip -4 -N -j route show table 52',
      '[{"dst":"default","dev":"tailscale0"},{"dst":"192.168.77.0/24","dev":"tailscale0"},{"type":"9","dst":"10.0.0.0/8"},{"type":"6","dst":"192.0.2.0/24"}]',
    );
    runner.answers.set('ip -4 -N -j route show table 253', commandFailure('Error: ipv4: FIB table does not exist.'));
    runner.answers.set('ip -4 -N -j route show table main', '[{"dst":"10.20.0.0/24","dev":"eth0"}]');
    expect((await readRouteEntries(runner, 4)).map(({ text }) => text)).toEqual(['pref 5099 nop']);
    const { rules, routes } = await readOthers(runner, 4);
    expect(rules.map(({ preference }) => preference)).toEqual([5270, 32_766, 32_767]);
    expect([...routes]).toEqual([
      [
        52,
        [
          { prefix: '0.0.0.0/0', hop: 'tailscale0   ' },
          { prefix: '192.168.77.0/24', hop: 'tailscale0   ' },
          { prefix: '192.0.2.0/24', hop: '   6' },
        ],
      ],
      [254, [{ prefix: '10.20.0.0/24', hop: 'eth0   ' }]],
      [253, []],
    ]);
  });

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
