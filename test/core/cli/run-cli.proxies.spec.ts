import { describe, expect, test } from 'vitest';
import type { ProxyRow } from '../../../core/contract/proxies.ts';
import { cliGround, mapping } from '../../support/cli-ground.ts';

const ground = cliGround();
const { mirage, tableOf } = ground;

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
    ground.helper.answers = { selectProxy: ({ member }) => ({ now: member ?? 'a' }) };
    expect((await mirage('select', 'pick', 'auto')).out).toBe('pick leads to auto\n');
    expect(JSON.parse((await mirage('select', 'pick', '-', '--json')).out)).toEqual({
      group: 'pick',
      member: null,
      now: 'a',
    });
  });

  test('delays, the shortest first, with progress on standard error', async () => {
    ground.helper.answers = { testProxies: () => ({ nodes: ['b', 'a'], test: by, startedAt: 1_000 }) };
    tableOf(rows);
    const { out, err } = await mirage('delay', 'auto');
    expect(out).toBe('       DELAY  NODE\n       31 ms  a\nDIAL_TIMEOUT  b\n');
    expect(err).toBe('2 of 2 tested\n');
    expect(ground.helper.calls).toEqual([['testProxies', { policy: 'auto' }]]);
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
    ground.helper.answers = { testProxies: () => ({ nodes: ['a'], test: by, startedAt: 1_000 }) };
    tableOf([node('a', { ...tested(31, 500), testing: true })]);
    ground.end();
    expect(await mirage('delay', 'a')).toMatchObject({ code: 0, out: 'nothing that could be tested\n' });
    expect(ground.helper.calls.at(-1)).toEqual(['stopTests', {}]);
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
    expect(ground.helper.calls).toEqual([['changeMappings', { addresses, action: 'pin' }]]);
    expect(ground.helper.subscriptions).toEqual([]);
  });

  test('the helper searches for one; for several, and for what it does not search, the table is read once', async () => {
    tableOf(table);
    const searches: (string | undefined)[] = [];
    const subscribe = ground.helper.subscribe.bind(ground.helper);
    ground.helper.subscribe = (topic, options, handler, onRefused) => {
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
    expect(ground.helper.calls.map(([, params]) => params)).toEqual([
      { addresses: ['198.18.0.9'], action: 'retire' },
      { addresses: ['198.18.0.9'], action: 'unpin' },
    ]);
  });

  test('those that were passed over are told', async () => {
    tableOf(table);
    ground.helper.answers = { changeMappings: () => ({ changed: 1 }) };
    expect((await mirage('mapping', 'pin', '198.18.0.9', '198.18.0.10')).out).toBe(
      'Pinned 1 address of 2: the rest are pinned already, or of a former range.\n',
    );
    ground.helper.answers = { changeMappings: () => ({ changed: 0 }) };
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
    expect(ground.helper.calls).toEqual([]);
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
    expect(ground.opened).toEqual([]);
  });

  test('a bad one: exit code 4', async () => {
    ground.profile = {
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
      problems: ground.profile.problems.map((problem) => ({ ...problem, fate: 'error' })),
    });
  });
});
