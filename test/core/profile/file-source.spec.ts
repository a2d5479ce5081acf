import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { maxProfileBytes } from '../../../core/contract/profile-import.ts';
import { understand } from '../../../core/profile/loaded-profile.ts';

let directory: string;
let path: string;
const load = () => understand({ kind: 'file', path });
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mirage-profile-'));
  path = join(directory, 'profile.yaml');
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const text = 'mixed-port: 7001\nrules: ["MATCH,REJECT"]\n';

test('a file is read anew each time; one that is missing is a problem, a link is followed', async () => {
  const loaded = await load();
  expect(loaded).toMatchObject({ path, text: '', failure: 'CONFIG_INVALID' });
  expect(loaded.problems).toMatchObject([
    { severity: 'error', code: 'FILE_UNREADABLE', path: '', message: `there is no file ${path}` },
  ]);
  await writeFile(join(directory, 'target'), text);
  await symlink('target', path);
  expect(await load()).toMatchObject({ path, text, problems: [], config: { mixed: { port: 7001 } } });
  await writeFile(path, text.replace('port: 7001', 'port: 7002'));
  expect(await load()).toMatchObject({ config: { mixed: { port: 7002 } } });
});

test('problems come with the text they are in', async () => {
  await writeFile(join(directory, 'profile.yaml'), 'rules: x\n');
  const loaded = await load();
  expect(loaded).toMatchObject({ text: 'rules: x\n', failure: 'CONFIG_INVALID' });
  expect(loaded).not.toHaveProperty('config');
});

test('limits: size, encoding, kind', async () => {
  await writeFile(path, `#${'x'.repeat(maxProfileBytes)}`);
  expect(await load()).toMatchObject({ failure: 'CONFIG_TOO_LARGE' });
  await writeFile(path, Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]));
  expect(await load()).toMatchObject({
    failure: 'CONFIG_SYNTAX',
    problems: [{ expected: 'a YAML file in UTF-8' }],
  });
  const chinese = Buffer.from('name: \u9999\nx: ', 'utf8');
  await writeFile(path, Buffer.concat([chinese, Buffer.from([0xcf, 0xe3, 0xb8]), Buffer.from('\ny: 1\n')]));
  expect((await load()).problems[0]?.message).toBe(`${path} is not UTF-8 text (line 2)`);
  for (const compressed of [gzipSync('port: 1\n'), zstdCompressSync('port: 1\n')]) {
    await writeFile(path, compressed);
    expect((await load()).problems[0]?.message).toBe(`${path} is compressed`);
  }
  await rm(path);
  await mkdir(path);
  expect(await load()).toMatchObject({ failure: 'CONFIG_INVALID' });
});

test.each(['utf-16le', 'utf-16be'])('%s with a byte order mark is read', async (encoding) => {
  const bytes = Buffer.from('\ufeffmixed-port: 7007\nrules: ["MATCH,DIRECT"]\n', 'utf16le');
  await writeFile(join(directory, 'profile.yaml'), encoding === 'utf-16be' ? bytes.swap16() : bytes);
  expect(await load()).toMatchObject({ config: { mixed: { port: 7007 } }, problems: [] });
});

test('a device that never ends is not read to its end', async () => {
  expect(await understand({ kind: 'file', path: '/dev/zero' })).toMatchObject({ failure: 'CONFIG_TOO_LARGE' });
});
