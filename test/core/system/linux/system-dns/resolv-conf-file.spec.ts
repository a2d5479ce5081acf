import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ResolvConfFile } from '../../../../../core/system/linux/system-dns/resolv-conf-file.ts';
import type { ResolvConfState } from '../../../../../core/system/undo-record.ts';
import { ScriptedCommandRunner } from '../../scripted-command-runner.ts';

let directory: string;
let where: string;
let steps: string[];
let file: ResolvConfFile;
const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const ours: ResolvConfState = { kind: 'file', content: 'nameserver 198.18.0.2\n\u00ff\n', mode: 0o640, ...own };

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-resolv-'));
  where = path.join(directory, 'resolv.conf');
  steps = [];
  file = new ResolvConfFile({
    path: where,
    runner: new ScriptedCommandRunner(),
    step: async (name) => void steps.push(name),
  });
});
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

test.each<[string, () => void]>([
  ['a file', () => fs.writeFileSync(where, 'nameserver 10.0.0.1\n\u00e9', { encoding: 'latin1', mode: 0o604 })],
  ['an empty file', () => fs.writeFileSync(where, '')],
  [
    'a link',
    () => {
      fs.writeFileSync(path.join(directory, 'target'), 'nameserver 10.0.0.9\n');
      fs.symlinkSync('target', where);
    },
  ],
  ['a dangling link', () => fs.symlinkSync('/nowhere/resolv.conf', where)],
  ['nothing', () => undefined],
])('%s is replaced and put back as it was; nothing else is left in the directory', async (_what, prepare) => {
  prepare();
  const names = fs.readdirSync(directory);
  const before = await file.read();
  expect(await file.write(ours)).toBe('replaced');
  expect(await file.read()).toEqual(ours);
  expect(fs.readFileSync(where)).toEqual(Buffer.from('nameserver 198.18.0.2\n\xff\n', 'latin1'));
  await file.write(before);
  expect(await file.read()).toEqual(before);
  expect(fs.readdirSync(directory)).toEqual(names);
});

test("a link's target, which belongs to another program, is never written", async () => {
  fs.writeFileSync(path.join(directory, 'target'), 'nameserver 10.0.0.9\n');
  fs.symlinkSync('target', where);
  await file.write(ours);
  expect(fs.readFileSync(path.join(directory, 'target'), 'utf8')).toBe('nameserver 10.0.0.9\n');
});

test('readers see the old or the new file, never a part: it is exchanged by rename', async () => {
  fs.writeFileSync(where, 'old');
  await file.write(ours);
  expect(steps).toEqual(['resolv.conf: write', 'resolv.conf: rename', 'resolv.conf: sync directory']);
});

test('what an earlier death left is no hindrance', async () => {
  fs.writeFileSync(path.join(directory, '.resolv.conf.mirage'), 'half');
  await file.write(ours);
  expect(fs.readdirSync(directory)).toEqual(['resolv.conf']);
});

test('a directory in its place, and a missing directory, are clear errors', async () => {
  fs.mkdirSync(where);
  await expect(file.read()).rejects.toMatchObject({
    code: 'SYSTEM_DNS_FAILED',
    message: `${where} is not a regular file`,
  });
  fs.rmSync(directory, { recursive: true });
  await expect(file.write(ours)).rejects.toMatchObject({ code: 'SYSTEM_DNS_FAILED' });
});
