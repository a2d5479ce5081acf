import { beforeEach, describe, expect, test } from 'vitest';
import { NetworkResolver, PolicyResolver } from '../../../core/dns/chosen-resolver.ts';
import { settle } from '../../support/manual-clock.ts';
import { record } from './fake-upstream.ts';
import { ScriptedResolver, TableResolver } from './scripted-resolver.ts';

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
    policy = new PolicyResolver(usual, [
      { patterns: ['+.corp.example', 'single.example'], resolver: other },
      { patterns: ['*.lan', 'www.corp.example', '.below.example'], resolver: third },
    ]);
  });

  test.each([
    ['corp.example', 'other'],
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

  test('takes the first entry that fits, not the closest', async () => {
    const answer = policy.query({ name: 'www.corp.example', type: 'A' }, never);
    other.answer();
    expect((await answer).upstream).toBe('other');
  });

  test('passes an error of the chosen server on: nobody else is asked about such a name', async () => {
    const answer = policy.query({ name: 'corp.example', type: 'A' }, never);
    other.fail('DNS_TIMEOUT');
    await expect(answer).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
    expect(usual.asked).toEqual([]);
  });

  test('of a wrong pattern is refused with the pattern named', () => {
    expect(() => new PolicyResolver(usual, [{ patterns: ['a..b'], resolver: other }])).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^nameserver-policy: "a\.\.b": ./) as string,
      }) as Error,
    );
  });
});

describe('the network', () => {
  const names = {
    mayKnowBesides: (name: string) => name.endsWith('.company.com'),
    settle: async (name: string): Promise<'own' | 'unsure' | 'other'> =>
      await Promise.resolve(name === 'nas.lan' ? 'own' : name.endsWith('.corp.example.com') ? 'unsure' : 'other'),
  } as const;
  const nas = { name: 'nas.lan', type: 'A' };

  test('is asked about its own names, and the usual servers about the others', async () => {
    const resolver = new NetworkResolver(usual, other, names);
    void resolver.query(nas, never);
    void resolver.query(question, never);
    await settle();
    expect([usual.asked, other.asked]).toMatchObject([[{ question }], [{ question: nas }]]);
  });

  test('is believed about a name that only may be its own where it has a private address', async () => {
    const wiki = { name: 'wiki.corp.example.com', type: 'A' };
    const resolver = new NetworkResolver(
      new TableResolver({ 'A wiki.corp.example.com': [record('wiki.corp.example.com', 'A', '198.51.100.1')] }),
      new TableResolver({ 'A wiki.corp.example.com': [record('wiki.corp.example.com', 'A', '10.1.1.1')] }),
      names,
    );
    expect((await resolver.query(wiki, never)).message.answers).toMatchObject([{ data: '10.1.1.1' }]);
    const elsewhere = new NetworkResolver(
      new TableResolver({ 'A wiki.corp.example.com': [record('wiki.corp.example.com', 'A', '198.51.100.1')] }),
      new TableResolver({ 'A wiki.corp.example.com': [record('wiki.corp.example.com', 'A', '203.0.113.1')] }),
      names,
    );
    expect((await elsewhere.query(wiki, never)).message.answers).toMatchObject([{ data: '198.51.100.1' }]);
  });

  test('is asked besides about what the usual servers deny in its search list, where that goes DIRECT: private addresses', async () => {
    const here = new TableResolver({
      'A wiki.company.com': [record('wiki.company.com', 'A', '10.1.1.1')],
      'A ads.company.com': [record('ads.company.com', 'A', '203.0.113.9')],
      'A www.company.com': [record('www.company.com', 'A', '10.1.1.2')],
      'A wiki.other.com': [record('wiki.other.com', 'A', '10.1.1.3')],
    });
    const there = new TableResolver({ 'A www.company.com': [record('www.company.com', 'A', '198.51.100.1')] });
    const resolver = new NetworkResolver(there, here, names);
    const ask = async (name: string) => {
      const { message } = await resolver.query({ name, type: 'A' }, never);
      return message.answers[0]?.data ?? message.rcode;
    };
    expect(
      await Promise.all(['wiki.company.com', 'ads.company.com', 'www.company.com', 'wiki.other.com'].map(ask)),
    ).toEqual(['10.1.1.1', 'NXDOMAIN', '198.51.100.1', 'NXDOMAIN']);
    expect(here.asked).not.toContain('A www.company.com');
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
