import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writableByOthers } from '../../../core/helper/trusted-files.ts';

describe.runIf(process.getuid?.() === 0)('what root may run', () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mirage-trust-'));
    chmodSync(directory, 0o755);
    mkdirSync(join(directory, 'helper'), { mode: 0o755 });
    file = join(directory, 'helper', 'main.js');
    writeFileSync(file, '', { mode: 0o644 });
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test("root's files in root's directories, even below a sticky one", () => {
    expect(writableByOthers(file)).toBeUndefined();
  });

  test.each([
    ['a file of another user', () => chownSync(file, 1000, 1000), /main\.js belongs to user 1000/],
    ['a file that a group can write', () => chmodSync(file, 0o664), /main\.js can be written/],
    [
      'a directory that everybody can write',
      () => chmodSync(join(directory, 'helper'), 0o777),
      /helper can be written/,
    ],
    ['a directory of another user further up', () => chownSync(directory, 1000, 1000), /belongs to user 1000/],
  ])('not %s', (_, change, expected) => {
    change();
    expect(writableByOthers(file)).toMatch(expected);
  });

  test('a link is followed to what it names', () => {
    const other = join(directory, 'link.js');
    symlinkSync(file, other);
    expect(writableByOthers(other)).toBeUndefined();
    chownSync(file, 1000, 1000);
    expect(writableByOthers(other)).toMatch(/main\.js belongs to user 1000/);
  });
});
