/** The directory that root runs from: the right bytes, nobody else's to write, one version at a time. Needs root. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assembleHelper } from '../../build/scripts/assemble-helper.mjs';
import { root } from '../support/source-graph.ts';
import { describeInLab } from '../support/tier.ts';

describeInLab('the assembled helper', () => {
  let home: string;
  beforeEach(() => {
    // Not below /tmp, which everybody may write; the folder is root's like /usr/local/lib.
    home = fs.mkdtempSync('/root/mirage-assemble-');
  });
  afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

  test('has the built bytes, owned by root, writable by nobody else', () => {
    const program = assembleHelper(home);
    const directory = path.dirname(program.main);
    for (const name of ['', 'node', 'main.js', 'mirage.node', 'package.json']) {
      const status = fs.statSync(path.join(directory, name));
      expect([status.uid, status.mode & 0o022], name).toEqual([0, 0]);
    }
    expect(fs.readFileSync(program.main).equals(fs.readFileSync(path.join(root, 'dist/helper/main.js')))).toBe(true);
    expect(execFileSync(program.node, [program.main, '--version'], { encoding: 'utf8' })).toMatch(/\d+\.\d+\.\d+/);
  });

  test('has a launcher for the command line beside the one for the helper', () => {
    assembleHelper(home);
    const run = (name: string) => execFileSync(path.join(home, name), ['--version'], { encoding: 'utf8' });
    expect(run('mirage')).toBe(run('mirage-helper'));
    expect(execFileSync(path.join(home, 'mirage'), ['check', '--help'], { encoding: 'utf8' })).toContain(
      'mirage check',
    );
  });

  test('is left alone when the bytes are the same, and older ones go', () => {
    const first = assembleHelper(home);
    const born = fs.statSync(first.main).ino;
    fs.mkdirSync(path.join(home, 'helper-0123456789abcdef'));
    expect(assembleHelper(home)).toEqual(first);
    expect(fs.statSync(first.main).ino).toBe(born);
    expect(fs.readdirSync(home).toSorted()).toEqual([
      path.basename(path.dirname(first.main)),
      'mirage',
      'mirage-helper',
    ]);
  });

  test('is written anew when what is there is not what was built', () => {
    const first = assembleHelper(home);
    const directory = path.dirname(first.main);
    const spoilers: Readonly<Record<string, () => unknown>> = {
      'another byte in the bundle': () => fs.appendFileSync(first.main, '\n'),
      'half of the addon': () => fs.truncateSync(path.join(directory, 'mirage.node'), 1_000),
      'zeros after a power cut': () => fs.writeFileSync(first.main, Buffer.alloc(4_096)),
      'a file missing, and one too many': () =>
        fs.renameSync(path.join(directory, 'package.json'), path.join(directory, 'preload.js')),
      'a link to the right bytes': () => {
        fs.renameSync(first.main, path.join(home, 'elsewhere.js'));
        fs.symlinkSync(path.join(home, 'elsewhere.js'), first.main);
      },
      'a second name for a file': () => fs.linkSync(first.main, path.join(home, 'other')),
      'a file that others can write': () => fs.chmodSync(first.main, 0o666),
      'a file of another user': () => fs.chownSync(first.main, 1234, 1234),
      'a link in place of the directory': () => {
        fs.renameSync(directory, path.join(home, 'moved'));
        fs.symlinkSync(path.join(home, 'moved'), directory);
      },
      'a file in place of the directory': () => {
        fs.rmSync(directory, { recursive: true });
        fs.writeFileSync(directory, '');
      },
    };
    const built = fs.readFileSync(path.join(root, 'dist/helper/main.js'));
    for (const [what, spoil] of Object.entries(spoilers)) {
      spoil();
      expect(assembleHelper(home), what).toEqual(first);
      expect(fs.lstatSync(directory).mode & 0o7777, what).toBe(0o755);
      expect(fs.readdirSync(directory).toSorted(), what).toEqual(['main.js', 'mirage.node', 'node', 'package.json']);
      expect(fs.lstatSync(first.main), what).toMatchObject({ uid: 0, nlink: 1 });
      expect(fs.readFileSync(first.main).equals(built), what).toBe(true);
      expect(
        fs.readdirSync(home).filter((name) => name.startsWith('.draft-')),
        what,
      ).toEqual([]);
    }
  });

  test('has its modes whatever the umask', () => {
    const before = process.umask(0o077);
    try {
      const program = assembleHelper(home);
      expect([program.node, program.main].map((file) => fs.statSync(file).mode & 0o777)).toEqual([0o755, 0o644]);
    } finally {
      process.umask(before);
    }
  });

  test('mirage-helper starts it', () => {
    assembleHelper(home);
    const launcher = path.join(home, 'mirage-helper');
    expect(fs.statSync(launcher).mode & 0o777).toBe(0o755);
    expect(execFileSync(launcher, ['--help'], { encoding: 'utf8' })).toContain('--restore');
  });

  test('refuses a folder that others can write', () => {
    fs.chmodSync(home, 0o777);
    expect(() => assembleHelper(home)).toThrow(/writable by nobody else/);
    fs.chmodSync(home, 0o755);
    fs.chownSync(home, 1234, 1234);
    expect(() => assembleHelper(home)).toThrow(/owned by root/);
  });
});
