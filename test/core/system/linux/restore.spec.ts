import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../../core/base/logger.ts';
import { restoreNetwork } from '../../../../core/system/linux/restore.ts';
import { renderResolvConf } from '../../../../core/system/linux/system-dns/resolv-conf-text.ts';
import { JournalDirectory } from '../journal-directory.ts';
import { commandFailure, ScriptedCommandRunner } from '../scripted-command-runner.ts';

let disk: JournalDirectory;
let resolvConf: string;
let runner: ScriptedCommandRunner;
const ownRule = '[{"priority":5381,"src":"all","dst":"198.18.0.0","dstlen":15,"table":"5380","protocol":"153"}]';

beforeEach(() => {
  disk = new JournalDirectory();
  resolvConf = path.join(disk.directory, 'resolv.conf');
  runner = new ScriptedCommandRunner();
});
afterEach(() => disk[Symbol.dispose]());

const restore = async () =>
  await restoreNetwork({ journal: await disk.open(), runner, logger: silentLogger, now: () => 42, resolvConf });

test('nothing of ours: nothing is done, and nothing that is there is touched', async () => {
  fs.writeFileSync(resolvConf, 'nameserver 10.0.0.1\n');
  const inode = fs.statSync(resolvConf).ino;
  expect(await restore()).toEqual([]);
  expect(fs.statSync(resolvConf).ino).toBe(inode);
  expect(runner.takeScript()).toBe('');
});

test('without a journal our own traces are found and named', async () => {
  const before = { kind: 'file', content: 'nameserver 10.0.0.1\n', mode: 0o644, uid: 0, gid: 0 } as const;
  fs.writeFileSync(resolvConf, renderResolvConf(before, { server: '198.18.0.2' }));
  runner.answers.set('ip -4 -N -j rule show', ownRule);
  runner.afterwards.set('ip -4 -force -batch -', { 'ip -4 -N -j rule show': '[]' });
  expect(await restore()).toEqual([
    { id: 'trace-dns', what: 'system DNS', where: resolvConf, since: 42 },
    { id: 'trace-1', what: 'ip rule', where: 'pref 5381 to 198.18.0.0/15 lookup 5380', since: 42 },
  ]);
  expect(fs.readFileSync(resolvConf, 'utf8')).toBe(before.content);
});

test('without "ip" there are no rules to find: DNS is restored all the same', async () => {
  const content = renderResolvConf({ kind: 'missing' }, { server: '198.18.0.2' });
  fs.writeFileSync(resolvConf, content);
  await (await disk.open()).record([
    {
      kind: 'resolv-conf',
      what: 'system DNS',
      where: resolvConf,
      previous: { kind: 'missing' },
      ours: { content, servers: ['198.18.0.2'] },
    },
  ]);
  runner.answers.set('ip -4 -N -j rule show', commandFailure('not installed'));
  expect((await restore()).map((change) => change.what)).toEqual(['system DNS']);
  expect(fs.existsSync(resolvConf)).toBe(false);
});

test('what could not be undone is an error after everything else was', async () => {
  const ours = { family: 4, text: 'pref 5381 to 198.18.0.0/15 lookup 5380' } as const;
  await (await disk.open()).record([{ kind: 'ip-rule', what: 'ip rule 5381', where: '', previous: null, ours }]);
  const before = { kind: 'file', content: 'nameserver 10.0.0.1\n', mode: 0o644, uid: 0, gid: 0 } as const;
  fs.writeFileSync(resolvConf, renderResolvConf(before, { server: '198.18.0.2' }));
  runner.answers.set('ip -4 -N -j rule show', ownRule);
  runner.answers.set('ip -4 -force -batch -', commandFailure('Operation not permitted'));
  await expect(restore()).rejects.toMatchObject({ code: 'SYSTEM_JOURNAL_FAILED' });
  expect(fs.readFileSync(resolvConf, 'utf8')).toBe(before.content);
  expect(disk.kinds()).toEqual(['ip-rule']);
});

test('what is still there after the undo is told, even if every command said that it worked', async () => {
  runner.answers.set('ip -4 -N -j rule show', ownRule);
  await expect(restore()).rejects.toThrow('still there after the undo: IPv4 rule pref 5381 to 198.18.0.0/15');
});

test('what somebody else keeps under our numbers stays, and is no failure', async () => {
  runner.answers.set('ip -4 -N -j rule show', '[{"priority":5390,"src":"all","table":"100"}]');
  expect(await restore()).toEqual([]);
});
