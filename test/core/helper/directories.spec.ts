import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { prepareDirectories } from '../../../core/helper/directories.ts';

describe.runIf(process.getuid?.() === 0)("the helper's directories", () => {
  let parent: string;
  let paths: { stateDir: string; runtimeDir: string };
  const strict = { uid: 0, developer: false };
  const mode = (path: string) => statSync(path).mode & 0o7777;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'mirage-dirs-'));
    chmodSync(parent, 0o755);
    paths = { stateDir: join(parent, 'lib', 'mirage'), runtimeDir: join(parent, 'run', 'mirage') };
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  test('are made: one for root alone, one for everybody to enter', () => {
    prepareDirectories(paths, strict);
    expect([mode(paths.stateDir), mode(paths.runtimeDir)]).toEqual([0o700, 0o755]);
    prepareDirectories(paths, strict);
  });

  test('that were made wider are narrowed', () => {
    prepareDirectories(paths, strict);
    chmodSync(paths.stateDir, 0o755);
    chmodSync(paths.runtimeDir, 0o777);
    prepareDirectories(paths, strict);
    expect([mode(paths.stateDir), mode(paths.runtimeDir)]).toEqual([0o700, 0o755]);
  });

  test.each(['stateDir', 'runtimeDir'] as const)('%s of somebody else is refused, also by developers', (which) => {
    prepareDirectories(paths, strict);
    chownSync(paths[which], 1000, 1000);
    for (const developer of [false, true]) {
      expect(() => prepareDirectories(paths, { uid: 0, developer })).toThrow(
        expect.objectContaining({ code: 'HELPER_UNTRUSTED' }),
      );
    }
    expect(statSync(paths[which]).uid).toBe(1000);
  });

  test('a link in its place is refused', () => {
    mkdirSync(join(parent, 'run'));
    mkdirSync(join(parent, 'elsewhere'));
    symlinkSync(join(parent, 'elsewhere'), paths.runtimeDir);
    expect(() => prepareDirectories(paths, strict)).toThrow(expect.objectContaining({ code: 'HELPER_UNTRUSTED' }));
  });

  test('below a directory of somebody else they are for developers only', () => {
    chownSync(parent, 1000, 1000);
    expect(() => prepareDirectories(paths, strict)).toThrow(expect.objectContaining({ code: 'HELPER_UNTRUSTED' }));
    prepareDirectories(paths, { uid: 0, developer: true });
  });
});
