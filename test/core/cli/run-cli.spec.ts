import { beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import type { GlobalOptions } from '../../../core/cli/command-context.ts';
import { Console } from '../../../core/cli/console.ts';
import type { ServeOptions } from '../../../core/cli/program.ts';
import { runCli } from '../../../core/cli/run-cli.ts';
import { defaultConfig } from '../../../core/contract/config.ts';
import type { DnsRow, MappingRow } from '../../../core/contract/dns.ts';
import type { ErrorCode } from '../../../core/contract/error.ts';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import type { ProxyRow } from '../../../core/contract/proxies.ts';
import type { LoadedProfile } from '../../../core/profile/loaded-profile.ts';
import { ProfileLibrary } from '../../../core/profile/profile-library.ts';
import { eventually } from '../../support/eventually.ts';
import { type DoubleSubscription, HelperDouble, runningSnapshot } from '../../support/helper-double.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { ProvidersDouble } from '../../support/providers-double.ts';

const now = 1_700_000_125_000;

let helper: HelperDouble;
let unreachable: AppError | undefined;
let profile: LoadedProfile;
let asked: (string | undefined)[];
let opened: GlobalOptions[];
let served: ServeOptions[];
let end: () => void;
let ended: Promise<void>;
/** What a terminal of this width would show; without one, whole cells. */
let terminal: number | undefined;

/** What gives the network back without the helper, what people were asked and said, what was run then and how it ended. */
let offlineRestore: string[] | undefined;
let questions: string[];
let answer: boolean | undefined;
let ran: (readonly string[])[];
let programCode: number;

beforeEach(() => {
  offlineRestore = ['/opt/m/helper', '--restore'];
  questions = [];
  answer = undefined;
  ran = [];
  programCode = 0;
  terminal = undefined;
  ended = new Promise((resolve) => {
    end = resolve;
  });
  helper = new HelperDouble();
  unreachable = undefined;
  profile = { path: '/home/u/.config/mirage/profile.yaml', text: '', config: defaultConfig, problems: [] };
  asked = [];
  opened = [];
  served = [];
});

interface Outcome {
  code: number;
  out: string;
  err: string;
}

async function mirage(...args: string[]): Promise<Outcome> {
  const written = { out: '', err: '' };
  const stream = (to: 'out' | 'err') => ({
    write: (text: string) => (written[to] += text),
    ...(terminal === undefined ? {} : { isTTY: true, columns: terminal }),
  });
  const code = await runCli(args, {
    version: '0.1.0',
    serve: async (options) => {
      served.push(options);
    },
    context: {
      console: new Console(stream('out'), stream('err'), { NO_COLOR: '1' }),
      clock: new ManualClock(now),
      uid: 1000,
      userName: (uid) => (uid === 1000 ? 'ada' : undefined),
      async openHelper(options) {
        opened.push(options);
        if (unreachable !== undefined) throw unreachable;
        helper.up();
        return helper;
      },
      async loadProfile(file) {
        asked.push(file);
        return file === undefined ? profile : { ...profile, path: file };
      },
      profiles: new ProfileLibrary({ directory: '/nonexistent' }),
      providers: new ProvidersDouble(),
      ended: () => ended,
      commands: () => ({ cli: 'mirage', offlineRestore }),
      confirm: (question) => {
        questions.push(question);
        return Promise.resolve(answer);
      },
      editor: () => 'ed',
      runProgram: (command) => {
        ran.push(command);
        return Promise.resolve(programCode);
      },
    },
  });
  return { code, ...written };
}

const row = (id: string, host: string, rest: Partial<ConnectionRow> = {}): ConnectionRow => ({
  id,
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 40_000 },
  destination: { host, port: 443 },
  chain: ['DIRECT'],
  state: 'open',
  up: 0,
  down: 0,
  openedAt: now - 5_000,
  ...rest,
});

const mapping = (address: string, rest: Partial<MappingRow> = {}): MappingRow => ({
  address,
  name: 'far.example',
  state: 'resting',
  pinned: false,
  firstSeen: 1,
  lastAnswered: now - 60_000,
  lastConnected: now - 5_000,
  answers: 4,
  flows: 3,
  liveFlows: 0,
  outcome: 'ok',
  ...rest,
});

const question = (id: string, rest: Partial<DnsRow> = {}): DnsRow => ({
  id,
  time: now,
  client: 'tun',
  name: 'far.example',
  type: 'A',
  verdict: 'real',
  rcode: 'NOERROR',
  answer: '203.0.113.80',
  ms: 14.2,
  ...rest,
});

function subscribed(): Promise<DoubleSubscription> {
  return eventually(() => helper.subscriptions[0] ?? expect.fail('nobody has subscribed'));
}

/** Sends the pages of a table to whoever subscribes. */
function tableOf(rows: unknown[], pageSize = 1000): void {
  const subscribe = helper.subscribe.bind(helper);
  helper.subscribe = (topic, options, handler, onRefused) => {
    const stop = subscribe(topic, options, handler, onRefused);
    setImmediate(() => {
      for (let at = 0; at === 0 || at < rows.length; at += pageSize) {
        helper.subscriptions[0]?.push({
          epoch: 1,
          sequence: at / pageSize,
          reset: at === 0,
          rows: rows.slice(at, at + pageSize) as never,
          counters: [],
          removed: [],
          total: rows.length,
        });
      }
    });
    return stop;
  };
}

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
    expect(helper.closed).toBe(true);
  });

  test('on, with changes in force and a warning', async () => {
    helper.snapshot = {
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
    const { fakeIp } = helper.snapshot;
    helper.snapshot = {
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
    helper.snapshot = {
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
    expect(JSON.parse(out)).toEqual(helper.snapshot);
    await mirage('--json', 'status');
    expect(opened).toMatchObject([
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
    expect(asked).toEqual(['/p.yaml']);
    expect(helper.calls).toEqual([
      ['applyConfig', { config: defaultConfig }],
      ['setEnhanced', { on: true, mode: 'persistent' }],
    ]);
  });

  test('on without any profile leaves the configuration of the helper alone', async () => {
    profile = { path: null, text: '', config: defaultConfig, problems: [] };
    await mirage('enhanced', 'on');
    expect(asked).toEqual([undefined]);
    expect(helper.calls.map(([method]) => method)).toEqual(['setEnhanced']);
  });

  test('off reads no profile', async () => {
    expect((await mirage('enhanced', 'off')).code).toBe(0);
    expect(asked).toEqual([]);
    expect(helper.calls).toEqual([['setEnhanced', { on: false }]]);
  });

  test('a bad profile: every problem, exit code 4, and the helper is not even opened', async () => {
    profile = {
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
    expect(opened).toEqual([]);
    const json = await mirage('enhanced', 'on', '-c', 'bad.yaml', '--json');
    expect(json.err).toBe('');
    expect(JSON.parse(json.out)).toMatchObject({
      error: { details: { file: 'bad.yaml' }, problems: profile.problems },
    });
  });

  test('warnings are told and do not stop it', async () => {
    profile = {
      ...profile,
      problems: [{ severity: 'warning', code: 'CONTRACT', path: 'sniffer', message: 'is ignored', line: 2, column: 1 }],
    };
    const { code, err } = await mirage('enhanced', 'on', '-c', 'p.yaml');
    expect(code).toBe(0);
    expect(err).toBe('p.yaml:2:1: warning[CONTRACT]: sniffer: is ignored\n');
  });
});

describe('dump', () => {
  test('connections as a sentence: who, where, by which rule, through what, how much', async () => {
    tableOf([
      row('a1', 'www.example.com', {
        process: { pid: 7, uid: 1000, name: 'curl', path: '/usr/bin/curl' },
        fakeIp: '198.18.0.7',
        rule: { index: 0, type: 'DOMAIN-SUFFIX', payload: 'example.com', policy: 'dante' },
        chain: ['dante', 'Proxy'],
        up: 1_234,
        down: 12_345_678,
      }),
      row('b2', '2001:db8::1', {
        network: 'udp',
        state: 'closed',
        closedAt: now - 1_000,
        rule: { index: 3, type: 'MATCH', payload: '', policy: 'DIRECT' },
        error: { code: 'DIAL_REFUSED', message: 'refused' },
      }),
    ]);
    const { out } = await mirage('dump', 'connections', '--closed', '--search', 'x');
    expect(
      out,
    ).toBe(`ID  PROCESS  HOST                 FAKE IP     NET  RULE                       VIA                 UP     DOWN  AGE  STATE
a1  curl     www.example.com:443  198.18.0.7  tcp  DOMAIN-SUFFIX example.com  Proxy > dante  1.23 kB  12.3 MB  5 s  open
b2  -        [2001:db8::1]:443                udp  MATCH                      DIRECT             0 B      0 B  4 s  DIAL_REFUSED
`);
  });

  test('the options go to the helper; the subscription ends', async () => {
    const wanted: unknown[] = [];
    tableOf([row('a', 'a.example')]);
    const subscribe = helper.subscribe.bind(helper);
    helper.subscribe = (topic, options, handler, onRefused) => {
      wanted.push([topic, options]);
      return subscribe(topic, options, handler, onRefused);
    };
    await mirage('dump', 'connections', '--closed', '-s', 'a', '-n', '7');
    expect(wanted).toEqual([['connections', { limit: 7, search: 'a', closed: true }]]);
    expect(helper.subscriptions).toEqual([]);
  });

  test('a table of several pages is read whole', async () => {
    const rows = Array.from({ length: 2_500 }, (_, i) => row(`c${i}`, `h${i}.example`));
    tableOf(rows, 1000);
    const { out } = await mirage('dump', 'connections', '--json');
    expect(JSON.parse(out)).toEqual(rows);
  });

  test('fake-ip, dns, logs', async () => {
    tableOf([
      {
        address: '198.18.0.9',
        name: 'far.example',
        state: 'live',
        firstSeen: 1,
        lastAnswered: now - 120_000,
        lastConnected: 0,
        answers: 12_000,
        flows: 3,
        liveFlows: 1,
        outcome: 'ok',
      },
    ]);
    expect((await mirage('dump', 'fake-ip')).out).toBe(
      `FAKE IP     NAME         STATE  ANSWERS  FLOWS  LIVE  ANSWERED  CONNECTED  OUTCOME
198.18.0.9  far.example  live    12,000      3     1     2 min      never  ok
`,
    );
    helper = new HelperDouble();
    const time = new Date(2024, 0, 2, 14, 3, 59, 7).getTime();
    tableOf([
      {
        id: '1',
        time,
        client: 'tun',
        name: 'far.example',
        type: 'A',
        verdict: 'fake',
        rcode: 'NOERROR',
        answer: '198.18.0.9',
        ms: 0.123,
      },
    ]);
    expect((await mirage('dump', 'dns')).out).toBe(
      `TIME          CLIENT  NAME         TYPE  VERDICT  ANSWER        TOOK
14:03:59.007  tun     far.example  A     fake     198.18.0.9  0.1 ms
`,
    );
    helper = new HelperDouble();
    tableOf([{ id: '1', time, level: 'info', component: 'dispatcher', message: 'flow closed up=1' }]);
    expect((await mirage('dump', 'logs')).out).toBe(
      `TIME          LEVEL  COMPONENT   MESSAGE
14:03:59.007  info   dispatcher  flow closed up=1
`,
    );
  });

  test('rules, searched here', async () => {
    helper.answers = {
      listRules: () => [
        {
          index: 0,
          type: 'DOMAIN',
          payload: 'a.example',
          policy: 'dante',
          noResolve: false,
          hits: 4,
          misses: 0,
          off: false,
        },
        {
          index: 1,
          type: 'IP-CIDR',
          payload: '10.0.0.0/8',
          policy: 'DIRECT',
          noResolve: true,
          hits: 1_000,
          misses: 0,
          off: false,
        },
        { index: 2, type: 'MATCH', payload: '', policy: 'DIRECT', noResolve: false, hits: 0, misses: 0, off: false },
      ],
    };
    expect((await mirage('dump', 'rules')).out).toBe(
      `#  TYPE     PAYLOAD     POLICY  OPTION       HITS  MISSES
1  DOMAIN   a.example   dante                   4       0
2  IP-CIDR  10.0.0.0/8  DIRECT  no-resolve  1,000       0
3  MATCH                DIRECT                  0       0
`,
    );
    expect(JSON.parse((await mirage('dump', 'rules', '-s', 'DANTE', '--json')).out)).toHaveLength(1);
  });

  test('what is rare about a mapping: pinned, a former name, an IPv6 address, a lost name', async () => {
    terminal = 160;
    tableOf([
      mapping('198.18.0.9', { pinned: true, former: 'was.example', address6: 'fdfe:dcba:9876::9', state: 'live' }),
      mapping('198.18.0.10', { name: '', state: 'unknown', lastAnswered: 0, outcome: '' }),
    ]);
    expect((await mirage('dump', 'fake-ip')).out).toBe(
      `FAKE IP      NAME         STATE    PIN     ANSWERS  FLOWS  LIVE  ANSWERED  CONNECTED  OUTCOME  FORMER NAME  FAKE IPV6
198.18.0.9   far.example  live     pinned        4      3     0     1 min        5 s  ok       was.example  fdfe:dcba:9876::9
198.18.0.10  (name lost)  unknown                4      3     0     never        5 s
`,
    );
  });

  test('a narrow terminal leaves out what can be spared, and no more', async () => {
    terminal = 80;
    const upstream = { upstream: 'udp://192.0.2.53:53', upstreamMs: 12.4 };
    tableOf([
      question('1', { answer: 'cdn.example, 203.0.113.80, 203.0.113.81', process: 'firefox', ...upstream }),
      question('2', {
        name: `${'label.'.repeat(9)}example`,
        type: 'HTTPS',
        verdict: 'recovered',
        process: 'a-long-process',
      }),
    ]);
    const { out } = await mirage('dump', 'dns');
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(out).toMatch(/^TIME +PROCESS +NAME +TYPE +VERDICT +ANSWER +TOOK\n/);
    terminal = 160;
    expect((await mirage('dump', 'dns')).out).toMatch(/ tun +firefox .* udp:\/\/192\.0\.2\.53:53 +12 ms\n/);
  });

  test.each([80, 160])(
    'in %i columns a name that does not exist is not one without records, nor an error',
    async (width) => {
      terminal = width;
      tableOf([
        question('1', { rcode: 'NXDOMAIN', answer: '' }),
        question('2', { answer: '' }),
        question('3', { verdict: 'error', rcode: 'SERVFAIL', answer: '' }),
        question('4', { rcode: 'NXDOMAIN', answer: 'x.example' }),
        question('5', { verdict: 'recovered', type: '', rcode: '', answer: '198.18.0.9' }),
      ]);
      const lines = (await mirage('dump', 'dns')).out.split('\n').slice(1, 6);
      expect(lines.map((line) => /(?:real|error|recovered) +(.*?)(?: {2}|$)/.exec(line)?.[1])).toEqual([
        'NXDOMAIN',
        '(no records)',
        'SERVFAIL',
        'NXDOMAIN x.example',
        '198.18.0.9',
      ]);
    },
  );

  test('--follow: the last rows, then each as it comes, once, until it is ended', async () => {
    tableOf([question('1', { name: 'first.example' }), question('2', { name: 'second.example' })]);
    const running = mirage('dump', 'dns', '--follow', '-n', '1', '-s', 'example');
    const subscription = await subscribed();
    expect(subscription.options).toEqual({ limit: 10_000, search: 'example' });
    const batch = { epoch: 1, sequence: 1, reset: false, counters: [], removed: [], total: 3 };
    await new Promise((resolve) => setImmediate(resolve));
    subscription.push({ ...batch, rows: [question('2', { process: 'curl' }), question('3', { process: 'curl' })] });
    end();
    const { code, out } = await running;
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.trim().split(/ {2,}/).slice(1, 3))).toEqual([
      ['CLIENT', 'PROCESS'],
      ['tun', 'second.example'],
      ['tun', 'curl'],
      [],
    ]);
    expect(helper.subscriptions).toEqual([]);
  });

  test('--follow --json: a row a line; a helper that goes away ends it', async () => {
    tableOf([question('1')]);
    const running = mirage('dump', 'dns', '--follow', '--json');
    await subscribed();
    await new Promise((resolve) => setImmediate(resolve));
    helper.down();
    const { code, out } = await running;
    expect(code).toBe(3);
    const [first = '', ...rest] = out.split('\n');
    expect(JSON.parse(first)).toEqual(question('1'));
    expect(JSON.parse(rest.join('\n'))).toMatchObject({ error: { code: 'HELPER_NOT_RUNNING' } });
  });

  test.each([['--follow'], []])('a table that the helper refuses ends it with the reason (%s)', async (...how) => {
    const running = mirage('dump', 'dns', ...how);
    (await subscribed()).refuse({ code: 'RPC_BUSY', message: 'too many subscriptions' });
    const { code, err } = await running;
    expect(code).not.toBe(0);
    expect(err).toContain('RPC_BUSY');
    expect(err).toContain('too many subscriptions');
    expect(helper.subscriptions).toEqual([]);
  });

  test('an empty table says so', async () => {
    tableOf([]);
    expect((await mirage('dump', 'fake-ip')).out).toBe('No mappings: no name has been asked for yet.\n');
    expect((await mirage('dump', 'fake-ip', '-s', 'x')).out).toBe('Nothing matches the search.\n');
    expect((await mirage('dump', 'fake-ip', '--json')).out).toBe('[]\n');
  });

  test('a hostile name cannot write on the terminal', async () => {
    tableOf([row('a', 'evil\u001b[2J\u202egpj.example')]);
    const { out } = await mirage('dump', 'connections');
    expect(out).not.toContain('\u001b');
    expect(out).not.toContain('\u202e');
    expect(out).toContain('evil\ufffd[2J\ufffdgpj.example:443');
  });
});

describe('questions', () => {
  test('test-rule shows each rule and why', async () => {
    helper.answers = {
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
    expect(helper.calls).toEqual([['testRule', { host: 'b.example', port: 8443, network: 'udp' }]]);
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
    expect(helper.calls).toEqual([['testRule', { ...target, network: 'tcp' }]]);
  });

  test('dns-query', async () => {
    helper.answers = {
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
    helper.answers = empty('NOERROR');
    expect((await mirage('dns-query', 'far.example', 'aaaa')).out).toBe(
      'NOERROR  fake, 0.4 ms\nThe answer has no records of type AAAA.\n',
    );
    helper.answers = empty('NXDOMAIN');
    expect((await mirage('dns-query', 'far.example', 'aaaa')).out).toBe('NXDOMAIN  fake, 0.4 ms\n');
  });

  test('dns-query names the upstream, and shows the chain of aliases', async () => {
    const alias = { name: 'www.far.example', type: 'CNAME', ttl: 300, data: 'cdn.example' };
    const answers = [alias, { name: 'cdn.example', type: 'A', ttl: 30, data: '203.0.113.80' }];
    const answer = { rcode: 'NOERROR', verdict: 'real', upstream: 'tls://192.0.2.53:853', ms: 31.7 };
    helper.answers = { dnsQuery: () => ({ ...answer, answers }) };
    expect((await mirage('dns-query', 'www.far.example')).out).toBe(
      `NOERROR  real, by tls://192.0.2.53:853, 32 ms
NAME             TTL  TYPE   DATA
www.far.example  300  CNAME  cdn.example
cdn.example       30  A      203.0.113.80
`,
    );
    helper.answers = { dnsQuery: () => ({ ...answer, answers: [alias] }) };
    expect((await mirage('dns-query', 'www.far.example', 'aaaa')).out).toContain(
      'The answer has no records of type AAAA.\nNAME ',
    );
  });

  test('close and restore', async () => {
    expect((await mirage('close', 'a', 'b')).out).toBe('Closed 2 connections.\n');
    helper.answers = { closeFlows: () => ({ closed: 1 }) };
    expect((await mirage('close', '--all', '--json')).out).toBe('{\n  "closed": 1\n}\n');
    expect(helper.calls.map(([, params]) => params)).toEqual([{ ids: ['a', 'b'] }, { all: true }]);
    expect(await mirage('close', 'a', 'b')).toMatchObject({
      code: 1,
      out: 'Closed 1 connection of 2: the rest had ended before, or never were.\n',
    });
    expect((await mirage('close', 'a', 'a')).code).toBe(0);
    helper.answers = { closeFlows: () => ({ closed: 0 }) };
    expect(await mirage('close', '--all')).toMatchObject({ code: 0, out: 'There was no connection to close.\n' });
    expect((await mirage('close', '999', '--json')).code).toBe(1);
    expect((await mirage('restore')).out).toBe('Nothing was to be undone.\n');
    helper.answers = { restore: () => ({ undone: [{ id: '1', what: 'link mirage0', where: 'kernel', since: now }] }) };
    expect((await mirage('restore')).out).toBe(
      'Undone: 1 change.\nSINCE  WHAT          WHERE\n  0 s  link mirage0  kernel\n',
    );
  });

  describe('restore where the helper cannot be reached', () => {
    const typed = 'sudo /opt/m/helper --restore';
    beforeEach(() => {
      unreachable = new AppError('HELPER_NOT_RUNNING', 'nothing listens');
    });

    test('asks, then goes around it through sudo', async () => {
      answer = true;
      expect(await mirage('restore')).toEqual({ code: 0, out: '', err: '' });
      expect(questions).toEqual([expect.stringContaining(typed)]);
      expect(ran).toEqual([['sudo', '/opt/m/helper', '--restore']]);
    });

    test.each([
      ['a no', false],
      ['nobody to ask', undefined],
    ])('%s leaves it, and names the way', async (_, said) => {
      answer = said;
      const { code, err } = await mirage('restore');
      expect(code).toBe(3);
      expect(err).toContain(typed);
      expect(ran).toEqual([]);
    });

    test('--yes asks nobody; programs are told that it went without the helper', async () => {
      const { code, out } = await mirage('restore', '--yes', '--json');
      expect(code).toBe(0);
      expect(JSON.parse(out)).toEqual({ undone: null, offline: true });
      expect(questions).toEqual([]);
      expect(ran).toHaveLength(1);
    });

    test('--json alone asks nobody and changes nothing', async () => {
      const { code, out } = await mirage('restore', '--json');
      expect(code).toBe(3);
      expect(JSON.parse(out)).toMatchObject({
        error: { code: 'HELPER_NOT_RUNNING', expected: expect.stringContaining(typed) },
      });
      expect([questions, ran]).toEqual([[], []]);
    });

    test('what could not be undone is a failure', async () => {
      answer = true;
      programCode = 1;
      const { code, err } = await mirage('restore');
      expect(code).toBe(1);
      expect(err).toContain(typed);
    });

    test('a helper that refuses this user is not gone around', async () => {
      unreachable = new AppError('HELPER_NOT_ALLOWED', 'not you');
      answer = true;
      expect((await mirage('restore')).code).toBe(5);
      expect([questions, ran]).toEqual([[], []]);
    });

    test('where it is not installed there is no such way', async () => {
      offlineRestore = undefined;
      expect((await mirage('restore', '--yes')).code).toBe(3);
      expect(ran).toEqual([]);
    });
  });

  test('switch', async () => {
    await mirage('switch', 'system-dns', 'off');
    await mirage('switch', 'auto-route', 'on');
    expect(helper.calls).toEqual([
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
    expect(helper.calls).toEqual([['getSnapshot', {}]]);
    expect(JSON.parse((await mirage('dns-mode', '--json')).out)).toEqual({ mode: 'fake-ip', chosen: false });
  });

  test('chooses one, and gives the choice back to the profile', async () => {
    const { out } = await mirage('dns-mode', 'redir-host');
    expect(out).toMatch(/^redir-host, chosen by hand \("mirage dns-mode profile" undoes it\)\n/);
    expect(JSON.parse((await mirage('dns-mode', 'fake-ip', '--json')).out)).toEqual({ mode: 'fake-ip', chosen: true });
    expect((await mirage('dns-mode', 'profile')).out).toMatch(/^fake-ip, as the profile says\n/);
    expect(helper.calls).toEqual([
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
    expect(helper.calls.slice(1)).toEqual([
      ['setSwitches', { mode: 'global' }],
      ['setSwitches', { mode: 'direct' }],
      ['setSwitches', { mode: null }],
    ]);
  });
});

describe('proxies', () => {
  const by = { url: 'http://t.example/', expectedStatus: '*', timeout: 900 };
  const node = (name: string, rest: Partial<ProxyRow> = {}): ProxyRow => ({
    name,
    order: 0,
    kind: 'socks5',
    way: 'proxied',
    udp: true,
    testing: false,
    delays: [],
    ...rest,
  });
  const tested = (ms: number | null, at = 2_000) => ({
    delays: [
      { ...by, alive: ms !== null, history: [{ at, ms, ...(ms === null ? { code: 'DIAL_TIMEOUT' as const } : {}) }] },
    ],
  });
  const rows: ProxyRow[] = [
    node('a', tested(31)),
    node('b', tested(null)),
    node('ss', {
      kind: 'ss',
      way: 'rejected',
      refusal: { code: 'DIAL_NOT_SPOKEN', message: 'ss is not supported yet' },
    }),
    node('pick', {
      kind: 'select',
      group: {
        type: 'select',
        members: ['auto', 'ss'],
        now: 'auto',
        leaf: 'a',
        chosen: null,
        selectable: true,
        test: { ...by, interval: 300, tolerance: 0, lazy: true },
        hidden: false,
      },
    }),
  ];

  test('groups with where they lead, then nodes with their last delay', async () => {
    tableOf(rows);
    expect((await mirage('proxies')).out).toBe(`GROUP  TYPE    NOW   NODE  MEMBERS
pick   select  auto  a           2

NODE  TYPE    UDP         DELAY
a     socks5  yes         31 ms
b     socks5  yes  DIAL_TIMEOUT
ss    ss                         ss is not supported yet
`);
    expect(JSON.parse((await mirage('proxies', '--json')).out)).toEqual(rows);
  });

  test('a choice, and what the group does by itself', async () => {
    helper.answers = { selectProxy: ({ member }) => ({ now: member ?? 'a' }) };
    expect((await mirage('select', 'pick', 'auto')).out).toBe('pick leads to auto\n');
    expect(JSON.parse((await mirage('select', 'pick', '-', '--json')).out)).toEqual({
      group: 'pick',
      member: null,
      now: 'a',
    });
  });

  test('delays, the shortest first, with progress on standard error', async () => {
    helper.answers = { testProxies: () => ({ nodes: ['b', 'a'], test: by, startedAt: 1_000 }) };
    tableOf(rows);
    const { out, err } = await mirage('delay', 'auto');
    expect(out).toBe('       DELAY  NODE\n       31 ms  a\nDIAL_TIMEOUT  b\n');
    expect(err).toBe('2 of 2 tested\n');
    expect(helper.calls).toEqual([['testProxies', { policy: 'auto' }]]);
    const json = await mirage('delay', '--json');
    expect([JSON.parse(json.out), json.err]).toEqual([
      [
        { node: 'a', delay: { at: 2_000, ms: 31 } },
        { node: 'b', delay: { at: 2_000, ms: null, code: 'DIAL_TIMEOUT' } },
      ],
      '',
    ]);
  });

  test('what is older than the test is no result of it; an interrupted one is ended in the helper', async () => {
    helper.answers = { testProxies: () => ({ nodes: ['a'], test: by, startedAt: 1_000 }) };
    tableOf([node('a', { ...tested(31, 500), testing: true })]);
    end();
    expect(await mirage('delay', 'a')).toMatchObject({ code: 0, out: 'nothing that could be tested\n' });
    expect(helper.calls.at(-1)).toEqual(['stopTests', {}]);
  });
});

describe('mapping', () => {
  const table = [
    mapping('198.18.0.9', { name: 'nas.example', address6: 'fdfe::9' }),
    mapping('198.18.0.7', { name: 'nas.example', state: 'retired' }),
    mapping('198.18.0.8', { name: 'old.nas.example' }),
    mapping('198.18.0.10', { name: 'xn--bcher-kva.example' }),
    mapping('198.18.0.11', { name: '', state: 'unknown' }),
  ];

  test('addresses of both families and names as people write them, each once', async () => {
    tableOf(table);
    const wanted = ['NAS.example.', '198.18.0.9', 'FDFE:0::9', 'B\u00fccher.example', '198.18.0.7'];
    expect((await mirage('mapping', 'pin', ...wanted)).out).toBe('Pinned 3 addresses.\n');
    const addresses = ['198.18.0.9', '198.18.0.10', '198.18.0.7'];
    expect(helper.calls).toEqual([['changeMappings', { addresses, action: 'pin' }]]);
    expect(helper.subscriptions).toEqual([]);
  });

  test('the helper searches for one; for several, and for what it does not search, the table is read once', async () => {
    tableOf(table);
    const searches: (string | undefined)[] = [];
    const subscribe = helper.subscribe.bind(helper);
    helper.subscribe = (topic, options, handler, onRefused) => {
      searches.push(options.search);
      return subscribe(topic, options, handler, onRefused);
    };
    await mirage('mapping', 'pin', 'NAS.example');
    await mirage('mapping', 'pin', 'nas.example', '198.18.0.8');
    await mirage('mapping', 'pin', 'fdfe::9');
    expect(searches).toEqual(['nas.example', '', '']);
  });

  test('releasing says what it means; --json has what was changed', async () => {
    tableOf(table);
    expect((await mirage('mapping', 'release', '198.18.0.9')).out).toBe(`Released 1 address.
The old address stays understood until its rest ends, so that running programs go on.
`);
    expect(JSON.parse((await mirage('mapping', 'unpin', '198.18.0.9', '--json')).out)).toEqual({
      addresses: ['198.18.0.9'],
      changed: 1,
    });
    expect(helper.calls.map(([, params]) => params)).toEqual([
      { addresses: ['198.18.0.9'], action: 'retire' },
      { addresses: ['198.18.0.9'], action: 'unpin' },
    ]);
  });

  test('those that were passed over are told', async () => {
    tableOf(table);
    helper.answers = { changeMappings: () => ({ changed: 1 }) };
    expect((await mirage('mapping', 'pin', '198.18.0.9', '198.18.0.10')).out).toBe(
      'Pinned 1 address of 2: the rest are pinned already, or of a former range.\n',
    );
    helper.answers = { changeMappings: () => ({ changed: 0 }) };
    expect(await mirage('mapping', 'release', '198.18.0.9')).toEqual({
      code: 0,
      err: '',
      out: 'Nothing changed: it is pinned, or released already.\n',
    });
  });

  test('what has no mapping is named, all of it, and nothing is changed', async () => {
    tableOf(table);
    expect(await mirage('mapping', 'pin', '198.18.0.9', 'example', '198.18.0.30', '198.18.0.11')).toEqual({
      code: 1,
      out: '',
      err: `error FAKE_IP_UNKNOWN_ADDRESS: no mapping is known of "example", "198.18.0.30", "198.18.0.11"; nothing was changed
  what to do: name an address, or a name, as "mirage dump fake-ip" prints them
`,
    });
    expect(helper.calls).toEqual([]);
  });
});

describe('flush', () => {
  test('dns says how many answers are forgotten', async () => {
    helper.answers = { flushDnsCache: () => ({ answers: 1 }) };
    expect((await mirage('flush', 'dns')).out).toBe('Forgot 1 answer of upstreams.\n');
    expect((await mirage('flush', 'dns', '--json')).out).toBe('{\n  "answers": 1\n}\n');
    helper.answers = {};
    expect((await mirage('flush', 'dns')).out).toBe('There was no answer to forget.\n');
  });

  test('fake-ip says how many, and what stays', async () => {
    helper.answers = { flushFakeIp: () => ({ retired: 1_200 }) };
    expect((await mirage('flush', 'fake-ip')).out).toBe(`Released 1,200 mappings.
Old addresses stay understood until their rest ends, so that running programs go on. Pinned mappings were kept.
`);
    expect(JSON.parse((await mirage('flush', 'fake-ip', '--json')).out)).toEqual({ retired: 1_200 });
    helper.answers = {};
    expect((await mirage('flush', 'fake-ip')).out).toBe('There was no mapping to release.\n');
  });
});

describe('check --explain', () => {
  test('tells the fate, the meaning and the values of a key, for people and for programs', async () => {
    const { code, out } = await mirage('check', '--explain', 'proxy-groups.url-test.tolerance');
    expect(code).toBe(0);
    expect(out).toBe(`proxy-groups.tolerance (of url-test): supported
  means: By how much another member must be faster to be taken instead.
  value: a whole number from 0 to 65535, in milliseconds
  default: 0
    proxy-groups:
      - tolerance: 50
`);
    const json = JSON.parse((await mirage('check', '--explain', 'tun.stack', '--json')).out);
    expect(json).toEqual([
      { key: 'tun.stack', fate: 'ignored', fateText: expect.any(String), why: 'ignored: there is one network stack' },
    ]);
  });

  test('a key that is not known names those that are near, and one of file and key is needed', async () => {
    const { code, err } = await mirage('check', '--explain', 'dns.fake-ip-fliter');
    expect([code, err]).toEqual([2, expect.stringContaining('perhaps dns.fake-ip-filter')]);
    expect((await mirage('check')).code).toBe(2);
    expect((await mirage('check', 'a.yaml', '--explain', 'dns')).code).toBe(2);
  });
});

describe('check', () => {
  test('a good profile', async () => {
    expect(await mirage('check', 'p.yaml')).toEqual({
      code: 0,
      err: '',
      out: 'valid: 0 proxies, 1 rule, no problems\n',
    });
    expect(opened).toEqual([]);
  });

  test('a bad one: exit code 4', async () => {
    profile = {
      path: '',
      text: 'a: b\n',
      problems: [{ severity: 'error', code: 'CONTRACT', path: '', message: 'is no YAML', line: 1, column: 4 }],
    };
    const { code, out } = await mirage('check', 'p.yaml');
    expect(code).toBe(4);
    expect(out).toBe(
      'p.yaml:1:4: error[CONTRACT]: is no YAML\n    a: b\n       ^\n\nnot valid, so it is not applied: 1 error\n',
    );
    const json = await mirage('check', '/x/p.yaml', '--json');
    expect(json.code).toBe(4);
    expect(JSON.parse(json.out)).toEqual({
      file: '/x/p.yaml',
      valid: false,
      problems: profile.problems.map((problem) => ({ ...problem, fate: 'error' })),
    });
  });
});

describe('serve', () => {
  test('options and their defaults', async () => {
    await mirage('serve');
    await mirage('serve', '--port', '9797', '--enhanced', '--no-open', '--config', 'p.yaml');
    expect(served[0]).not.toHaveProperty('port');
    expect(served).toMatchObject([
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
    unreachable = new AppError(errorCode, 'it is so');
    expect((await mirage('status')).code).toBe(exitCode);
  });

  test('a code, a sentence, what to do', async () => {
    unreachable = new AppError('HELPER_NOT_RUNNING', 'nothing listens at /run/mirage/helper.sock');
    expect(await mirage('status')).toEqual({
      code: 3,
      out: '',
      err: `error HELPER_NOT_RUNNING: nothing listens at /run/mirage/helper.sock
  what to do: start it with "npm start"; if the network does not work meanwhile: "mirage restore"
`,
    });
  });

  test('what the error itself advises comes before the general', async () => {
    unreachable = new AppError('HELPER_IN_USE', 'it is used by uid 5', { expected: 'ask Bob' });
    expect((await mirage('status')).err).toBe('error HELPER_IN_USE: it is used by uid 5\n  what to do: ask Bob\n');
  });

  test('a wrong parameter: what was expected', async () => {
    unreachable = new AppError('RPC_BAD_PARAMS', '"x" is no record type', { expected: 'A, AAAA, ...' });
    expect((await mirage('status')).err).toBe(
      'error RPC_BAD_PARAMS: "x" is no record type\n  expected: A, AAAA, ...\n',
    );
  });

  test('--json has them on standard output, as data', async () => {
    unreachable = new AppError('HELPER_IN_USE', 'it is used by uid 5');
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
    helper.answers = { getSnapshot: () => Promise.reject(new AppError('INTERNAL', 'oh')) };
    expect((await mirage('status')).code).toBe(1);
    expect(helper.closed).toBe(true);
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
    expect(opened).toEqual([]);
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
