import { beforeEach, describe, expect, test } from 'vitest';
import { NameserverPolicy, NetworkResolver, PolicyResolver } from '../../../../core/dns/router/chosen-resolver.ts';
import { settle } from '../../../support/manual-clock.ts';
import { ScriptedResolver, TableResolver } from '../resolver/scripted-resolver.ts';
import { record } from '../upstream/fake-upstream.ts';

const question = { name: 'example.com', type: 'A' };
const never = new AbortController().signal;
let usual: ScriptedResolver;
let other: ScriptedResolver;

beforeEach(() => {
  usual = new ScriptedResolver('usual');
  other = new ScriptedResolver('other');
});

describe('the policy', () => {
  let third: ScriptedResolver;
  let policy: PolicyResolver;

  beforeEach(() => {
    third = new ScriptedResolver('third');
    const entries = [
      { patterns: ['+.corp.example', 'single.example', '+.twice.example'], servers: [] },
      {
        patterns: ['*.lan', 'www.corp.example', '*.dev.corp.example', '.below.example', '+.twice.example'],
        servers: [],
      },
    ];
    policy = new PolicyResolver(usual, new NameserverPolicy(entries), (entry) =>
      entry === entries[0] ? other : third,
    );
  });

  test.each([
    ['corp.example', 'other'],
    // The closest pattern, wherever it stands, as real mihomo does.
    ['www.corp.example', 'third'],
    ['a.www.corp.example', 'other'],
    ['a.dev.corp.example', 'third'],
    ['dev.corp.example', 'other'],
    ['a.twice.example', 'other'],
    ['a.b.corp.example', 'other'],
    ['single.example', 'other'],
    ['www.single.example', 'usual'],
    ['notcorp.example', 'usual'],
    ['printer.lan', 'third'],
    ['a.printer.lan', 'usual'],
    ['lan', 'usual'],
    ['a.below.example', 'third'],
    ['below.example', 'usual'],
    ['', 'usual'],
  ])('%s is asked of the %s server', async (name, who) => {
    const asker = new AbortController();
    const answer = policy.query({ name, type: 'AAAA' }, asker.signal);
    for (const resolver of [usual, other, third]) resolver.answer();
    expect((await answer).upstream).toBe(who);
    const asked = [usual, other, third].flatMap((resolver) => resolver.asked);
    expect(asked).toEqual([{ question: { name, type: 'AAAA' }, signal: asker.signal }]);
  });

  test('passes an error of the chosen server on: nobody else is asked about such a name', async () => {
    const answer = policy.query({ name: 'corp.example', type: 'A' }, never);
    other.fail('DNS_TIMEOUT');
    await expect(answer).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
    expect(usual.asked).toEqual([]);
  });

  test('of a wrong pattern is refused with the pattern named', () => {
    expect(() => new NameserverPolicy([{ patterns: ['a..b'], servers: [] }])).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^nameserver-policy: "a\.\.b": ./) as string,
      }) as Error,
    );
  });
});

describe('the network', () => {
  const names = {
    isOwn: async (name: string): Promise<boolean> => await Promise.resolve(name === 'nas.lan'),
    isOwnBesides: async (name: string): Promise<boolean> => await Promise.resolve(name === 'wiki.company.com'),
  };
  const nas = { name: 'nas.lan', type: 'A' };

  test('is asked about its own names, and the usual servers about the others', async () => {
    const resolver = new NetworkResolver(usual, other, names);
    void resolver.query(nas, never);
    void resolver.query(question, never);
    await settle();
    expect([usual.asked, other.asked]).toMatchObject([[{ question }], [{ question: nas }]]);
  });

  test('is asked besides about what the usual servers deny, where it knows it', async () => {
    const here = new TableResolver({
      'A wiki.company.com': [record('wiki.company.com', 'A', '10.1.1.1')],
      'A www.company.com': [record('www.company.com', 'A', '10.1.1.2')],
      'A wiki.other.com': [record('wiki.other.com', 'A', '10.1.1.3')],
    });
    const there = new TableResolver({ 'A www.company.com': [record('www.company.com', 'A', '198.51.100.1')] });
    const resolver = new NetworkResolver(there, here, names);
    const ask = async (name: string) => {
      const { message } = await resolver.query({ name, type: 'A' }, never);
      return message.answers[0]?.data ?? message.rcode;
    };
    const asked = ['wiki.company.com', 'www.company.com', 'wiki.other.com'];
    expect(await Promise.all(asked.map(ask))).toEqual(['10.1.1.1', '198.51.100.1', 'NXDOMAIN']);
    expect(here.asked).toEqual(['A wiki.company.com']);
  });

  test('without servers leaves its names to the usual ones; an error of its servers is told', async () => {
    const resolver = new NetworkResolver(usual, other, names);
    const failed = resolver.query(nas, never);
    await settle();
    other.fail('DNS_TIMEOUT');
    await expect(failed).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
    expect(usual.asked).toEqual([]);
    void resolver.query(nas, never);
    await settle();
    other.fail('DNS_NO_UPSTREAM');
    await settle();
    expect(usual.asked).toMatchObject([{ question: nas }]);
  });
});

test('entries with sets keep their place; between them the closest pattern counts', () => {
  const server = (address: string) => [{ kind: 'udp' as const, address, port: 53 }];
  const sets = { identity: '', has: (set: string, name: string) => set === 'geosite:cn' && name.endsWith('.cn') };
  const policy = new NameserverPolicy(
    [
      { patterns: ['+.example.cn'], servers: server('192.0.2.1') },
      { patterns: [], sets: ['rule-set:gone', 'geosite:cn'], servers: server('192.0.2.2') },
      { patterns: ['late.cn', '+.example'], servers: server('192.0.2.3') },
      { patterns: ['a.example'], servers: server('192.0.2.4') },
    ],
    sets,
  );
  const asked = (name: string) =>
    policy.entryOf(name)?.servers.map((each) => ('address' in each ? each.address.slice(-1) : ''))[0];
  expect(['www.example.cn', 'b.cn', 'late.cn', 'b.example', 'a.example', 'com'].map(asked)).toEqual([
    '1',
    '2',
    '2',
    '3',
    '4',
    undefined,
  ]);
});

test('names of a policy that says the answer, and only those', () => {
  const policy = new NameserverPolicy([
    { patterns: ['good.ads.example'], servers: [{ kind: 'system' }] },
    { patterns: ['+.ads.example'], servers: [{ kind: 'rcode', rcode: 'REFUSED' }] },
    { patterns: ['+.half.example'], servers: [{ kind: 'rcode', rcode: 'REFUSED' }, { kind: 'system' }] },
    { patterns: ['worse.good.ads.example'], servers: [{ kind: 'rcode', rcode: 'NXDOMAIN' }] },
  ]);
  const names = [
    'ads.example',
    'good.ads.example',
    'a.good.ads.example',
    'worse.good.ads.example',
    'x.half.example',
    'y',
  ];
  expect(names.filter((name) => policy.answersByCode(name))).toEqual([
    'ads.example',
    'a.good.ads.example',
    'worse.good.ads.example',
  ]);
});
