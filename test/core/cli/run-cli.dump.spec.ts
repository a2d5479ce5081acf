import { describe, expect, test } from 'vitest';
import { cliGround, mapping, now, question, row } from '../../support/cli-ground.ts';
import { HelperDouble } from '../../support/helper-double.ts';

const ground = cliGround();
const { mirage, subscribed, tableOf } = ground;

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
    const subscribe = ground.helper.subscribe.bind(ground.helper);
    ground.helper.subscribe = (topic, options, handler, onRefused) => {
      wanted.push([topic, options]);
      return subscribe(topic, options, handler, onRefused);
    };
    await mirage('dump', 'connections', '--closed', '-s', 'a', '-n', '7');
    expect(wanted).toEqual([['connections', { limit: 7, search: 'a', closed: true }]]);
    expect(ground.helper.subscriptions).toEqual([]);
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
    ground.helper = new HelperDouble();
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
    ground.helper = new HelperDouble();
    tableOf([{ id: '1', time, level: 'info', component: 'dispatcher', message: 'flow closed up=1' }]);
    expect((await mirage('dump', 'logs')).out).toBe(
      `TIME          LEVEL  COMPONENT   MESSAGE
14:03:59.007  info   dispatcher  flow closed up=1
`,
    );
  });

  test('rules, searched here', async () => {
    ground.helper.answers = {
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
    ground.terminal = 160;
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
    ground.terminal = 80;
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
    ground.terminal = 160;
    expect((await mirage('dump', 'dns')).out).toMatch(/ tun +firefox .* udp:\/\/192\.0\.2\.53:53 +12 ms\n/);
  });

  test.each([80, 160])(
    'in %i columns a name that does not exist is not one without records, nor an error',
    async (width) => {
      ground.terminal = width;
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
    ground.end();
    const { code, out } = await running;
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.trim().split(/ {2,}/).slice(1, 3))).toEqual([
      ['CLIENT', 'PROCESS'],
      ['tun', 'second.example'],
      ['tun', 'curl'],
      [],
    ]);
    expect(ground.helper.subscriptions).toEqual([]);
  });

  test('--follow --json: a row a line; a helper that goes away ends it', async () => {
    tableOf([question('1')]);
    const running = mirage('dump', 'dns', '--follow', '--json');
    await subscribed();
    await new Promise((resolve) => setImmediate(resolve));
    ground.helper.down();
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
    expect(ground.helper.subscriptions).toEqual([]);
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
