import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SingleInstance } from '../../../core/helper/single-instance.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-lock-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('one holder at a time; released, it is free again', () => {
  const first = SingleInstance.acquire(directory);
  expect(first).toBeDefined();
  expect(SingleInstance.acquire(directory)).toBeUndefined();
  first?.release();
  const second = SingleInstance.acquire(directory);
  expect(second).toBeDefined();
  second?.release();
});

test('held by another process, until that is killed', async () => {
  const module = new URL('../../../core/helper/single-instance.ts', import.meta.url).href;
  const script = `const { SingleInstance } = await import(${JSON.stringify(module)});
    globalThis.lock = SingleInstance.acquire(${JSON.stringify(directory)});
    process.stdout.write('held'); setInterval(() => globalThis.lock, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  expect(SingleInstance.acquire(directory)).toBeUndefined();
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const lock = SingleInstance.acquire(directory);
  expect(lock).toBeDefined();
  lock?.release();
});

test('a directory that is not there is an error, not a free lock', () => {
  expect(() => SingleInstance.acquire(join(directory, 'none'))).toThrow('ENOENT');
});

test.each([
  ['a directory', (path: string) => mkdirSync(path)],
  ['a FIFO, which is not waited for', (path: string) => execFileSync('mkfifo', [path])],
  ['a link', (path: string) => symlinkSync('elsewhere', path)],
])('what lies in its place is an error: %s', (_what, put) => {
  put(join(directory, 'helper.lock'));
  expect(() => SingleInstance.acquire(directory)).toThrow(/EISDIR|not a regular file|ELOOP/);
  expect(existsSync(join(directory, 'elsewhere'))).toBe(false);
});

test('nobody else can hold it: only root can open the file', () => {
  const lock = SingleInstance.acquire(directory);
  expect(statSync(join(directory, 'helper.lock')).mode & 0o777).toBe(0o600);
  lock?.release();
});
