import { describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { defaultConfig } from '../../../core/contract/config.ts';
import type { ErrorCode } from '../../../core/contract/error.ts';
import { cliGround, now } from '../../support/cli-ground.ts';
import { runningSnapshot } from '../../support/helper-double.ts';

const ground = cliGround();
const { mirage } = ground;

describe('status', () => {
  test('off', async () => {
    expect(await mirage('status')).toEqual({
      code: 0,
      err: '',
      out: `Enhanced Mode  off
System DNS     captured while on
Auto route     captured while on
Mixed port     127.0.0.1:7890
Mode           rule, as the profile says
DNS mode       fake-ip, as the profile says
Fake IP        198.18.0.0/15, 3 of 131,067 in use
Configuration  1 proxy, 2 rules, c0ffee
Helper         0.1.0
`,
    });
    expect(ground.helper.closed).toBe(true);
  });

  test('on, with changes in force and a warning', async () => {
    ground.helper.snapshot = {
      ...runningSnapshot,
      autoRoute: false,
      mixed: null,
      changes: [
        { id: '1', what: 'ip rule 5380', where: 'table main', since: now - 61_000 },
        { id: '2', what: 'nameserver 198.18.0.2', where: '/etc/resolv.conf', since: now - 3_000 },
      ],
      warnings: [
        {
          code: 'FAKE_IP_TABLE_LOST',
          severity: 'notice',
          title: 'A local proxy',
          text: 'ssh goes direct.',
          action: 'nothing',
          values: {},
        },
      ],
    };
    expect((await mirage('status')).out).toBe(`Enhanced Mode  on for 2 min, device mirage0
Owner          you (ada), while the app runs
System DNS     captured while on
Auto route     left alone
Mixed port     none
Mode           rule, as the profile says
DNS mode       fake-ip, as the profile says
Fake IP        198.18.0.0/15, 3 of 131,067 in use
Configuration  1 proxy, 2 rules, c0ffee
Helper         0.1.0

Network changes in force
SINCE  WHAT                   WHERE
1 min  ip rule 5380           table main
  3 s  nameserver 198.18.0.2  /etc/resolv.conf

A local proxy  FAKE_IP_TABLE_LOST
  ssh goes direct.
  what to do: nothing
`);
  });

  test('a mode chosen by hand, both ranges, names that were lost', async () => {
    const { fakeIp } = ground.helper.snapshot;
    ground.helper.snapshot = {
      ...runningSnapshot,
      dnsMode: { mode: 'redir-host', chosen: true },
      fakeIp: { ...fakeIp, range6: 'fdfe:dcba:9876::/64', unknown: 1_012, recovered: 900 },
    };
    const { out } = await mirage('status');
    expect(out).toContain('DNS mode       redir-host, chosen by hand ("mirage dns-mode profile" undoes it)\n');
    expect(out).toContain('Fake IP        198.18.0.0/15 and fdfe:dcba:9876::/64, 3 of 131,067 in use\n');
    expect(out).toContain('Names lost     1,012 connections, 900 of them found by their first bytes\n');
  });

  test('failed, owned by somebody whom the machine does not know', async () => {
    ground.helper.snapshot = {
      ...runningSnapshot,
      owner: { uid: 4242, mode: 'persistent' },
      tunnel: { kind: 'error', error: { code: 'TUN_UNAVAILABLE', message: 'there is no /dev/net/tun' } },
    };
    const { out } = await mirage('status');
    expect(out).toContain('Enhanced Mode  failed (TUN_UNAVAILABLE)\n               there is no /dev/net/tun\n');
    expect(out).toContain('Owner          uid 4242, until turned off\n');
  });

  test('--json is the snapshot; global options may stand before or after the command', async () => {
    const { out } = await mirage('status', '--json', '--socket', '/tmp/run', '--developer');
    expect(JSON.parse(out)).toEqual(ground.helper.snapshot);
    await mirage('--json', 'status');
    expect(ground.opened).toMatchObject([
      { json: true, socket: '/tmp/run', developer: true },
      { json: true, socket: '/run/mirage', developer: false },
    ]);
  });
});

describe('enhanced', () => {
  test('on: the profile, then the persistent mode', async () => {
    const { code, out } = await mirage('enhanced', 'on', '--config', '/p.yaml');
    expect(code).toBe(0);
    expect(out).toContain('until turned off');
    expect(ground.asked).toEqual(['/p.yaml']);
    expect(ground.helper.calls).toEqual([
      ['applyConfig', { config: defaultConfig }],
      ['setEnhanced', { on: true, mode: 'persistent' }],
    ]);
  });

  test('on without any profile leaves the configuration of the helper alone', async () => {
    ground.profile = { path: null, text: '', config: defaultConfig, problems: [] };
    await mirage('enhanced', 'on');
    expect(ground.asked).toEqual([undefined]);
    expect(ground.helper.calls.map(([method]) => method)).toEqual(['setEnhanced']);
  });

  test('off reads no profile', async () => {
    expect((await mirage('enhanced', 'off')).code).toBe(0);
    expect(ground.asked).toEqual([]);
    expect(ground.helper.calls).toEqual([['setEnhanced', { on: false }]]);
  });

  test('a bad profile: every problem, exit code 4, and the helper is not even opened', async () => {
    ground.profile = {
      path: '',
      text: 'mixed-port: 99999\nsocks: { password: hunter2 }\n',
      problems: [
        {
          severity: 'error',
          code: 'CONTRACT',
          path: 'mixed-port',
          message: 'is no port',
          expected: '1 to 65535',
          line: 1,
          column: 13,
        },
        {
          severity: 'warning',
          code: 'CONTRACT',
          path: 'sniffer',
          message: 'is not supported and ignored',
          line: 2,
          column: 1,
        },
        {
          severity: 'error',
          code: 'CONTRACT',
          path: 'rules[0]',
          message: 'no policy is named "x"',
          line: 20,
          column: 5,
        },
      ],
    };
    expect(await mirage('enhanced', 'on', '-c', 'bad.yaml')).toEqual({
      code: 4,
      out: '',
      err: `bad.yaml:1:13: error[CONTRACT]: mixed-port: is no port (expected 1 to 65535)
    mixed-port: 99999
                ^
bad.yaml:20:5: error[CONTRACT]: rules[0]: no policy is named "x"
bad.yaml:2:1: warning[CONTRACT]: sniffer: is not supported and ignored
    socks: { password: ******* }
    ^
error CONFIG_INVALID: the profile has 2 errors, 1 warning; nothing was changed
  what to do: mend the lines above; "mirage check FILE" tells whether all is well
`,
    });
    expect(ground.opened).toEqual([]);
    const json = await mirage('enhanced', 'on', '-c', 'bad.yaml', '--json');
    expect(json.err).toBe('');
    expect(JSON.parse(json.out)).toMatchObject({
      error: { details: { file: 'bad.yaml' }, problems: ground.profile.problems },
    });
  });

  test('warnings are told and do not stop it', async () => {
    ground.profile = {
      ...ground.profile,
      problems: [{ severity: 'warning', code: 'CONTRACT', path: 'sniffer', message: 'is ignored', line: 2, column: 1 }],
    };
    const { code, err } = await mirage('enhanced', 'on', '-c', 'p.yaml');
    expect(code).toBe(0);
    expect(err).toBe('p.yaml:2:1: warning[CONTRACT]: sniffer: is ignored\n');
  });
});

describe('serve', () => {
  test('options and their defaults', async () => {
    await mirage('serve');
    await mirage('serve', '--port', '9797', '--enhanced', '--no-open', '--config', 'p.yaml');
    expect(ground.served[0]).not.toHaveProperty('port');
    expect(ground.served).toMatchObject([
      { enhanced: false, open: true, json: false },
      { port: 9797, enhanced: true, open: false, config: 'p.yaml' },
    ]);
  });
});

describe('errors', () => {
  test.each<[ErrorCode, number]>([
    ['HELPER_NOT_RUNNING', 3],
    ['RPC_CLOSED', 3],
    ['HELPER_INCOMPATIBLE', 3],
    ['CONFIG_INVALID', 4],
    ['HELPER_NOT_ALLOWED', 5],
    ['HELPER_UNTRUSTED', 5],
    ['HELPER_IN_USE', 5],
    ['RPC_BAD_PARAMS', 2],
    ['TUN_FAILED', 1],
    ['INTERNAL', 1],
  ])('%s ends with %i', async (errorCode, exitCode) => {
    ground.unreachable = new AppError(errorCode, 'it is so');
    expect((await mirage('status')).code).toBe(exitCode);
  });

  test('a code, a sentence, what to do', async () => {
    ground.unreachable = new AppError('HELPER_NOT_RUNNING', 'nothing listens at /run/mirage/helper.sock');
    expect(await mirage('status')).toEqual({
      code: 3,
      out: '',
      err: `error HELPER_NOT_RUNNING: nothing listens at /run/mirage/helper.sock
  what to do: start it with "npm start"; if the network does not work meanwhile: "mirage restore"
`,
    });
  });

  test('what the error itself advises comes before the general', async () => {
    ground.unreachable = new AppError('HELPER_IN_USE', 'it is used by uid 5', { expected: 'ask Bob' });
    expect((await mirage('status')).err).toBe('error HELPER_IN_USE: it is used by uid 5\n  what to do: ask Bob\n');
  });

  test('a wrong parameter: what was expected', async () => {
    ground.unreachable = new AppError('RPC_BAD_PARAMS', '"x" is no record type', { expected: 'A, AAAA, ...' });
    expect((await mirage('status')).err).toBe(
      'error RPC_BAD_PARAMS: "x" is no record type\n  expected: A, AAAA, ...\n',
    );
  });

  test('--json has them on standard output, as data', async () => {
    ground.unreachable = new AppError('HELPER_IN_USE', 'it is used by uid 5');
    const { out, err } = await mirage('status', '--json');
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual({
      error: {
        code: 'HELPER_IN_USE',
        expected: 'ask that user to turn Enhanced Mode off',
        message: 'it is used by uid 5',
      },
    });
  });

  test('the helper is closed also after an error', async () => {
    ground.helper.answers = { getSnapshot: () => Promise.reject(new AppError('INTERNAL', 'oh')) };
    expect((await mirage('status')).code).toBe(1);
    expect(ground.helper.closed).toBe(true);
  });

  test.each([
    [['nonsense'], /unknown command 'nonsense'/],
    [['enhanced'], /missing required argument 'state'/],
    [['enhanced', 'maybe'], /Allowed choices are on, off/],
    [['dump', 'passwords'], /Allowed choices are connections, fake-ip, dns, rules, logs/],
    [['dump', 'rules', '-n', '0'], /a limit is a number from 1 to 100000/],
    [['serve', '--port', '70000'], /a port is a number from 0 to 65535/],
    [['dump', 'fake-ip', '--follow'], /--follow works with dns and logs/],
    [['dns-mode', 'normal'], /Allowed choices are fake-ip, redir-host, profile/],
    [['mode', 'script'], /Allowed choices are rule, global, direct, profile/],
    [['select', 'g'], /missing required argument 'node'/],
    [['mapping', 'pin'], /missing required argument 'what'/],
    [['mapping', 'drop', '198.18.0.9'], /Allowed choices are pin, unpin, release/],
    [['flush'], /missing required argument 'cache'/],
    [['test-rule', 'not a host'], /expected HOST, HOST:PORT/],
    [['close'], /name the connections to close, or say --all/],
    [['close', 'a', '--all'], /name the connections to close, or say --all/],
    [['status', '--sockets', 'x'], /unknown option '--sockets'/],
  ])('%j is wrong usage', async (args, message) => {
    const { code, out, err } = await mirage(...args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(message);
    expect(ground.opened).toEqual([]);
  });
});

describe('help', () => {
  test('names every command, examples and exit codes', async () => {
    const { code, out } = await mirage('--help');
    expect(code).toBe(0);
    const commands =
      'serve enhanced switch mode status dump mapping flush test-rule dns-query close restore check completion';
    for (const word of commands.split(' ')) expect(out).toMatch(new RegExp(`^  ${word} `, 'm'));
    expect(out).toContain('Examples:');
    expect(out).toContain('4 bad configuration');
  });

  test('of a command shows the options that all have', async () => {
    const { code, out } = await mirage('dump', '--help');
    expect(code).toBe(0);
    expect(out).toContain('--json');
    expect(out).toContain('--socket');
  });

  test.each([
    ['enhanced', ['on', 'off']],
    ['switch', ['system-dns', 'auto-route', 'on', 'off']],
    ['dns-mode', ['fake-ip', 'redir-host', 'profile']],
    ['mode', ['rule', 'global', 'direct', 'profile']],
    ['dump', ['connections', 'fake-ip', 'dns', 'rules', 'logs']],
    ['mapping', ['pin', 'unpin', 'release']],
    ['flush', ['dns', 'fake-ip']],
    ['completion', ['bash', 'zsh', 'fish']],
  ])('of %s lists the values', async (command, values) => {
    const { out } = await mirage(command, '--help');
    for (const value of values) expect(out).toContain(`"${value}"`);
  });

  test.each([
    [['dump', 'nothing']],
    [['close']],
    [['serve', '--port', '70000']],
    [['no-such-command']],
    [['dump', 'rules', '--follow']],
  ])('wrong usage %j is one JSON document where JSON is asked for', async (args) => {
    const { code, out, err } = await mirage(...args, '--json');
    expect({ code, err }).toEqual({ code: 2, err: '' });
    expect(JSON.parse(out)).toMatchObject({
      error: { code: 'RPC_BAD_PARAMS', message: expect.stringMatching(/^[^e]|^e(?!rror:)/) },
    });
    expect((await mirage(...args)).err).toContain('error:');
  });

  test('--version', async () => {
    expect(await mirage('--version')).toEqual({ code: 0, out: '0.1.0\n', err: '' });
  });
});
