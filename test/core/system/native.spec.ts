import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadNative, nativeFunctions } from '../../../core/system/native.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-native-'));
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  const file = path.join(directory, name);
  fs.writeFileSync(file, text);
  return file;
};

test('a missing addon says where it should be and how it gets there', () => {
  const file = path.join(directory, 'mirage.node');
  expect(() => loadNative(file)).toThrow(
    expect.objectContaining({
      code: 'TUN_UNAVAILABLE',
      message: `the native addon is missing: ${file}`,
      expected: expect.stringContaining('npm run build'),
    }),
  );
});

test('a file that is no addon, and an addon of another version, are told', () => {
  expect(() => loadNative(write('broken.node', 'not an ELF file'))).toThrow(
    expect.objectContaining({ code: 'TUN_UNAVAILABLE', message: expect.stringContaining('cannot be loaded') }),
  );
  expect(() => loadNative(write('old.cjs', 'exports.Engine = class {}; exports.openTcp = () => 1;'))).toThrow(
    'it is no Mirage addon, or one of another version',
  );
});

test('a complete addon is handed out', () => {
  const text = nativeFunctions.map((name) => `exports.${name} = () => '${name}';`).join(' ');
  expect(loadNative(write('whole.cjs', text)).parentOf(1)).toBe('parentOf');
});
