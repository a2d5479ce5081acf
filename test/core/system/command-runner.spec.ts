import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { SystemCommandRunner } from '../../../core/system/command-runner.ts';
import { eventually } from '../../support/eventually.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-commands-'));
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

function program(name: string, script: string): string {
  fs.writeFileSync(path.join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return name;
}

const runner = new SystemCommandRunner([directory]);
const quick = { timeoutMs: 5_000 };

describe('run', () => {
  test('arguments arrive as they are: no shell reads them', async () => {
    program('show', 'for a in "$@"; do echo "<$a>"; done');
    const nasty = ['$(id)', '; rm -rf /', '*', "a'b", ''];
    expect((await runner.run('show', nasty, quick)).stdout).toBe(nasty.map((a) => `<${a}>\n`).join(''));
  });

  test('input reaches it; a program that does not read it is no error', async () => {
    program('upper', 'tr a-z A-Z');
    program('deaf', 'exec <&-; echo done');
    expect((await runner.run('upper', [], { ...quick, input: 'rule add\n' })).stdout).toBe('RULE ADD\n');
    expect((await runner.run('deaf', [], { ...quick, input: 'x'.repeat(1_000_000) })).stdout).toBe('done\n');
  });

  test('the environment is ours, not that of whoever started us', async () => {
    vi.stubEnv('LD_PRELOAD_TEST', 'evil');
    program('environment', '/usr/bin/env | /usr/bin/grep -v "^PWD=\\|^_=\\|^SHLVL=" | /usr/bin/sort; pwd');
    expect((await runner.run('environment', [], quick)).stdout).toBe(
      'LC_ALL=C\nPATH=/usr/sbin:/sbin:/usr/bin:/bin\n/\n',
    );
    vi.unstubAllEnvs();
  });

  test('a failure tells the command, the first line of what it said, and the code', async () => {
    program('fail', 'echo "RTNETLINK answers: File exists" >&2; echo "Command failed -:3" >&2; exit 2');
    await expect(runner.run('fail', ['-batch', '-'], quick)).rejects.toMatchObject({
      code: 'SYSTEM_COMMAND_FAILED',
      message: 'fail -batch - failed: RTNETLINK answers: File exists',
      details: { program: 'fail', exitCode: 2, stderr: 'RTNETLINK answers: File exists\nCommand failed -:3' },
    });
    program('mute', 'exit 3');
    await expect(runner.run('mute', [], quick)).rejects.toThrow('mute  failed: exit code 3');
  });

  test('a program that hangs is killed', async () => {
    program('hang', 'exec sleep 60');
    await expect(runner.run('hang', [], { timeoutMs: 200 })).rejects.toThrow('was ended by SIGKILL');
  });

  test.each(['nosuch', '../bin/sh', '/bin/sh', 'a b', ''])('"%s" is not looked for outside', async (name) => {
    expect(runner.has(name)).toBe(false);
    await expect(runner.run(name, [], quick)).rejects.toMatchObject({
      code: 'SYSTEM_COMMAND_FAILED',
      message: `the program "${name}" is not installed`,
    });
  });

  test('the first directory that has it wins; files that cannot be run do not count', async () => {
    const second = path.join(directory, 'second');
    fs.mkdirSync(second);
    fs.writeFileSync(path.join(directory, 'pick'), 'no program', { mode: 0o644 });
    fs.writeFileSync(path.join(second, 'pick'), '#!/bin/sh\necho second\n', { mode: 0o755 });
    expect((await new SystemCommandRunner([directory, second]).run('pick', [], quick)).stdout).toBe('second\n');
  });
});

describe('spawnLines', () => {
  test('whole lines, however they arrive; then the end, once', async () => {
    program('lines', 'printf "one\\ntw"; sleep 0.1; printf "o\\n"; printf "unfinished"');
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      runner.spawnLines('lines', [], (line) => seen.push(line), resolve);
    });
    expect(seen).toEqual(['one', 'two']);
  });

  test('stop ends the program, and nothing is told any more', async () => {
    const pidFile = path.join(directory, 'pid');
    program('forever', `echo $$ > ${pidFile}; while :; do echo tick; sleep 0.02; done`);
    const ended = vi.fn<() => void>();
    let ticks = 0;
    const stop = runner.spawnLines('forever', [], () => (ticks += 1), ended);
    await eventually(() => expect(ticks).toBeGreaterThan(1));
    stop();
    const before = ticks;
    const pid = Number(fs.readFileSync(pidFile, 'utf8'));
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'));
    expect(ticks).toBe(before);
    expect(ended).not.toHaveBeenCalled();
  });
});
