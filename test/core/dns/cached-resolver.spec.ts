import { beforeEach, describe, expect, test } from 'vitest';
import { CachedResolver } from '../../../core/dns/cached-resolver.ts';
import { denialSoa } from '../../../core/dns/soa.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';
import { record } from './fake-upstream.ts';
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
    const soa = { ...denialSoa('example.com'), ttl: 900, data: { minimum: 60 } };
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

  test('whose refresh fails is told on, for an hour; then the failure is remembered as any', async () => {
    await ask({ answers: [record('example.com', 'A', '192.0.2.1', 30)] });
    for (const [i, wait] of [30_000, 3_599_000].entries()) {
      await clock.advance(wait);
      expect((await cache.query(question, never)).message.answers).toMatchObject([{ data: '192.0.2.1', ttl: 1 }]);
      expect(inner.asked).toHaveLength(2 + i);
      if (i === 0) inner.answer({ rcode: 'SERVFAIL' });
      else inner.fail('DNS_TIMEOUT');
      await settle();
    }
    await clock.advance(1_000);
    for (const late of [true, false]) {
      const failed = cache.query(question, never);
      if (late) inner.fail('DNS_TIMEOUT');
      await expect(failed).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
    }
    expect(inner.asked).toHaveLength(4);
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
