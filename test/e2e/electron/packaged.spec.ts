/** The app as electron-builder packs it (unpacked form): what is in it, what its binary refuses, that it runs. */
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Desktop, electronRuntime } from '../../support/desktop.ts';
import { root } from '../../support/source-graph.ts';

const run = promisify(execFile);
const bin = (name: string): string => path.join(root, 'node_modules/.bin', name);

let directory: string;
let packed: string;
let binary: string;

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'mirage-packed-'));
  const { executable, version } = await electronRuntime();
  // A copy: the fuses are blown in the binary itself, and its stand-in for default_app is no part of a package.
  const dist = path.join(directory, 'electron');
  cpSync(path.dirname(executable), dist, { recursive: true });
  rmSync(path.join(dist, 'resources/default_app.asar'), { recursive: true, force: true });
  const config = parse(readFileSync(path.join(root, 'build/electron-builder.yml'), 'utf8')) as Record<string, unknown>;
  const fuses = config['electronFuses'] as Record<string, boolean>;
  // The older Electron has no such fuse.
  if (Number(version.split('.')[0]) < 29) delete fuses['grantFileProtocolExtraPrivileges'];
  const file = path.join(directory, 'builder.json');
  const output = path.join(directory, 'packages');
  writeFileSync(
    file,
    JSON.stringify({ ...config, electronDist: dist, electronVersion: version, directories: { output } }),
  );
  await run(process.execPath, [bin('electron-builder'), '--linux', '--dir', '--config', file], {
    cwd: root,
    maxBuffer: 1 << 24,
  });
  packed = path.join(output, 'linux-unpacked');
  binary = path.join(packed, 'mirage-desktop');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('the archive holds the bundles and nothing else', async () => {
  const { stdout } = await run(process.execPath, [bin('asar'), 'list', path.join(packed, 'resources/app.asar')]);
  const files = stdout.trim().split('\n');
  expect(files).toEqual(
    expect.arrayContaining(['/dist/electron/main.cjs', '/dist/electron/preload.cjs', '/dist/renderer/index.html']),
  );
  const strange = files.filter(
    (file) => !/^\/(?:package\.json|dist(?:\/(?:electron|renderer)(?:\/.*)?)?)$/.test(file) || file.endsWith('.map'),
  );
  expect(strange).toEqual([]);
});

test("root's files lie beside it", () => {
  expect(readdirSync(path.join(packed, 'resources/helper')).sort()).toEqual(['main.js', 'mirage.node', 'node']);
  expect(statSync(path.join(packed, 'resources/helper/node')).mode & 0o111).toBe(0o111);
});

test('the fuses are blown in the binary', async () => {
  const { stdout } = await run(process.execPath, [bin('electron-fuses'), 'read', '--app', binary]);
  for (const closed of ['RunAsNode', 'EnableNodeOptionsEnvironmentVariable', 'EnableNodeCliInspectArguments']) {
    expect(stdout).toContain(`${closed} is Disabled`);
  }
  expect(stdout).toContain('OnlyLoadAppFromAsar is Enabled');
});

test('it does not run as Node', () => {
  const result = spawnSync(binary, ['-p', '6 * 7'], {
    env: { ELECTRON_RUN_AS_NODE: '1', PATH: process.env['PATH'] },
    encoding: 'utf8',
    timeout: 10_000,
  });
  expect(result.stdout).not.toContain('42');
});

test('it starts, reaches the helper, and ends in order', async () => {
  await using desktop = await Desktop.start();
  const child = desktop.spawnApp({ executable: binary, packed: true }, '--enhanced');
  await expect.poll(() => desktop.helper.snapshot.tunnel.kind).toBe('running');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(desktop.helper.snapshot.tunnel.kind).toBe('stopped');
});
