import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { defaultConfig } from '../../../core/contract/config.ts';
import { maxProfileBytes } from '../../../core/profile/profile-loader.ts';
import { ProfileStore } from '../../../core/profile/profile-store.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mirage-profile-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const text = 'mixed-port: 1\nrules: ["MATCH,REJECT"]\n';

test('the default profile, read anew each time', async () => {
  const path = join(directory, 'profile.yaml');
  const store = new ProfileStore({ directory });
  await writeFile(path, text);
  expect(await store.read()).toEqual({ path, text });
  expect(await store.load()).toMatchObject({ path, text, problems: [], config: { mixed: { port: 1 } } });
  await writeFile(path, text.replace('port: 1', 'port: 2'));
  expect(await store.load()).toMatchObject({ config: { mixed: { port: 2 } } });
});

test('no default profile: the built-in configuration', async () => {
  const store = new ProfileStore({ directory: join(directory, 'none') });
  expect(await store.read()).toBeUndefined();
  expect(await store.load()).toEqual({ path: null, text: '', config: defaultConfig, problems: [] });
});

test('a named profile must exist', async () => {
  const path = join(directory, 'other.yaml');
  const store = new ProfileStore({ directory, path });
  await expect(store.read()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  const loaded = await store.load();
  expect(loaded).toMatchObject({ path, text: '', failure: 'CONFIG_INVALID' });
  expect(loaded.problems).toMatchObject([
    { severity: 'error', code: 'FILE_UNREADABLE', path: '', message: `there is no file ${path}` },
  ]);
  await writeFile(join(directory, 'target'), text);
  await symlink('target', path);
  expect(await store.load()).toMatchObject({ path, problems: [] });
});

test('problems come with the text they are in', async () => {
  await writeFile(join(directory, 'profile.yaml'), 'dns: x\n');
  const loaded = await new ProfileStore({ directory }).load();
  expect(loaded).toMatchObject({ text: 'dns: x\n', failure: 'CONFIG_INVALID' });
  expect(loaded).not.toHaveProperty('config');
});

test('limits: size, encoding, kind', async () => {
  const path = join(directory, 'profile.yaml');
  const store = new ProfileStore({ directory });
  await writeFile(path, `#${'x'.repeat(maxProfileBytes)}`);
  expect(await store.load()).toMatchObject({ failure: 'CONFIG_TOO_LARGE' });
  await writeFile(path, Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]));
  expect(await store.load()).toMatchObject({
    failure: 'CONFIG_SYNTAX',
    problems: [{ expected: 'a YAML file in UTF-8' }],
  });
  await rm(path);
  await mkdir(path);
  expect(await store.load()).toMatchObject({ failure: 'CONFIG_INVALID' });
});

test.each(['utf-16le', 'utf-16be'])('%s with a byte order mark is read', async (encoding) => {
  const bytes = Buffer.from('\ufeffmixed-port: 7\nrules: ["MATCH,DIRECT"]\n', 'utf16le');
  await writeFile(join(directory, 'profile.yaml'), encoding === 'utf-16be' ? bytes.swap16() : bytes);
  expect(await new ProfileStore({ directory }).load()).toMatchObject({ config: { mixed: { port: 7 } }, problems: [] });
});

test('a device that never ends is not read to its end', async () => {
  const store = new ProfileStore({ directory, path: '/dev/zero' });
  expect(await store.load()).toMatchObject({ failure: 'CONFIG_TOO_LARGE' });
});
