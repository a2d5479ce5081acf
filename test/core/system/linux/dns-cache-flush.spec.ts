import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../../core/base/logger.ts';
import { flushDnsCaches } from '../../../../core/system/linux/dns-cache-flush.ts';
import { commandFailure, ScriptedCommandRunner } from '../scripted-command-runner.ts';

let root: string;
let runner: ScriptedCommandRunner;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-root-'));
  runner = new ScriptedCommandRunner();
  runner.installed.add('resolvectl').add('nscd');
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const runs = (sign: string): void => {
  fs.mkdirSync(path.dirname(path.join(root, sign)), { recursive: true });
  fs.writeFileSync(path.join(root, sign), '');
};

test('only what runs is emptied', async () => {
  expect(await flushDnsCaches(runner, silentLogger, root)).toEqual([]);
  expect(runner.takeScript()).toBe('');
  runs('run/systemd/resolve/io.systemd.Resolve');
  runs('run/nscd/socket');
  expect(await flushDnsCaches(runner, silentLogger, root)).toEqual(['systemd-resolved', 'nscd']);
  expect(runner.takeScript()).toBe('resolvectl flush-caches\nnscd -i hosts');
});

test('a cache that refuses, and a program that is missing, are no error', async () => {
  runs('run/systemd/resolve/io.systemd.Resolve');
  runs('run/nscd/socket');
  runner.installed.delete('nscd');
  runner.answers.set('resolvectl flush-caches', commandFailure('Connection refused'));
  expect(await flushDnsCaches(runner, silentLogger, root)).toEqual([]);
});
