import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SettingsFile } from '../../electron/settings.ts';

const place = { x: 1, y: 2, width: 900, height: 600, maximized: true };
let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-settings-'));
  file = join(directory, 'deep/desktop.json');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('what is written is read again; the file is for its user only and nothing else is left', () => {
  const settings = new SettingsFile(file);
  expect(settings.settings).toEqual({});
  settings.update({ window: place });
  expect(new SettingsFile(file).settings).toEqual({ window: place });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(directory, 'deep'))).toEqual(['desktop.json']);
});

test.each(['', '{', 'null', '[]', '{"window":{"x":"left"}}', '{"window":{"x":1e300,"y":0,"width":1,"height":1}}'])(
  'a broken file counts as none: %s',
  (text) => {
    new SettingsFile(file).update({});
    writeFileSync(file, text);
    expect(new SettingsFile(file).settings).toEqual({});
  },
);
