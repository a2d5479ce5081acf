import { beforeEach, describe, expect, test } from 'vitest';
import { FallbackResolver } from '../../../../core/dns/router/fallback-resolver.ts';
import { addressOf, type DnsMessage } from '../../../../core/net/dns-message.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { ScriptedResolver } from '../resolver/scripted-resolver.ts';
import { record } from '../upstream/fake-upstream.ts';

const question = { name: 'example.com', type: 'A' };
const never = new AbortController().signal;
const real = record('example.com', 'A', '192.0.2.1');
const bogus = record('example.com', 'A', '240.0.0.7');
const alias = record('example.com', 'CNAME', 'www.example.net');
const filter = {
  ipcidr: ['240.0.0.0/4', '127.0.0.0/8', '0.0.0.0/32', '::1/128', '2001:db8:bad::/48'],
  domain: ['+.listed.example'],
};
let usual: ScriptedResolver;
let other: ScriptedResolver;
let clock: ManualClock;
let resolver: FallbackResolver;

beforeEach(() => {
  usual = new ScriptedResolver('usual');
  other = new ScriptedResolver('other');
  clock = new ManualClock();
  resolver = new FallbackResolver(usual, other, filter, clock);
});

/** An answer (a change of NOERROR without records), or the code of an error. */
type Outcome = Partial<DnsMessage> | 'DNS_TIMEOUT' | 'DNS_IO' | 'DNS_NO_UPSTREAM';
const tell = (server: ScriptedResolver, outcome: Outcome): void =>
  typeof outcome === 'string' ? server.fail(outcome) : server.answer(outcome);

/**
 * Every way in which the usual server answers or fails, with what the fallback says, and who is believed. mihomo takes the
 * fallback's answer where the usual servers fail or bring no address that passes the filter, and for addresses only; here it
 * also steps in for other types when the usual servers fail, and gives the usual answer when the fallback has none.
 */
describe.each<[string, string, Outcome, 'usual' | 'other']>([
  ['an address', 'A', { answers: [real] }, 'usual'],
  ['an alias and an address', 'A', { answers: [alias, real] }, 'usual'],
  ['an IPv6 address', 'AAAA', { answers: [record('example.com', 'AAAA', '2001:db8::1')] }, 'usual'],
  ['a text that looks like a bad address', 'TXT', { answers: [record('example.com', 'TXT', ['240.0.0.7'])] }, 'usual'],
  ['no text', 'TXT', { answers: [] }, 'usual'],
  ['no such name, for a text', 'TXT', { rcode: 'NXDOMAIN' }, 'usual'],
  ['REFUSED', 'A', { rcode: 'REFUSED' }, 'other'],
  ['REFUSED for a text', 'TXT', { rcode: 'REFUSED' }, 'other'],
  ['SERVFAIL', 'A', { rcode: 'SERVFAIL' }, 'other'],
  ['SERVFAIL for HTTPS', 'HTTPS', { rcode: 'SERVFAIL' }, 'other'],
  ['NOTIMP', 'A', { rcode: 'NOTIMP' }, 'other'],
  ['FORMERR', 'A', { rcode: 'FORMERR' }, 'other'],
  ['BADVERS', 'A', { rcode: 'BADVERS' }, 'other'],
  ['an unassigned code', 'A', { rcode: 'RCODE13' }, 'other'],
  ['silence', 'A', 'DNS_TIMEOUT', 'other'],
  ['a refused connection or garbage', 'A', 'DNS_IO', 'other'],
  ['nobody to ask', 'MX', 'DNS_NO_UPSTREAM', 'other'],
  ['no records', 'A', { answers: [] }, 'other'],
  ['no IPv6 address', 'AAAA', { answers: [] }, 'other'],
  ['no such name', 'A', { rcode: 'NXDOMAIN' }, 'other'],
  ['an alias and nothing more', 'A', { answers: [alias] }, 'other'],
  ['a bogus address', 'A', { answers: [bogus] }, 'other'],
  ['one among others', 'A', { answers: [real, bogus] }, 'other'],
  ['the loopback', 'A', { answers: [record('example.com', 'A', '127.0.0.1')] }, 'other'],
  ['zero', 'A', { answers: [record('example.com', 'A', '0.0.0.0')] }, 'other'],
  ['the loopback of IPv6', 'AAAA', { answers: [record('example.com', 'AAAA', '::1')] }, 'other'],
  ['a prefix of IPv6', 'AAAA', { answers: [record('example.com', 'AAAA', '2001:db8:bad::1')] }, 'other'],
])('the usual server says %s (%s)', (_, type, outcome, believed) => {
  const good = {
    answers: [record('example.com', type === 'A' ? 'A' : 'NS', type === 'A' ? '192.0.2.99' : 'ns.example')],
  };

  test.each([
    ['first', [0, 1]],
    ['last', [1, 0]],
  ])(`and answers %s: ${believed} is believed`, async (__, order) => {
    const answer = resolver.query({ name: 'example.com', type }, never);
    for (const who of order) {
      if (who === 0) tell(usual, outcome);
      else tell(other, good);
      await settle();
    }
    expect((await answer).upstream).toBe(believed);
    expect([usual, other].map(({ asked }) => asked.length)).toEqual([1, 1]);
  });

  test('and the fallback fails: what there is', async () => {
    const answer = resolver.query({ name: 'example.com', type }, never).catch((error: unknown) => error);
    tell(usual, outcome);
    await settle();
    other.fail('DNS_TIMEOUT');
    const addresses = typeof outcome === 'string' ? [] : (outcome.answers ?? []).flatMap((one) => addressOf(one) ?? []);
    const isBogus = addresses.some((ip) => /^(240|127|0)\.|^::1$|:bad:/.test(ip));
    if (typeof outcome === 'string' || isBogus)
      expect(await answer).toMatchObject({ code: 'DNS_TIMEOUT', message: 'other failed' });
    else expect(await answer).toMatchObject({ upstream: 'usual', message: outcome });
  });
});

test('both are asked at once, and the fallback is stopped when the usual server is believed', async () => {
  const answer = resolver.query(question, never);
  expect(other.asked).toHaveLength(1);
  usual.answer({ answers: [real] });
  expect((await answer).upstream).toBe('usual');
  expect(other.asked[0]?.signal.aborted).toBe(true);
});

describe('a usual server that is silent', () => {
  test('is waited for 1.5 s while the fallback has an answer', async () => {
    const answer = resolver.query(question, never);
    other.answer({ answers: [real] });
    await clock.advance(1_499);
    usual.answer({ answers: [real] });
    expect((await answer).upstream).toBe('usual');
  });

  test('and not longer', async () => {
    const answer = resolver.query(question, never);
    other.answer({ answers: [real] });
    await clock.advance(1_500);
    expect((await answer).upstream).toBe('other');
    expect(usual.asked[0]?.signal.aborted).toBe(true);
  });

  test('is waited for as long as it takes when the fallback fails', async () => {
    const answer = resolver.query(question, never);
    other.answer({ rcode: 'SERVFAIL' });
    await clock.advance(4_000);
    usual.answer({ answers: [real] });
    expect((await answer).upstream).toBe('usual');
  });
});

test('"there is none" of the usual server waits 1.5 s for a fallback that is silent', async () => {
  const answer = resolver.query(question, never);
  usual.answer({ rcode: 'NXDOMAIN' });
  await settle();
  await clock.advance(1_500);
  expect(await answer).toMatchObject({ upstream: 'usual', message: { rcode: 'NXDOMAIN' } });
});

test('of two refusals the usual one is told', async () => {
  const answer = resolver.query(question, never);
  usual.answer({ rcode: 'REFUSED' });
  await settle();
  other.answer({ rcode: 'SERVFAIL' });
  expect(await answer).toMatchObject({ upstream: 'usual', message: { rcode: 'REFUSED' } });
});

test('the fallback alone is asked about listed names', async () => {
  const answer = resolver.query({ name: 'www.listed.example', type: 'A' }, never);
  other.answer({ answers: [bogus] });
  expect((await answer).upstream).toBe('other');
  expect(usual.asked).toEqual([]);
});

test('a question ends with who gives up, also before', async () => {
  const asker = new AbortController();
  const answer = resolver.query(question, asker.signal);
  asker.abort();
  await expect(answer).rejects.toMatchObject({ code: 'DNS_IO' });
  expect([usual, other].every(({ asked }) => asked[0]?.signal.aborted)).toBe(true);
  await expect(resolver.query(question, asker.signal)).rejects.toMatchObject({ code: 'DNS_IO' });
  expect([usual, other].map(({ asked }) => asked.length)).toEqual([1, 1]);
});

test.each([
  [{ ipcidr: ['240.0.0.0/99'], domain: [] }, 'fallback-filter: "240.0.0.0/99" is not a prefix'],
  [{ ipcidr: [], domain: ['a..b'] }, 'fallback-filter: "a..b": '],
])('a wrong filter is refused with the entry named', (wrong, message) => {
  expect(() => new FallbackResolver(usual, other, wrong, clock)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) as string }) as Error,
  );
});
