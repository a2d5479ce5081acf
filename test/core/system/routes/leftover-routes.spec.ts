import { expect, test } from 'vitest';
import { deleteLeftoverRoutes, isOurShape } from '../../../../core/system/routes/leftover-routes.ts';
import { commandFailure, ScriptedCommandRunner } from '../scripted-command-runner.ts';

test.each([
  ['route', '192.0.2.0/24 dev eth0'],
  ['route', 'default via 192.0.2.1 dev eth0'],
  ['route', 'blackhole 192.0.2.0/24'],
] as const)('a %s "%s" is not ours', (kind, text) => {
  expect(isOurShape({ kind, family: 4, text })).toBe(false);
});

test('only what is ours is deleted; a machine without IPv6 is no error', async () => {
  const runner = new ScriptedCommandRunner();
  runner.answers.set(
    'ip -4 -N -j rule show',
    '[{"priority":5381,"src":"all","dst":"198.18.0.0","dstlen":15,"table":"5380","protocol":"153"},{"priority":5381,"src":"all","fwmark":"0x1","table":"5380"},{"priority":4999,"src":"all","nop":null,"protocol":"153"},{"priority":5400,"src":"all","table":"5380","protocol":"3"}]',
  );
  runner.answers.set(
    'ip -4 -N -j route show table 5380',
    '[{"dst":"192.0.2.0/24","dev":"eth1"},{"type":"7","dst":"198.18.0.0/15","metric":4294967295,"flags":[]}]',
  );
  runner.answers.set('ip -6 -N -j rule show', commandFailure('Address family not supported by protocol'));
  const deleted = await deleteLeftoverRoutes(runner, async () => undefined);
  expect(deleted.map((entry) => entry.text)).toEqual([
    'unreachable 198.18.0.0/15 metric 4294967295',
    'pref 5381 to 198.18.0.0/15 lookup 5380',
    'pref 4999 nop',
  ]);
  expect(runner.takeScript()).toBe(
    `
ip -4 -force -batch -
  rule del pref 5381 to 198.18.0.0/15 lookup 5380 protocol 153
  rule del pref 4999 nop protocol 153
  route del unreachable 198.18.0.0/15 metric 4294967295 table 5380`.trim(),
  );
});
