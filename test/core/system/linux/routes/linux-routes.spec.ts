import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../../../core/base/logger.ts';
import { Health } from '../../../../../core/helper/health.ts';
import { deleteLeftovers, LinuxRoutes } from '../../../../../core/system/linux/routes/linux-routes.ts';
import type { RouteConfig } from '../../../../../core/system/routes.ts';
import type { UndoJournal } from '../../../../../core/system/undo-journal.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { JournalDirectory } from '../../journal-directory.ts';
import { commandFailure, ScriptedCommandRunner } from '../../scripted-command-runner.ts';

const wanted: RouteConfig = {
  capture: 'everything',
  device: 'mirage0',
  tunAddress4: '198.18.0.1',
  mark: 0x4d49,
  otherDevices: ['eth0'],
  fakeRanges: ['198.18.0.0/15'],
  exclude: ['192.0.2.0/24'],
  ipv6: false,
  strict: false,
  sparedMark: 0x4d4a,
};
const addScript = `ip -4 -batch -
  route add default dev mirage0 table 5380
  route add unreachable default metric 4294967295 table 5380
  route add 198.18.0.0/15 dev mirage0 metric 1 table 5380
  route add unreachable 198.18.0.0/15 metric 4294967295 table 5380
  rule add pref 5391 nop protocol 153
  rule add pref 5380 from 198.18.0.1 iif lo lookup 5380 protocol 153
  rule add pref 5381 from 198.18.0.1 iif lo unreachable protocol 153
  rule add pref 5382 to 198.18.0.0/15 lookup 5380 protocol 153
  rule add pref 5383 not iif lo goto 5391 protocol 153
  rule add pref 5384 fwmark 0x4d49 goto 5391 protocol 153
  rule add pref 5384 to 224.0.0.0/4 goto 5391 protocol 153
  rule add pref 5384 to 255.255.255.255 goto 5391 protocol 153
  rule add pref 5384 to 192.0.2.0/24 goto 5391 protocol 153
  rule add pref 5388 nop protocol 153
  rule add pref 5385 dport 53 goto 5388 protocol 153
  rule add pref 5387 lookup main suppress_prefixlength 1 protocol 153
  rule add pref 5389 from 0.0.0.0 iif lo oif eth0 goto 5391 protocol 153
  rule add pref 5390 from 0.0.0.0 iif lo lookup 5380 protocol 153`;
/** What the kernel shows of it. */
const rules =
  '[{"priority":0,"src":"all","table":"255"},{"priority":5391,"src":"all","nop":null,"protocol":"153"},{"priority":5380,"src":"198.18.0.1","iif":"lo","table":"5380","protocol":"153"},{"priority":5381,"src":"198.18.0.1","iif":"lo","action":"7","protocol":"153"},{"priority":5382,"src":"all","dst":"198.18.0.0","dstlen":15,"table":"5380","protocol":"153"},{"priority":5383,"not":null,"src":"all","iif":"lo","goto":5391,"protocol":"153"},{"priority":5384,"src":"all","fwmark":"0x4d49","goto":5391,"protocol":"153"},{"priority":5384,"src":"all","dst":"224.0.0.0","dstlen":4,"goto":5391,"protocol":"153"},{"priority":5384,"src":"all","dst":"255.255.255.255","goto":5391,"protocol":"153"},{"priority":5384,"src":"all","dst":"192.0.2.0","dstlen":24,"goto":5391,"protocol":"153"},{"priority":5388,"src":"all","nop":null,"protocol":"153"},{"priority":5385,"src":"all","dport":53,"goto":5388,"protocol":"153"},{"priority":5387,"src":"all","table":"254","suppress_prefixlen":1,"protocol":"153"},{"priority":5389,"src":"0.0.0.0","iif":"lo","oif":"eth0","oif_detached":null,"goto":5391,"protocol":"153"},{"priority":5390,"src":"0.0.0.0","iif":"lo","table":"5380","protocol":"153"},{"priority":32766,"src":"all","table":"254"}]';
const noRules = '[{"priority":0,"src":"all","table":"255"},{"priority":32766,"src":"all","table":"254"}]';
const routesShown =
  '[{"dst":"default","dev":"mirage0","scope":"253","flags":[]},{"type":"7","dst":"default","metric":4294967295,"flags":[]},{"dst":"198.18.0.0/15","dev":"mirage0","scope":"253","metric":1,"flags":[]},{"type":"7","dst":"198.18.0.0/15","metric":4294967295,"flags":[]}]';

const showRules = 'ip -4 -N -j rule show';
const showRoutes = 'ip -4 -N -j route show table 5380';

let disk: JournalDirectory;
let journal: UndoJournal;
let runner: ScriptedCommandRunner;
let clock: ManualClock;
let health: Health;
const create = () => new LinuxRoutes({ runner, journal, logger: silentLogger, health, clock });
const kernelHas = (ruleJson: string, routeJson: string): void => {
  runner.answers.set(showRules, ruleJson);
  runner.answers.set(showRoutes, routeJson);
};

beforeEach(async () => {
  disk = new JournalDirectory();
  journal = await disk.open();
  runner = new ScriptedCommandRunner();
  clock = new ManualClock();
  health = new Health();
  kernelHas(noRules, '[]');
});
afterEach(() => {
  disk[Symbol.dispose]();
});

describe('apply', () => {
  test('adds everything in one batch, journaled first, and says so for people', async () => {
    await create().apply(wanted);
    expect(runner.takeScript()).toBe(addScript);
    const changes = (await disk.open()).changes().map((change) => `${change.what} | ${change.where}`);
    expect(changes).toHaveLength(18);
    expect(changes[0]).toBe('ip route default dev mirage0 | table 5380');
    expect(changes[7]).toBe('ip rule 5382 | to 198.18.0.0/15 lookup 5380');
  });

  test('again: nothing; another configuration: only the difference', async () => {
    const routes = create();
    await routes.apply(wanted);
    kernelHas(rules, routesShown);
    runner.takeScript();
    await routes.apply(wanted);
    expect(runner.takeScript()).toBe('');
    await routes.apply({ ...wanted, exclude: ['198.51.100.0/24'] });
    expect(runner.takeScript()).toBe(
      `
ip -4 -batch -
  rule add pref 5384 to 198.51.100.0/24 goto 5391 protocol 153
ip -4 -force -batch -
  rule del pref 5384 to 192.0.2.0/24 goto 5391 protocol 153`.trim(),
    );
    expect(journal.changes()).toHaveLength(18);
  });

  test('what somebody deleted is added again under the record it has', async () => {
    const routes = create();
    await routes.apply(wanted);
    kernelHas(rules, '[]');
    runner.takeScript();
    await routes.apply(wanted);
    expect(runner.takeScript()).toBe(addScript.split('\n').slice(0, 5).join('\n'));
    expect(journal.changes()).toHaveLength(18);
  });

  test('a filter of strict-route that cannot be removed keeps no rule and no route', async () => {
    runner.installed.add('nft');
    const routes = create();
    await routes.apply({ ...wanted, strict: true });
    kernelHas(rules, routesShown);
    runner.afterwards.set('ip -4 -force -batch -', { [showRules]: '[]', [showRoutes]: '[]' });
    runner.answers.set('nft list tables inet', 'table inet mirage_strict\n');
    runner.answers.set('nft -f -', commandFailure('Device or resource busy'));
    runner.takeScript();
    await expect(routes.apply(undefined)).rejects.toMatchObject({ code: 'SYSTEM_COMMAND_FAILED' });
    expect(runner.takeScript()).toContain('rule del pref 5380');
    expect(disk.kinds()).toEqual(['nft-table']);
  });

  test('put back: all are added again in one go a family; what was there is not counted', async () => {
    const routes = create();
    expect(await routes.putBack()).toBe(0);
    expect(runner.takeScript()).toBe('');
    await routes.apply(wanted);
    runner.takeScript();
    expect(await routes.putBack()).toBe(18);
    expect(runner.takeScript()).toBe(addScript.replace('ip -4 -batch', 'ip -4 -force -batch'));
    const there = [...Array(16).keys()].map((i) => `RTNETLINK answers: File exists\nCommand failed -:${i + 3}`);
    runner.answers.set('ip -4 -force -batch -', commandFailure(there.join('\n')));
    expect(await routes.putBack()).toBe(2);
    runner.answers.set('ip -4 -force -batch -', commandFailure('was ended by SIGKILL'));
    await expect(routes.putBack()).rejects.toMatchObject({ code: 'SYSTEM_COMMAND_FAILED' });
  });

  test('undefined removes ours in reverse, and nothing that is not there or not ours', async () => {
    const routes = create();
    await routes.apply(wanted);
    kernelHas(
      rules.replace('{"priority":5384,"src":"all","fwmark":"0x4d49","goto":5391,"protocol":"153"},', ''),
      routesShown,
    );
    runner.afterwards.set('ip -4 -force -batch -', { [showRules]: '[]', [showRoutes]: '[]' });
    runner.takeScript();
    await routes.apply(undefined);
    expect(runner.takeScript()).toBe(
      `
ip -4 -force -batch -
  rule del pref 5390 from 0.0.0.0 iif lo lookup 5380 protocol 153
  rule del pref 5389 from 0.0.0.0 iif lo oif eth0 goto 5391 protocol 153
  rule del pref 5387 lookup main suppress_prefixlength 1 protocol 153
  rule del pref 5385 dport 53 goto 5388 protocol 153
  rule del pref 5384 to 224.0.0.0/4 goto 5391 protocol 153
  rule del pref 5384 to 255.255.255.255 goto 5391 protocol 153
  rule del pref 5384 to 192.0.2.0/24 goto 5391 protocol 153
  rule del pref 5383 not iif lo goto 5391 protocol 153
  rule del pref 5382 to 198.18.0.0/15 lookup 5380 protocol 153
  rule del pref 5381 from 198.18.0.1 iif lo unreachable protocol 153
  rule del pref 5380 from 198.18.0.1 iif lo lookup 5380 protocol 153
  rule del pref 5391 nop protocol 153
  rule del pref 5388 nop protocol 153
  route del default dev mirage0 table 5380
  route del unreachable default metric 4294967295 table 5380
  route del 198.18.0.0/15 dev mirage0 metric 1 table 5380
  route del unreachable 198.18.0.0/15 metric 4294967295 table 5380`.trim(),
    );
    expect(disk.kinds()).toBeUndefined();
    await routes.apply(undefined);
    expect(runner.takeScript()).toBe('');
  });
});

describe('beside the rules of others', () => {
  const withOther = (preference: number): string =>
    noRules.replace(']', `,{"priority":${preference},"src":"all","table":"52"}]`);

  test('ours stand before theirs, and move when theirs come before', async () => {
    const routes = create();
    await routes.apply(wanted);
    kernelHas(`${rules.slice(0, -1)},{"priority":5379,"src":"all","table":"52"}]`, routesShown);
    runner.takeScript();
    await routes.apply(wanted);
    const script = runner.takeScript().split('\n');
    const added = script.indexOf('  rule add pref 5190 from 0.0.0.0 iif lo lookup 5380 protocol 153');
    const removed = script.indexOf('  rule del pref 5390 from 0.0.0.0 iif lo lookup 5380 protocol 153');
    expect(added).toBeGreaterThan(0);
    expect(removed).toBeGreaterThan(added);
  });

  const all = '"src":"all"';
  test.each<[string, string, number, boolean]>([
    ['a table at 243', `"priority":243,${all},"table":"100"`, 180, false],
    ['a table at 65', `"priority":65,${all},"table":"100"`, 53, false],
    ['a table at 64', `"priority":64,${all},"table":"100"`, 40, false],
    ['a table at 13', `"priority":13,${all},"table":"100"`, 1, false],
    ['a table at 12', `"priority":12,${all},"table":"100"`, 1, false],
    ['a table at 11', `"priority":11,${all},"table":"100"`, 1, true],
    ['main at 10', `"priority":10,${all},"table":"254"`, 1, true],
    ['a table at 0', `"priority":0,${all},"table":"100"`, 5380, true],
    ['a way past us', `"priority":7,${all},"goto":32766`, 1, true],
    ['nowhere', `"priority":7,${all},"action":"7"`, 1, true],
    ['all but a mark', `"priority":7,"not":null,${all},"fwmark":"0xca6c","table":"51820"`, 1, true],
    ['only a mark', `"priority":7,${all},"fwmark":"0xca6c","table":"51820"`, 1, false],
    ['the machine itself', `"priority":7,${all},"table":"255"`, 5380, false],
    ['what is forwarded', `"priority":7,${all},"iif":"br0","table":"100"`, 1, false],
    ['a label', `"priority":7,${all},"nop":null`, 1, false],
    ['a VRF', `"priority":7,${all},"l3mdev":null`, 5380, false],
  ])('a rule that stands first: %s', async (_what, rule, base, isTold) => {
    const routes = create();
    kernelHas(`${noRules.slice(0, -1)},{${rule}}]`, '[]');
    await routes.apply(wanted);
    expect(runner.takeScript()).toContain(`rule add pref ${base} from 198.18.0.1`);
    expect(health.warnings().map(({ code }) => code)).toEqual(isTold ? ['ROUTES_CONTESTED'] : []);
    kernelHas(noRules, '[]');
    await routes.apply(wanted);
    expect(health.warnings()).toEqual([]);
  });

  test('two that both want to be first do not chase each other: it is told', async () => {
    const routes = create();
    const bases: string[] = [];
    for (let preference = 5379; preference > 1_900; preference -= 200) {
      kernelHas(withOther(preference), '[]');
      await routes.apply(wanted);
      bases.push(/rule add pref (\d+) from 198/.exec(runner.takeScript())?.[1] ?? '');
      await clock.advance(1_000);
    }
    expect(bases.slice(0, 13)).toEqual(Array.from({ length: 13 }, (_, i) => String(5_180 - 200 * i)));
    expect(new Set(bases.slice(13))).toEqual(new Set(['2780']));
    expect(health.warnings().map(({ code }) => code)).toEqual(['ROUTES_CONTESTED']);
    await clock.advance(60_000);
    kernelHas(noRules, '[]');
    await routes.apply(wanted);
    expect(runner.takeScript()).toContain('rule add pref 5380 from 198.18.0.1');
    expect(health.warnings()).toEqual([]);
  });
});

describe('failures', () => {
  test('a batch that stops names its line; what was added is removed, the journal is empty', async () => {
    runner.answers.set(
      'ip -4 -batch -',
      commandFailure('RTNETLINK answers: Operation not supported\nCommand failed -:5'),
    );
    await expect(create().apply(wanted)).rejects.toMatchObject({
      code: 'SYSTEM_ROUTES_FAILED',
      message: 'ip -4 rule add pref 5391 nop protocol 153 failed: RTNETLINK answers: Operation not supported',
    });
    expect(journal.changes()).toEqual([]);
  });

  test('a journal that cannot be written: nothing is run', async () => {
    journal = await disk.open(() => {
      throw new Error('read-only');
    });
    await expect(create().apply(wanted)).rejects.toMatchObject({ code: 'SYSTEM_JOURNAL_FAILED' });
    expect(runner.takeScript()).toBe('');
  });

  test('what cannot be deleted is told and stays in the journal', async () => {
    const routes = create();
    await routes.apply(wanted);
    kernelHas(rules, '[]');
    runner.answers.set('ip -4 -force -batch -', commandFailure('RTNETLINK answers: Operation not permitted'));
    await expect(routes.apply(undefined)).rejects.toThrow('cannot be deleted: ip rule pref 5391');
    expect(journal.changes()).toHaveLength(18);
  });
});

test('only what is ours is deleted; a machine without IPv6 is no error', async () => {
  runner.answers.set(
    'ip -4 -N -j rule show',
    '[{"priority":5381,"src":"all","dst":"198.18.0.0","dstlen":15,"table":"5380","protocol":"153"},{"priority":5381,"src":"all","fwmark":"0x1","table":"5380"},{"priority":4999,"src":"all","nop":null,"protocol":"153"},{"priority":5400,"src":"all","table":"5380"}]',
  );
  runner.answers.set(
    'ip -4 -N -j route show table 5380',
    '[{"dst":"192.0.2.0/24","dev":"eth1"},{"type":"7","dst":"198.18.0.0/15","metric":4294967295,"flags":[]}]',
  );
  runner.answers.set('ip -6 -N -j rule show', commandFailure('Address family not supported by protocol'));
  const deleted = await deleteLeftovers(runner, async () => undefined);
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
