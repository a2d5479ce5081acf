import { beforeEach, describe, expect, test } from 'vitest';
import { FallbackResolver, NetworkResolver, PolicyResolver } from '../../../core/dns/chosen-resolver.ts';
import { settle } from '../../support/manual-clock.ts';
import { record } from './fake-upstream.ts';
import { ScriptedResolver, TableResolver } from './scripted-resolver.ts';

const question = { name: 'example.com', type: 'A' };
const never = new AbortController().signal;
const real = record('example.com', 'A', '192.0.2.1');
const bogus = record('example.com', 'A', '240.0.0.7');
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

describe('the fallback', () => {
  let resolver: FallbackResolver;

  beforeEach(() => {
    resolver = new FallbackResolver(usual, other, {
      ipcidr: ['240.0.0.0/4', '2001:db8:bad::/48'],
      domain: ['+.listed.example'],
    });
  });

  test('is asked at the same time, and stopped when the usual server is believed', async () => {
    const answer = resolver.query(question, never);
    expect(other.asked).toHaveLength(1);
    usual.answer({ answers: [real] });
    expect((await answer).upstream).toBe('usual');
    expect(other.asked[0]?.signal.aborted).toBe(true);
  });

  test('does not win by being faster', async () => {
    const answer = resolver.query(question, never);
    other.answer({ answers: [real] });
    await settle();
    usual.answer({ answers: [real] });
    expect((await answer).upstream).toBe('usual');
  });

  test('may fail where the usual server is believed', async () => {
    const answer = resolver.query(question, never);
    other.fail();
    await settle();
    usual.answer({ answers: [real] });
    expect((await answer).upstream).toBe('usual');
  });

  test.each([
    ['no records', { answers: [] }],
    ['no such name', { rcode: 'NXDOMAIN' }],
    ['a refusal', { rcode: 'REFUSED' }],
    ['a text that looks like a bad address', { answers: [record('example.com', 'TXT', '240.0.0.7')] }],
  ])('is not taken for %s', async (_, change) => {
    const answer = resolver.query(question, never);
    usual.answer(change);
    expect((await answer).upstream).toBe('usual');
  });

  test.each([
    ['has a bogus address', { answers: [bogus] }],
    ['has one among others', { answers: [real, bogus] }],
    ['has one of IPv6', { answers: [record('example.com', 'AAAA', '2001:db8:bad::1')] }],
    ['says SERVFAIL', { rcode: 'SERVFAIL' }],
  ])('is taken where the usual answer %s', async (_, change) => {
    const answer = resolver.query(question, never);
    usual.answer(change);
    await settle();
    other.answer({ answers: [real] });
    expect(await answer).toMatchObject({ upstream: 'other', message: { answers: [real] } });
  });

  test('is taken where the usual server fails, though it answered before', async () => {
    const answer = resolver.query(question, never);
    other.answer();
    await settle();
    usual.fail('DNS_TIMEOUT');
    expect((await answer).upstream).toBe('other');
  });

  test('fails too: its error is told, and a bogus answer is not', async () => {
    for (const spoil of [() => usual.answer({ answers: [bogus] }), () => usual.fail('DNS_IO')]) {
      const answer = resolver.query(question, never);
      spoil();
      await settle();
      other.fail('DNS_TIMEOUT');
      await expect(answer).rejects.toMatchObject({ code: 'DNS_TIMEOUT', message: 'other failed' });
    }
  });

  test('alone is asked about listed names', async () => {
    const answer = resolver.query({ name: 'www.listed.example', type: 'A' }, never);
    other.answer({ answers: [bogus] });
    expect((await answer).upstream).toBe('other');
    expect(usual.asked).toEqual([]);
  });

  test('ends with who gives up, also before', async () => {
    const asker = new AbortController();
    const answer = resolver.query(question, asker.signal);
    asker.abort();
    await expect(answer).rejects.toMatchObject({ code: 'DNS_IO' });
    expect([usual, other].every(({ asked }) => asked[0]?.signal.aborted)).toBe(true);
    await expect(resolver.query(question, asker.signal)).rejects.toMatchObject({ code: 'DNS_IO' });
    expect([usual, other].map(({ asked }) => asked.length)).toEqual([1, 1]);
  });

  test.each([
    [{ ipcidr: ['240.0.0.0/99'], domain: [] }, 'fallback-filter: "240.0.0.0/99" is no prefix'],
    [{ ipcidr: [], domain: ['a..b'] }, 'fallback-filter: "a..b": '],
  ])('of a wrong filter is refused with the entry named', (filter, message) => {
    expect(() => new FallbackResolver(usual, other, filter)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) as string }) as Error,
    );
  });
});
