import { afterEach, beforeEach, expect, test } from 'vitest';
import { AppError } from '../../../../../core/base/app-error.ts';
import { silentLogger } from '../../../../../core/base/logger.ts';
import { Health } from '../../../../../core/helper/health.ts';
import {
  hasStrictTable,
  removeStrictTable,
  StrictRoute,
} from '../../../../../core/system/linux/routes/strict-route.ts';
import type { UndoJournal } from '../../../../../core/system/undo-journal.ts';
import { JournalDirectory } from '../../journal-directory.ts';
import { commandFailure, ScriptedCommandRunner } from '../../scripted-command-runner.ts';

const script = 'add table inet mirage_strict\nadd rule inet mirage_strict leaving accept';
const listing = 'nft -a -t list table inet mirage_strict';
const tables = 'nft list tables inet';
const shown = 'table inet mirage_strict { # handle 1\n\tchain leaving { # handle 2\n\t\taccept # handle 3\n\t}\n}\n';

let disk: JournalDirectory;
let journal: UndoJournal;
let runner: ScriptedCommandRunner;
let health: Health;
let strict: StrictRoute;
let isFull: boolean;
beforeEach(async () => {
  disk = new JournalDirectory();
  isFull = false;
  journal = await disk.open((step) => {
    if (isFull && step.startsWith('journal')) throw new Error('no space left');
  });
  runner = new ScriptedCommandRunner();
  runner.installed.add('nft');
  health = new Health();
  strict = new StrictRoute({ runner, journal, health, logger: silentLogger });
});
afterEach(() => disk[Symbol.dispose]());

const codes = (): string[] => health.warnings().map(({ code }) => code);
const loads = (): number =>
  runner
    .takeScript()
    .split('\n')
    .filter((line) => line === 'nft -f -').length;

test('the record is on disk before the table is made; the same again changes nothing; removal takes both back', async () => {
  await strict.apply(script);
  expect(disk.kinds()).toEqual(['nft-table']);
  expect(loads()).toBe(1);
  runner.answers.set(listing, shown);
  await strict.apply(script);
  expect(loads()).toBe(0);
  expect(await strict.missing()).toBe(0);
  runner.answers.set(tables, 'table inet filter\ntable inet mirage_strict\n');
  await strict.apply(undefined);
  expect(runner.takeScript()).toContain('nft -f -\n  add table inet mirage_strict\n  delete table inet mirage_strict');
  expect(disk.kinds()).toBeUndefined();
  expect(await strict.missing()).toBe(0);
  expect(runner.readers).toEqual([]);
});

test('a journal that cannot be written: nothing is changed', async () => {
  isFull = true;
  await expect(strict.apply(script)).rejects.toMatchObject({ code: 'SYSTEM_JOURNAL_FAILED' });
  expect(loads()).toBe(0);
});

test.each<[string, (to: ScriptedCommandRunner) => void]>([
  ['there is no nft', (to) => to.installed.delete('nft')],
  ['the kernel refuses', () => undefined],
])('%s: told, cleared when it works, and removed without fail', async (_what, harm) => {
  harm(runner);
  runner.answers.set('nft -f -', commandFailure('Operation not supported'));
  await strict.apply(script);
  expect(codes()).toEqual(['STRICT_ROUTE_UNAVAILABLE']);
  runner.installed.add('nft');
  runner.answers.delete('nft -f -');
  await strict.apply(script);
  expect(codes()).toEqual([]);
  harm(runner);
  await strict.apply(undefined);
  expect(disk.kinds()).toBeUndefined();
});

test('whoever removes the table, or a rule of it, is heard, and it is made anew', async () => {
  await strict.apply(script);
  let heard = 0;
  strict.disturbed.on(() => heard++);
  const [watch] = runner.readers;
  expect(watch?.command).toBe('nft monitor destroy');
  for (const line of [
    'delete table inet mirage_strict',
    'delete rule inet mirage_strict leaving handle 3',
    'delete table inet filter',
    'delete rule ip nat post handle 9',
  ])
    watch?.line(line);
  expect(heard).toBe(2);
  runner.answers.set(listing, commandFailure('No such file or directory'));
  expect(await strict.missing()).toBe(1);
  runner.takeScript();
  await strict.apply(script);
  expect(loads()).toBe(1);
});

test('what is wanted besides is in the same table; a chain that is wanted no more goes with it', async () => {
  const besides = 'add table inet mirage_strict\nadd chain inet mirage_strict more { }';
  await strict.apply(script, besides);
  expect(runner.takeScript()).toContain('leaving accept\n  add table inet mirage_strict\n  add chain');
  await strict.apply(undefined, besides);
  expect(runner.takeScript()).not.toContain('leaving accept');
  await strict.apply(script);
  expect(runner.takeScript()).toContain('delete table inet mirage_strict\n  add table');
});

test('a kernel that refuses what is wanted besides has the rest, and nothing is told of strict-route', async () => {
  runner.answers.set('nft -f -', commandFailure('No such file or directory'));
  runner.afterwards.set('nft -f -', { 'nft -f -': '' });
  await strict.apply(script, 'add chain inet mirage_strict more { }');
  expect([loads(), codes()]).toEqual([2, []]);
});

test('a removal needs no record; without nft, or with a kernel that has no such tables, there is nothing', async () => {
  const step = async () => undefined;
  runner.answers.set(tables, 'table inet mirage_strict_not\n');
  expect(await removeStrictTable(runner, step)).toBe(false);
  runner.answers.set(tables, 'table inet mirage_strict\n');
  expect(await removeStrictTable(runner, step)).toBe(true);
  runner.answers.set(tables, commandFailure('cache initialization failed'));
  expect(await hasStrictTable(runner)).toBe(false);
  runner.installed.delete('nft');
  runner.answers.set(tables, 'table inet mirage_strict\n');
  expect(await hasStrictTable(runner)).toBe(false);
});

test('nft that is ended before it says what there is: the table may be in force, and stays recorded', async () => {
  await strict.apply(script);
  runner.answers.set(tables, new AppError('SYSTEM_COMMAND_FAILED', 'nft was ended by SIGKILL'));
  await expect(strict.apply(undefined)).rejects.toMatchObject({ code: 'SYSTEM_COMMAND_FAILED' });
  expect(disk.kinds()).toEqual(['nft-table']);
  runner.answers.set(tables, 'table inet mirage_strict\n');
  await strict.apply(undefined);
  expect(runner.takeScript()).toContain('delete table inet mirage_strict');
  expect(disk.kinds()).toBeUndefined();
});
