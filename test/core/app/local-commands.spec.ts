/** Which commands are named to people, as far as it depends on nothing that is installed; and how they are typed. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asTyped, localCommands } from '../../../core/app/local-commands.ts';

let built: string;
beforeEach(() => {
  built = mkdtempSync(join(tmpdir(), 'mirage-commands-'));
});
afterEach(() => rmSync(built, { recursive: true, force: true }));

test('a program of the same name on the search path is not taken for ours', () => {
  writeFileSync(join(built, 'mirage'), '#!/bin/sh\n', { mode: 0o755 });
  expect(localCommands({ searchPath: `relative:${built}`, built, node: 'node' }).cli).not.toBe('mirage');
});

test('where no helper is there to do it, no way is named; a directory other than the usual one is named to it', () => {
  const options = { searchPath: undefined, built, node: '/opt/node' };
  const without = localCommands(options).offlineRestore;
  mkdirSync(join(built, 'helper'));
  writeFileSync(join(built, 'helper', 'main.js'), '');
  const { offlineRestore = [] } = localCommands({ ...options, runtimeDir: '/run/elsewhere' });
  expect(offlineRestore.slice(-2)).toEqual(['--runtime-dir', '/run/elsewhere']);
  expect(offlineRestore).toContain('--restore');
  expect(localCommands(options).offlineRestore).not.toContain('--runtime-dir');
  // On a machine with an installed helper that one is named, with or without a built tree.
  expect(without === undefined || without[0] === '/usr/local/lib/mirage/mirage-helper').toBe(true);
});

test.each([
  [['/opt/m/helper', '--restore'], '/opt/m/helper --restore'],
  [['/opt/my files/helper', '--x=1'], "'/opt/my files/helper' --x=1"],
  [["it's", '$HOME', ''], "'it'\\''s' '$HOME' ''"],
])('%j is typed as a shell reads it', (command, typed) => {
  expect(asTyped(command, 0)).toBe(typed);
  expect(asTyped(command, 1000)).toBe(`sudo ${typed}`);
  const read = execFileSync('sh', ['-c', `printf '%s\\n' ${typed}`], { encoding: 'utf8' });
  expect(read).toBe(`${command.join('\n')}\n`);
});
