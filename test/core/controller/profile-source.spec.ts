import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultConfig } from '../../../core/contract/config.ts';
import { FileProfileSource, type ProfileReader } from '../../../core/controller/profile-source.ts';

const read: ProfileReader = (text) =>
  text === 'good'
    ? { config: defaultConfig, problems: [] }
    : { problems: [{ severity: 'error', path: '', message: 'not good', line: 1, column: 1 }] };

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-profile-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('reads the file anew each time', async () => {
  const file = join(directory, 'profile.yaml');
  const source = new FileProfileSource(file, { required: false, read });
  writeFileSync(file, 'good');
  expect(await source.load()).toEqual({ path: file, config: defaultConfig, problems: [] });
  writeFileSync(file, 'bad');
  expect(await source.load()).toMatchObject({ path: file, problems: [{ message: 'not good' }] });
});

test('a missing file is the default, or a problem when the person named it', async () => {
  const file = join(directory, 'nowhere.yaml');
  expect(await new FileProfileSource(file, { required: false, read }).load()).toEqual({ path: null, problems: [] });
  expect(await new FileProfileSource(file, { required: true, read }).load()).toEqual({
    path: file,
    failure: 'CONFIG_INVALID',
    problems: [{ severity: 'error', path: '', message: `there is no file ${file}` }],
  });
});

test('one that cannot be read is a problem either way', async () => {
  const source = new FileProfileSource(directory, { required: false, read });
  expect((await source.load()).problems[0]?.message).toMatch(/cannot be read: EISDIR/);
});
