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

  test('is left alone when the bytes are the same, and older ones go', () => {
    const first = assembleHelper(home);
    const born = fs.statSync(first.main).ino;
    fs.mkdirSync(path.join(home, 'helper-0123456789abcdef'));
    expect(assembleHelper(home)).toEqual(first);
    expect(fs.statSync(first.main).ino).toBe(born);
    expect(fs.readdirSync(home).toSorted()).toEqual([path.basename(path.dirname(first.main)), 'mirage-helper']);
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
