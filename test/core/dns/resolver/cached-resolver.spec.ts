import { beforeEach, describe, expect, test } from 'vitest';
import { CachedResolver } from '../../../../core/dns/resolver/cached-resolver.ts';
import type { DnsAnswer } from '../../../../core/dns/resolver/resolver.ts';
import { denialSoa } from '../../../../core/dns/resolver/soa.ts';
import type { DnsMessage } from '../../../../core/net/dns-message.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { record } from '../upstream/fake-upstream.ts';
import { ScriptedResolver } from './scripted-resolver.ts';

const question = { name: 'example.com', type: 'A' };
const never = new AbortController().signal;
let clock: ManualClock;
let inner: ScriptedResolver;
let cache: CachedResolver;

beforeEach(() => {
  clock = new ManualClock();
  inner = new ScriptedResolver();
  cache = new CachedResolver(inner, clock);
});

async function ask(change: Parameters<ScriptedResolver['answer']>[0] = {}) {
  const answer = cache.query(question, never);
  inner.answer(change);
  return await answer;
}

describe('an answer', () => {
  test('is remembered for the shortest of its TTLs, which go down meanwhile', async () => {
    const answers = [record('example.com', 'CNAME', 'a.example', 300), record('a.example', 'A', '192.0.2.1', 30)];
    expect(await ask({ answers })).not.toHaveProperty('cached');
    await clock.advance(29_999);
    const again = await cache.query(question, never);
    expect(again.cached).toBe(true);
    expect(again.message.answers.map(({ ttl }) => ttl)).toEqual([271, 1]);
    await clock.advance(1);
    await ask({ answers });
    expect(inner.asked).toHaveLength(2);
  });

  test('with a TTL of 0 serves the transaction in progress: an application asks, then its connection is dialled', async () => {
    await ask({ answers: [record('example.com', 'A', '192.0.2.1', 0)] });
    await clock.advance(1_999);
    expect((await cache.query(question, never)).message.answers[0]?.ttl).toBe(0);
    expect(inner.asked).toHaveLength(1);
    await clock.advance(1);
    await ask();
    expect(inner.asked).toHaveLength(2);
  });

  test('that denies is remembered as its SOA says: the smaller of TTL and minimum', async () => {
    const own = denialSoa('example.com');
    const soa = { ...own, ttl: 900, data: { ...Object(own.data), minimum: 60 } as unknown };
    for (const rcode of ['NXDOMAIN', 'NOERROR']) {
      cache.reset();
      await ask({ rcode, authorities: [soa] });
      const before = inner.asked.length;
      await clock.advance(59_999);
      expect((await cache.query(question, never)).message.rcode).toBe(rcode);
      expect(inner.asked).toHaveLength(before);
      await clock.advance(1);
      await ask({ rcode });
      expect(inner.asked).toHaveLength(before + 1);
    }
  });

  test('of failure is remembered for 5 s, whether an rcode or an error', async () => {
    await ask({ rcode: 'SERVFAIL' });
    expect((await cache.query(question, never)).message.rcode).toBe('SERVFAIL');
    await clock.advance(5_000);
    const failing = cache.query(question, never);
    inner.fail('DNS_TIMEOUT');
    await expect(failing).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
    await expect(cache.query(question, never)).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
    expect(inner.asked).toHaveLength(2);
    await clock.advance(5_000);
    await ask();
    expect(inner.asked).toHaveLength(3);
  });

  test('without SOA is not remembered when it denies', async () => {
    for (const denial of [{ rcode: 'NXDOMAIN' }, {}, { answers: [record('example.com', 'CNAME', 'a.example', 900)] }]) {
      const before = inner.asked.length;
      await ask(denial);
      await ask(denial);
      expect(inner.asked).toHaveLength(before + 2);
    }
  });

  test('is kept apart by DO, CD and AD, which change it', async () => {
    await ask({ answers: [record('example.com', 'A', '192.0.2.1')] });
    const both = { dnssecOk: true, checkingDisabled: true };
    for (const flags of [{ dnssecOk: true }, { checkingDisabled: true }, both, { authenticData: true }]) {
      for (const isFirst of [true, false]) {
        const answer = cache.query({ ...question, ...flags }, never);
        if (isFirst) inner.answer({ answers: [record('example.com', 'A', '192.0.2.1')] });
        await answer;
      }
      expect(inner.asked.at(-1)?.question).toMatchObject(flags);
    }
    expect(inner.asked).toHaveLength(5);
  });

  test('has names as they were asked where the server repeats the question, and as it wrote them elsewhere', async () => {
    const sent = 'wWw.exAmple.com';
    const first = cache.query({ name: 'www.example.com', type: 'A', spelling: 'WWW.Example.COM' }, never);
    inner.answer({
      questions: [{ name: sent, type: 'A', class: 1 }],
      answers: [record(sent, 'CNAME', 'Edge.exAmple.com'), record('Edge.exAmple.com', 'A', '192.0.2.1')],
      additionals: [record('NS.Other.Example', 'A', '192.0.2.2')],
    });
    const names = ({ message }: DnsAnswer) => [...message.answers, ...message.additionals].map(({ name }) => name);
    expect(names(await first)).toEqual(['WWW.Example.COM', 'Edge.Example.COM', 'NS.Other.Example']);
    const again = await cache.query({ name: 'www.example.com', type: 'A', spelling: 'www.EXAMPLE.com' }, never);
    expect(names(again)).toEqual(['www.EXAMPLE.com', 'Edge.EXAMPLE.com', 'NS.Other.Example']);
    expect(again.message.questions[0]?.name).toBe('www.EXAMPLE.com');
    expect(inner.asked).toHaveLength(1);
  });

  test('that was for the transaction only is not told on, and does not keep a failure from being remembered', async () => {
    await ask({ answers: [record('example.com', 'A', '192.0.2.1', 0)] });
    await clock.advance(2_000);
    for (const first of [true, false]) {
      const failed = cache.query(question, never);
      if (first) inner.fail('DNS_TIMEOUT');
      await expect(failed).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
    }
    expect(inner.asked).toHaveLength(2);
  });

  test('belongs to its name and type', async () => {
    await ask({ answers: [record('example.com', 'A', '192.0.2.1')] });
    for (const other of [
      { ...question, type: 'AAAA' },
      { ...question, name: 'example.org' },
    ]) {
      const answer = cache.query(other, never);
      inner.answer();
      await answer;
    }
    expect(inner.asked).toHaveLength(3);
  });

  test('is forgotten at reset, and one that was under way is not remembered', async () => {
    const old = cache.query(question, never);
    cache.reset();
    inner.answer({ answers: [record('example.com', 'A', '192.0.2.1')] });
    expect((await old).message.answers).toHaveLength(1);
    await ask({ answers: [record('example.com', 'A', '192.0.2.2')] });
    expect(inner.asked).toHaveLength(2);
    cache.reset();
    await ask();
    expect(inner.asked).toHaveLength(3);
  });
});

describe('an answer that has expired (RFC 8767)', () => {
  const old = record('example.com', 'A', '192.0.2.1', 3);
  const fresh = record('example.com', 'A', '192.0.2.2', 3);
  beforeEach(async () => {
    await ask({ answers: [old] });
    await clock.advance(20_000);
  });

  test('is not given where a new one can be had in 1.8 s', async () => {
    const answer = cache.query(question, never);
    await clock.advance(1_799);
    inner.answer({ answers: [fresh] });
    expect((await answer).message.answers).toEqual([fresh]);
    expect((await cache.query(question, never)).message.answers).toEqual([fresh]);
    expect(inner.asked).toHaveLength(2);
  });

  test('is given with a TTL of 30 s after 1.8 s; the new one that comes later is remembered', async () => {
    const answer = cache.query(question, never);
    await clock.advance(1_800);
    expect(await answer).toMatchObject({ cached: true, message: { answers: [{ data: '192.0.2.1', ttl: 30 }] } });
    expect(inner.asked[1]?.signal.aborted).toBe(false);
    inner.answer({ answers: [fresh] });
    await settle();
    expect((await cache.query(question, never)).message.answers).toEqual([fresh]);
    expect(inner.asked).toHaveLength(2);
  });

  test.each<[string, () => void]>([
    ['SERVFAIL', () => inner.answer({ rcode: 'SERVFAIL' })],
    ['REFUSED', () => inner.answer({ rcode: 'REFUSED' })],
    ['an error', () => inner.fail('DNS_TIMEOUT')],
  ])('is given at once when asking again brings %s, and nobody is asked for the next 5 s', async (_, spoil) => {
    for (const wait of [0, 4_999, 1]) {
      await clock.advance(wait);
      const answer = cache.query(question, never);
      if (wait !== 4_999) spoil();
      expect((await answer).message.answers).toMatchObject([{ data: '192.0.2.1', ttl: 30 }]);
    }
    expect(inner.asked).toHaveLength(3);
  });

  test.each<[string, Partial<DnsMessage>]>([
    ['there is no such name', { rcode: 'NXDOMAIN', authorities: [denialSoa('example.com')] }],
    ['it has no address any more', { authorities: [denialSoa('example.com')] }],
  ])('is not given when %s', async (_, denial) => {
    for (const isFirst of [true, false]) {
      const answer = cache.query(question, never);
      if (isFirst) inner.answer(denial);
      expect((await answer).message).toMatchObject({ ...denial, answers: [] });
    }
  });

  test('is given for an hour at most', async () => {
    // It expired 17 s ago.
    await clock.advance(3_600_000 - 17_001);
    const last = cache.query(question, never);
    inner.fail('DNS_TIMEOUT');
    expect((await last).message.answers).toMatchObject([{ data: '192.0.2.1' }]);
    await clock.advance(5_000);
    const none = cache.query(question, never);
    inner.fail('DNS_TIMEOUT');
    await expect(none).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
  });

  test('who gives up is told so, and the others are answered', async () => {
    const asker = new AbortController();
    const gone = cache.query(question, asker.signal);
    const stays = cache.query(question, never);
    asker.abort();
    await expect(gone).rejects.toMatchObject({ code: 'DNS_IO' });
    inner.answer({ answers: [fresh] });
    expect((await stays).message.answers).toEqual([fresh]);
    expect(inner.asked).toHaveLength(2);
  });
});

describe('many askers', () => {
  test('cause one question', async () => {
    const answers = Array.from({ length: 10 }, () => cache.query(question, never));
    inner.answer({ answers: [record('example.com', 'A', '192.0.2.1')] });
    expect((await Promise.all(answers)).every(({ message }) => message.answers.length === 1)).toBe(true);
    expect(inner.asked).toHaveLength(1);
  });

  test('one may give up; the question ends when all have', async () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const first = cache.query(question, a.signal);
    const second = cache.query(question, b.signal);
    a.abort();
    await expect(first).rejects.toMatchObject({ code: 'DNS_IO' });
    expect(inner.asked[0]?.signal.aborted).toBe(false);
    b.abort();
    await expect(second).rejects.toMatchObject({ code: 'DNS_IO' });
    expect(inner.asked[0]?.signal.aborted).toBe(true);
    await settle();
    inner.fail();
    const anew = cache.query(question, never);
    inner.answer();
    expect((await anew).message.rcode).toBe('NOERROR');
  });
});

test('large answers do not take more memory than many small ones', async () => {
  const large = Array.from({ length: 4_000 }, (_, i) => record('x.example', 'A', `192.0.${i >> 8}.${i & 255}`, 3_600));
  for (let i = 0; i < 30; i++) {
    const answer = cache.query({ name: `host${i}.example`, type: 'A' }, never);
    inner.answer({ answers: large });
    await answer;
  }
  // A megabyte each, sixteen in all.
  for (const [name, isKept] of [
    ['host29.example', true],
    ['host18.example', true],
    ['host5.example', false],
  ] as const) {
    const answer = cache.query({ name, type: 'A' }, never);
    if (!isKept) inner.answer();
    expect((await answer).cached, name).toBe(isKept ? true : undefined);
  }
});

test('4,096 answers are kept, the least used give way', async () => {
  const names = Array.from({ length: 4_097 }, (_, i) => `host${i}.example`);
  for (const name of names) {
    const answer = cache.query({ name, type: 'A' }, never);
    inner.answer({ answers: [record(name, 'A', '192.0.2.1', 3_600)] });
    await answer;
  }
  await cache.query({ name: names[1] ?? '', type: 'A' }, never);
  expect(inner.asked).toHaveLength(4_097);
  const gone = cache.query({ name: names[0] ?? '', type: 'A' }, never);
  inner.answer();
  await gone;
  expect(inner.asked).toHaveLength(4_098);
});
