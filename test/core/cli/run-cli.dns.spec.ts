import { beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { cliGround, now } from '../../support/cli-ground.ts';

const ground = cliGround();
const { mirage } = ground;

describe('questions', () => {
  test('test-rule shows each rule and why', async () => {
    ground.helper.answers = {
      testRule: ({ host, port, network }) => ({
        host,
        port,
        network,
        resolved: '192.0.2.1',
        steps: [
          {
            index: 0,
            type: 'DOMAIN',
            payload: 'a.example',
            policy: 'dante',
            hit: false,
            why: { code: 'NAME_IS_NOT', values: { name: 'b.example', payload: 'a.example' } },
          },
          { index: 1, type: 'MATCH', payload: '', policy: 'Proxy', hit: true, why: { code: 'MATCH', values: {} } },
        ],
        rule: { index: 1, type: 'MATCH', payload: '', policy: 'Proxy' },
        chain: ['dante', 'Proxy'],
      }),
    };
    const { out } = await mirage('test-rule', 'b.example:8443', '--udp');
    expect(ground.helper.calls).toEqual([['testRule', { host: 'b.example', port: 8443, network: 'udp' }]]);
    expect(out).toBe(`udp b.example:8443
Looked up for matching only: 192.0.2.1
#  RULE              POLICY  MATCHES  WHY
1  DOMAIN a.example  dante   no       b.example is not a.example
2  MATCH             Proxy   yes      matches everything
Result: Proxy > dante, by rule 2
`);
  });

  test.each([
    ['www.example', { host: 'www.example', port: 443 }],
    ['www.example:80', { host: 'www.example', port: 80 }],
    ['192.0.2.1', { host: '192.0.2.1', port: 443 }],
    ['2001:db8::1', { host: '2001:db8::1', port: 443 }],
    ['[2001:db8::1]', { host: '2001:db8::1', port: 443 }],
    ['[2001:db8::1]:53', { host: '2001:db8::1', port: 53 }],
  ])('test-rule understands %s', async (text, target) => {
    await mirage('test-rule', text);
    expect(ground.helper.calls).toEqual([['testRule', { ...target, network: 'tcp' }]]);
  });

  test('dns-query', async () => {
    ground.helper.answers = {
      dnsQuery: ({ name, type }) => ({
        rcode: 'NOERROR',
        verdict: 'fake',
        answers: [{ name, type, ttl: 1, data: '198.18.0.9' }],
        ms: 12.4,
      }),
    };
    expect((await mirage('dns-query', 'far.example', 'a')).out).toBe(
      `NOERROR  fake, 12 ms
NAME         TTL  TYPE  DATA
far.example    1  A     198.18.0.9
`,
    );
    const empty = (rcode: string) => ({ dnsQuery: () => ({ rcode, verdict: 'fake', answers: [], ms: 0.4 }) });
    ground.helper.answers = empty('NOERROR');
    expect((await mirage('dns-query', 'far.example', 'aaaa')).out).toBe(
      'NOERROR  fake, 0.4 ms\nThe answer has no records of type AAAA.\n',
    );
    ground.helper.answers = empty('NXDOMAIN');
    expect((await mirage('dns-query', 'far.example', 'aaaa')).out).toBe('NXDOMAIN  fake, 0.4 ms\n');
  });

  test('dns-query names the upstream, and shows the chain of aliases', async () => {
    const alias = { name: 'www.far.example', type: 'CNAME', ttl: 300, data: 'cdn.example' };
    const answers = [alias, { name: 'cdn.example', type: 'A', ttl: 30, data: '203.0.113.80' }];
    const answer = { rcode: 'NOERROR', verdict: 'real', upstream: 'tls://192.0.2.53:853', ms: 31.7 };
    ground.helper.answers = { dnsQuery: () => ({ ...answer, answers }) };
    expect((await mirage('dns-query', 'www.far.example')).out).toBe(
      `NOERROR  real, by tls://192.0.2.53:853, 32 ms
NAME             TTL  TYPE   DATA
www.far.example  300  CNAME  cdn.example
cdn.example       30  A      203.0.113.80
`,
    );
    ground.helper.answers = { dnsQuery: () => ({ ...answer, answers: [alias] }) };
    expect((await mirage('dns-query', 'www.far.example', 'aaaa')).out).toContain(
      'The answer has no records of type AAAA.\nNAME ',
    );
  });

  test('close and restore', async () => {
    expect((await mirage('close', 'a', 'b')).out).toBe('Closed 2 connections.\n');
    ground.helper.answers = { closeFlows: () => ({ closed: 1 }) };
    expect((await mirage('close', '--all', '--json')).out).toBe('{\n  "closed": 1\n}\n');
    expect(ground.helper.calls.map(([, params]) => params)).toEqual([{ ids: ['a', 'b'] }, { all: true }]);
    expect(await mirage('close', 'a', 'b')).toMatchObject({
      code: 1,
      out: 'Closed 1 connection of 2: the rest had ended before, or never were.\n',
    });
    expect((await mirage('close', 'a', 'a')).code).toBe(0);
    ground.helper.answers = { closeFlows: () => ({ closed: 0 }) };
    expect(await mirage('close', '--all')).toMatchObject({ code: 0, out: 'There was no connection to close.\n' });
    expect((await mirage('close', '999', '--json')).code).toBe(1);
    expect((await mirage('restore')).out).toBe('Nothing was to be undone.\n');
    ground.helper.answers = {
      restore: () => ({ undone: [{ id: '1', what: 'link mirage0', where: 'kernel', since: now }] }),
    };
    expect((await mirage('restore')).out).toBe(
      'Undone: 1 change.\nSINCE  WHAT          WHERE\n  0 s  link mirage0  kernel\n',
    );
  });

  describe('restore where the helper cannot be reached', () => {
    const typed = 'sudo /opt/m/helper --restore';
    beforeEach(() => {
      ground.unreachable = new AppError('HELPER_NOT_RUNNING', 'nothing listens');
    });

    test('asks, then goes around it through sudo', async () => {
      ground.answer = true;
      expect(await mirage('restore')).toEqual({ code: 0, out: '', err: '' });
      expect(ground.questions).toEqual([expect.stringContaining(typed)]);
      expect(ground.ran).toEqual([['sudo', '/opt/m/helper', '--restore']]);
    });

    test.each([
      ['a no', false],
      ['nobody to ask', undefined],
    ])('%s leaves it, and names the way', async (_, said) => {
      ground.answer = said;
      const { code, err } = await mirage('restore');
      expect(code).toBe(3);
      expect(err).toContain(typed);
      expect(ground.ran).toEqual([]);
    });

    test('--yes asks nobody; programs are told that it went without the helper', async () => {
      const { code, out } = await mirage('restore', '--yes', '--json');
      expect(code).toBe(0);
      expect(JSON.parse(out)).toEqual({ undone: null, offline: true });
      expect(ground.questions).toEqual([]);
      expect(ground.ran).toHaveLength(1);
    });

    test('--json alone asks nobody and changes nothing', async () => {
      const { code, out } = await mirage('restore', '--json');
      expect(code).toBe(3);
      expect(JSON.parse(out)).toMatchObject({
        error: { code: 'HELPER_NOT_RUNNING', expected: expect.stringContaining(typed) },
      });
      expect([ground.questions, ground.ran]).toEqual([[], []]);
    });

    test('what could not be undone is a failure', async () => {
      ground.answer = true;
      ground.programCode = 1;
      const { code, err } = await mirage('restore');
      expect(code).toBe(1);
      expect(err).toContain(typed);
    });

    test('a helper that refuses this user is not gone around', async () => {
      ground.unreachable = new AppError('HELPER_NOT_ALLOWED', 'not you');
      ground.answer = true;
      expect((await mirage('restore')).code).toBe(5);
      expect([ground.questions, ground.ran]).toEqual([[], []]);
    });

    test('where it is not installed there is no such way', async () => {
      ground.offlineRestore = undefined;
      expect((await mirage('restore', '--yes')).code).toBe(3);
      expect(ground.ran).toEqual([]);
    });
  });

  test('switch', async () => {
    await mirage('switch', 'system-dns', 'off');
    await mirage('switch', 'auto-route', 'on');
    expect(ground.helper.calls).toEqual([
      ['setSwitches', { systemDns: false }],
      ['setSwitches', { autoRoute: true }],
    ]);
  });
});

describe('dns-mode', () => {
  test('shows the one in force, with a sentence', async () => {
    expect((await mirage('dns-mode')).out).toBe(`fake-ip, as the profile says
Names are answered with fake addresses; connections to them keep their names.
`);
    expect(ground.helper.calls).toEqual([['getSnapshot', {}]]);
    expect(JSON.parse((await mirage('dns-mode', '--json')).out)).toEqual({ mode: 'fake-ip', chosen: false });
  });

  test('chooses one, and gives the choice back to the profile', async () => {
    const { out } = await mirage('dns-mode', 'redir-host');
    expect(out).toMatch(/^redir-host, chosen by hand \("mirage dns-mode profile" undoes it\)\n/);
    expect(JSON.parse((await mirage('dns-mode', 'fake-ip', '--json')).out)).toEqual({ mode: 'fake-ip', chosen: true });
    expect((await mirage('dns-mode', 'profile')).out).toMatch(/^fake-ip, as the profile says\n/);
    expect(ground.helper.calls).toEqual([
      ['setSwitches', { dnsMode: 'redir-host' }],
      ['setSwitches', { dnsMode: 'fake-ip' }],
      ['setSwitches', { dnsMode: null }],
    ]);
  });
});

describe('mode', () => {
  test('shows the one in force, chooses one, and gives the choice back to the profile', async () => {
    expect((await mirage('mode')).out).toBe(`rule, as the profile says
The rules decide about every connection.
`);
    expect((await mirage('mode', 'global')).out).toMatch(
      /^global, chosen by hand \("mirage mode profile" undoes it\)\n/,
    );
    expect(JSON.parse((await mirage('mode', 'direct', '--json')).out)).toEqual({ mode: 'direct', chosen: true });
    expect((await mirage('mode', 'profile')).out).toMatch(/^rule, as the profile says\n/);
    expect(ground.helper.calls.slice(1)).toEqual([
      ['setSwitches', { mode: 'global' }],
      ['setSwitches', { mode: 'direct' }],
      ['setSwitches', { mode: null }],
    ]);
  });
});

describe('flush', () => {
  test('dns says how many answers are forgotten', async () => {
    ground.helper.answers = { flushDnsCache: () => ({ answers: 1 }) };
    expect((await mirage('flush', 'dns')).out).toBe('Forgot 1 answer of upstreams.\n');
    expect((await mirage('flush', 'dns', '--json')).out).toBe('{\n  "answers": 1\n}\n');
    ground.helper.answers = {};
    expect((await mirage('flush', 'dns')).out).toBe('There was no answer to forget.\n');
  });

  test('fake-ip says how many, and what stays', async () => {
    ground.helper.answers = { flushFakeIp: () => ({ retired: 1_200 }) };
    expect((await mirage('flush', 'fake-ip')).out).toBe(`Released 1,200 mappings.
Old addresses stay understood until their rest ends, so that running programs go on. Pinned mappings were kept.
`);
    expect(JSON.parse((await mirage('flush', 'fake-ip', '--json')).out)).toEqual({ retired: 1_200 });
    ground.helper.answers = {};
    expect((await mirage('flush', 'fake-ip')).out).toBe('There was no mapping to release.\n');
  });
});
