import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replaceFile, replaceFileIn } from '../../../core/base/replace-file.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-file-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('text or bytes, only for its owner, and nothing is left beside it', () => {
  const path = join(directory, 'a');
  replaceFile(path, 'one');
  replaceFile(path, Buffer.from('two'));
  expect(readFileSync(path, 'utf8')).toBe('two');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory)).toEqual(['a']);
});

test('the old one stays where a new one cannot be written', () => {
  const path = join(directory, 'a');
  replaceFile(path, 'one');
  mkdirSync(`${path}.${process.pid}.new`);
  expect(() => replaceFile(path, 'two')).toThrow('EISDIR');
  expect(readFileSync(path, 'utf8')).toBe('one');
});

test('a directory is made only where that is asked for', () => {
  expect(() => replaceFile(join(directory, 'x', 'a'), 'one')).toThrow('ENOENT');
  replaceFileIn(join(directory, 'x'), 'a', 'one');
  expect(statSync(join(directory, 'x')).mode & 0o777).toBe(0o700);
});
