import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadInstallKey } from '../../../core/state/install-key.ts';

let directory: string;
let file: string;
let setAside: string[];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-key-'));
  file = path.join(directory, 'fake-ip.key');
  setAside = [];
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

const load = () => loadInstallKey(file, { onSetAside: (aside) => setAside.push(aside) });

test('is made once, 16 bytes, for its owner alone', () => {
  const key = load();
  expect(key).toHaveLength(16);
  expect(load()).toEqual(key);
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  expect(fs.readdirSync(directory)).toEqual(['fake-ip.key']);
  expect(setAside).toEqual([]);
});

test('is another one elsewhere', () => {
  const key = load();
  fs.rmSync(file);
  expect(load()).not.toEqual(key);
});

test('a file of another length is kept under a new name and reported', () => {
  fs.writeFileSync(file, 'short');
  expect(load()).toHaveLength(16);
  expect(setAside).toEqual([`${file}.unusable`]);
  expect(fs.readFileSync(`${file}.unusable`, 'utf8')).toBe('short');
});

test('a FIFO in its place is not waited for', () => {
  execFileSync('mkfifo', [file]);
  expect(load()).toHaveLength(16);
  expect(setAside).toEqual([`${file}.unusable`]);
});

test('what an interrupted creation left behind is no key', () => {
  fs.writeFileSync(`${file}.new`, 'left behind');
  expect(load()).toHaveLength(16);
  expect(fs.readdirSync(directory)).toEqual(['fake-ip.key']);
});

test('a directory that is not there is an error with a code', () => {
  file = path.join(directory, 'missing', 'fake-ip.key');
  expect(load).toThrow(expect.objectContaining({ code: 'FAKE_IP_STORE' }));
});
