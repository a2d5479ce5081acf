/** The command as a program of its own, against the real RPC server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Snapshot } from '../../../core/contract/status.ts';
import { HelperServer, sampleConnection, sampleMapping } from '../../support/helper-server.ts';
import { root } from '../../support/source-graph.ts';

const main = join(root, 'core/cli/main.ts');
let helper: HelperServer;
let home: string;

beforeAll(async () => {
  helper = new HelperServer();
  await helper.start();
  home = mkdtempSync(join(tmpdir(), 'mirage-home-'));
});
afterAll(async () => {
  await helper[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

function start(args: string[]): ChildProcess {
  return spawn(process.execPath, ['--no-warnings', main, ...args, '--socket', helper.runtimeDir, '--developer'], {
    env: { PATH: process.env['PATH'], HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function mirage(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = start(args);
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out, err };
}

test('status, a table and a question, as data', async () => {
  helper.connections.set(sampleConnection.id, sampleConnection);
  expect(JSON.parse((await mirage('status', '--json')).out)).toEqual(helper.snapshot);
  expect(JSON.parse((await mirage('dump', 'connections', '--json')).out)).toEqual([sampleConnection]);
  expect((await mirage('test-rule', 'www.example')).out).toContain('Result: DIRECT, by rule 1');
});

test("the user's own profile is taken without being named; enhanced on is persistent", async () => {
  mkdirSync(join(home, '.config/mirage'), { recursive: true });
  writeFileSync(join(home, '.config/mirage/profile.yaml'), 'log-level: debug\nrules:\n  - MATCH,DIRECT\n');
  const on = await mirage('enhanced', 'on', '--json');
  expect(on.err).toBe('');
  expect((JSON.parse(on.out) as Snapshot).owner?.mode).toBe('persistent');
  expect(helper.config?.logLevel).toBe('debug');
  await mirage('enhanced', 'off');
  expect(helper.snapshot.tunnel.kind).toBe('stopped');
});

test('a bad profile changes nothing', async () => {
  const file = join(home, 'bad.yaml');
  writeFileSync(file, 'mixed-port: 99999\nproxies: 5\nrules: nonsense\n');
  const before = helper.asked.length;
  const { code, err } = await mirage('enhanced', 'on', '--config', file);
  expect(code).toBe(4);
  expect(err).toMatch(/bad\.yaml:1:13: warning\[OUT_OF_RANGE\]: mixed-port.*\n {4}mixed-port: 99999\n {16}\^\n/);
  expect(err).toMatch(/bad\.yaml:3:8: error\[RULES_LOST\]: rules/);
  expect(helper.asked).toHaveLength(before);
});

test('a profile that is not there is named', async () => {
  const { code, err } = await mirage('enhanced', 'on', '--config', join(home, 'none.yaml'));
  expect(code).toBe(4);
  expect(err).toContain('there is no file');
});

test('a profile that is no text, or too long, is refused before it is read as YAML', async () => {
  const file = join(home, 'odd.yaml');
  writeFileSync(file, Buffer.from([0x61, 0x3a, 0x20, 0xff]));
  const odd = await mirage('check', file);
  expect(odd.code).toBe(4);
  expect(odd.out).toContain('is not UTF-8 text');
  const endless = await mirage('enhanced', 'on', '--config', '/dev/zero');
  expect(endless.code).toBe(4);
  expect(endless.err).toContain('error CONFIG_TOO_LARGE');
});

/** The command as it is typed, its exit code on standard error. */
async function inShell(line: string): Promise<string> {
  const command = `'${process.execPath}' --no-warnings '${main}' --socket '${helper.runtimeDir}' --developer`;
  const shell = spawn('sh', ['-c', line.replace('mirage', command)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  shell.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  await new Promise((resolve) => shell.on('close', resolve));
  return err;
}

test.each(['status', 'dump connections', 'dump dns --follow', '--help'])(
  '%s: a reader that leaves early is no failure',
  async (command) => {
    for (let i = 0; i < 50; i++) helper.connections.set(`row${i}`, { ...sampleConnection, id: `row${i}` });
    expect(await inShell(`{ mirage ${command}; echo $? >&2; } | true`)).toBe('0\n');
  },
);

test('what goes on ends when it is told to, and well', async () => {
  const child = start(['dump', 'logs', '--follow']);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  child.kill('SIGINT');
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
});

test.each(['status', 'dump dns --follow'])('%s: a full disk is one', async (command) => {
  expect(await inShell(`mirage ${command} > /dev/full; echo $? >&2`)).toBe(
    'the output could not be written: ENOSPC: no space left on device, write\n1\n',
  );
});

test('more names than a connection may have subscriptions', async () => {
  const names = Array.from({ length: 200 }, (_, i) => `n${i}.example`);
  for (const [i, name] of names.entries()) {
    helper.mappings.set(`198.18.1.${i}`, { ...sampleMapping, name, address: `198.18.1.${i}` });
  }
  const { code, out, err } = await mirage('mapping', 'pin', ...names);
  expect({ code, out, err }).toEqual({ code: 0, out: 'Pinned 200 addresses.\n', err: '' });
});

test('no helper: exit code 3, with what to do', async () => {
  const child = spawn(process.execPath, ['--no-warnings', main, 'status', '--socket', join(home, 'nowhere')]);
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(3);
  expect(err).toContain('error HELPER_NOT_RUNNING');
  expect(err).toContain('what to do:');
});
