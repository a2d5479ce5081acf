import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchFile } from '../../../../../core/system/linux/system-dns/file-watch.ts';
import { eventually } from '../../../../support/eventually.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-watch-'));
  file = path.join(directory, 'resolv.conf');
  fs.writeFileSync(file, 'old');
});
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

test.each<[string, () => void]>([
  ['written in place', () => fs.writeFileSync(file, 'new')],
  [
    'exchanged by rename',
    () => {
      fs.writeFileSync(path.join(directory, 'x'), 'new');
      fs.renameSync(path.join(directory, 'x'), file);
    },
  ],
  ['removed', () => fs.rmSync(file)],
])('%s is seen', async (_how, change) => {
  const seen = vi.fn<() => void>();
  const stop = watchFile(file, seen);
  change();
  await eventually(() => expect(seen).toHaveBeenCalled());
  stop();
});

test('neighbours are not told, and after stop nothing is', async () => {
  const seen = vi.fn<() => void>();
  const stop = watchFile(file, seen);
  fs.writeFileSync(path.join(directory, '.resolv.conf.mirage'), 'x');
  fs.writeFileSync(path.join(directory, 'hosts'), 'x');
  await sleep(50);
  expect(seen).not.toHaveBeenCalled();
  stop();
  fs.writeFileSync(file, 'new');
  await sleep(50);
  expect(seen).not.toHaveBeenCalled();
});

test('a directory that is not there is an error', () => {
  expect(() => watchFile(path.join(directory, 'no/resolv.conf'), () => undefined)).toThrow('ENOENT');
});
