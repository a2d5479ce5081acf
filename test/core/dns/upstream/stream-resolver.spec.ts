import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import type { DnsAnswer } from '../../../../core/dns/resolver/resolver.ts';
import { type Connect, StreamResolver } from '../../../../core/dns/upstream/stream-resolver.ts';
import type { DnsMessage } from '../../../../core/net/dns-message.ts';
import { eventually } from '../../../support/eventually.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { LoopbackOpener, record } from './fake-upstream.ts';
import { type Asked, answerTo, framed, StreamUpstream } from './stream-upstream.ts';

const question = { name: 'example.com', type: 'A' };
const never = new AbortController().signal;
const right = record('example.com', 'A', '192.0.2.1');
const failureOf = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );
/** Each name's own answer, so that mixed up ones would show. */
const ownAnswer = (asked: Asked): DnsMessage =>
  answerTo(asked, {
    answers: asked.query.questions.map(({ name }) => record(name, 'TXT', [Buffer.from(`of ${name}`)])),
  });
const answerAll = (asked: Asked): void => void asked.socket.write(framed(answerTo(asked, { answers: [right] })));
let upstream: StreamUpstream;
let opener: LoopbackOpener;
let clock: ManualClock;
let connect: Connect;
let resolver: StreamResolver;

beforeEach(async () => {
  upstream = await StreamUpstream.start();
  upstream.behaviour = answerAll;
  opener = new LoopbackOpener();
  clock = new ManualClock();
  connect = () => opener.connectTcp(['127.0.0.1'], upstream.port);
  resolver = new StreamResolver({ label: 'tcp://192.0.2.53:53', connect: (signal) => connect(signal), clock });
});
afterEach(async () => {
  // A connection without questions is closed after half a minute.
  await clock.advance(30_000);
  await eventually(() => expect(opener.open).toBe(0));
  await upstream.stop();
});

describe('questions', () => {
  test('are answered with the upstream and the time named', async () => {
    upstream.behaviour = () => undefined;
    const answer = resolver.query(question, never);
    const [asked] = await upstream.questions(1);
    expect(asked?.query).toMatchObject({
      recursionDesired: true,
      questions: [{ name: 'example.com', type: 'A', class: 1 }],
      edns: { udpSize: 1232, dnssecOk: false },
    });
    await clock.advance(40);
    if (asked !== undefined) answerAll(asked);
    expect(await answer).toMatchObject({
      message: { rcode: 'NOERROR', answers: [right] },
      upstream: 'tcp://192.0.2.53:53',
      ms: 40,
    });
  });

  test('share one connection, each with an id of its own', async () => {
    for (let i = 0; i < 4; i++) await resolver.query(question, never);
    expect(upstream.connections).toHaveLength(1);
    expect(new Set(upstream.received.map(({ query }) => query.id)).size).toBeGreaterThan(1);
  });

  test('are pipelined, and answers belong to their questions in whatever order they come', async () => {
    upstream.behaviour = () => undefined;
    const names = Array.from({ length: 8 }, (_, i) => `n${i}.example.com`);
    const answers = names.map((name) => resolver.query({ name, type: 'TXT' }, never));
    const asked = await upstream.questions(names.length);
    expect(new Set(asked.map(({ query }) => query.id)).size).toBe(names.length);
    // All in one segment, the last first.
    asked[0]?.socket.write(Buffer.concat(asked.toReversed().map((one) => framed(ownAnswer(one)))));
    expect((await Promise.all(answers)).map(({ message }) => message.answers[0]?.name)).toEqual(names);
    expect(upstream.connections).toHaveLength(1);
  });

  test('past 256 under way go by another connection', async () => {
    upstream.behaviour = () => undefined;
    const asker = new AbortController();
    const outcomes = Array.from({ length: 300 }, () => failureOf(resolver.query(question, asker.signal)));
    const asked = await upstream.questions(300);
    expect(asked.filter(({ connection }) => connection === 0)).toHaveLength(256);
    expect(upstream.connections).toHaveLength(2);
    asker.abort();
    expect(await Promise.all(outcomes)).not.toContain('it succeeded');
  });

  test('that all come before there is a connection are answered, on as many as they need', async () => {
    upstream.behaviour = (asked) => void asked.socket.write(framed(answerTo(asked)));
    const names = Array.from({ length: 1_000 }, (_, i) => `n${i}.example`);
    const answers = await Promise.all(names.map((name) => resolver.query({ name, type: 'A' }, never)));
    expect(answers.map(({ message }) => message.rcode)).toEqual(names.map(() => 'NOERROR'));
    expect(upstream.connections.length).toBeLessThanOrEqual(8);
  });

  test('denied, refused or cut off are answered as the server said', async () => {
    for (const rcode of ['NXDOMAIN', 'SERVFAIL', 'REFUSED']) {
      upstream.behaviour = (asked) => void asked.socket.write(framed(answerTo(asked, { rcode })));
      expect((await resolver.query(question, never)).message.rcode).toBe(rcode);
    }
    upstream.behaviour = (asked) => void asked.socket.write(framed(answerTo(asked, { truncated: true })));
    expect((await resolver.query(question, never)).message.truncated).toBe(true);
    expect(upstream.connections).toHaveLength(1);
  });

  test('go without EDNS, or with a prefix of the client, where the options say so', async () => {
    for (const options of [{ plain: true }, { clientSubnet: '192.0.2.0/24' }]) {
      const other = new StreamResolver({ label: 'tcp', connect, clock, question: options });
      await other.query(question, never);
    }
    const [plain, told] = upstream.received;
    expect(plain?.query.edns).toBeUndefined();
    expect(Buffer.from(told?.bytes ?? []).toString('hex')).toContain('0008000700011800c00002');
  });

  test('that no message can carry fail and leave nothing behind', async () => {
    await resolver.query(question, never);
    const outcome = await failureOf(resolver.query({ name: 'a..b', type: 'A' }, never));
    expect(outcome).toMatchObject({ code: 'DNS_BAD_MESSAGE' });
    await clock.advance(30_000);
    await eventually(() => expect(opener.open).toBe(0));
  });
});

describe('the stream', () => {
  test('may be cut anywhere: answers are put together again', async () => {
    upstream.behaviour = () => undefined;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }), async (cuts) => {
        upstream.received.length = 0;
        const names = ['a.example', 'b.example', 'c.example'];
        const answers = names.map((name) => resolver.query({ name, type: 'TXT' }, never));
        const asked = await upstream.questions(names.length);
        const bytes = Buffer.concat(asked.map((one) => framed(ownAnswer(one))));
        const socket = asked[0]?.socket.setNoDelay(true);
        let begin = 0;
        for (const cut of cuts) {
          socket?.write(bytes.subarray(begin, begin + cut));
          begin += cut;
          await settle();
        }
        socket?.write(bytes.subarray(begin));
        expect((await Promise.all(answers)).map(({ message }) => message.answers[0]?.name)).toEqual(names);
      }),
      { numRuns: 30 },
    );
    expect(upstream.connections).toHaveLength(1);
  });

  test('may carry 65535 bytes in one answer', async () => {
    const strings = Array.from({ length: 250 }, () => Buffer.alloc(255, 'x'));
    upstream.behaviour = (asked) =>
      void asked.socket.write(framed(answerTo(asked, { answers: [record('example.com', 'TXT', strings)] })));
    const { message } = await resolver.query({ name: 'example.com', type: 'TXT' }, never);
    expect(message.answers[0]?.data).toHaveLength(250 * 256);
  });

  test.each<[string, (asked: Asked) => Uint8Array]>([
    ['an empty message', () => Buffer.alloc(0)],
    ['a single byte', () => Buffer.from([7])],
    ['an answer that nobody waits for', (asked) => framed(answerTo(asked, { id: asked.query.id ^ 1 })).subarray(2)],
  ])('may carry %s before the answer: it is passed over', async (_, garbage) => {
    upstream.behaviour = (asked) => {
      asked.socket.write(Buffer.concat([framed(garbage(asked)), framed(answerTo(asked, { answers: [right] }))]));
    };
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
  });

  test.each<[string, (asked: Asked) => DnsMessage | Uint8Array]>([
    ['of another name', (asked) => answerTo(asked, { questions: [{ name: 'example.org', type: 'A', class: 1 }] })],
    ['of another type', (asked) => answerTo(asked, { questions: [{ name: 'example.com', type: 'AAAA', class: 1 }] })],
    ['that is a question', (asked) => answerTo(asked, { response: false })],
    ['of a header that promises more', (asked) => framed(answerTo(asked)).subarray(2, 14)],
    ['of two bytes', (asked) => framed(answerTo(asked)).subarray(2, 4)],
  ])('an answer %s is an error at once, and the next question is not harmed', async (_, answer) => {
    upstream.behaviour = (asked) => void asked.socket.write(framed(answer(asked)));
    await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_BAD_MESSAGE' });
    upstream.behaviour = answerAll;
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
    expect(upstream.connections).toHaveLength(1);
  });

  test('whatever comes, a question ends: with its answer or with an error of its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), fc.boolean(), async (bytes, ours) => {
        upstream.behaviour = (asked) => {
          if (ours && bytes.length >= 2) Buffer.from(bytes.buffer).writeUInt16BE(asked.query.id);
          asked.socket.end(Buffer.concat([framed(bytes), bytes]));
        };
        const outcome = await failureOf(resolver.query(question, never));
        expect(outcome === 'it succeeded' || outcome instanceof AppError).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a connection', () => {
  const lost = async (): Promise<void> => {
    await eventually(() => expect(opener.open).toBe(0));
  };

  test('that the server closed while it was idle is replaced', async () => {
    await resolver.query(question, never);
    upstream.connections[0]?.end();
    await lost();
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
    expect(upstream.connections).toHaveLength(2);
  });

  test.each([
    ['closed', (asked: Asked) => asked.socket.end()],
    ['reset', (asked: Asked) => asked.socket.resetAndDestroy()],
    ['closed in the middle of an answer', (asked: Asked) => asked.socket.end(framed(answerTo(asked)).subarray(0, 9))],
  ])('%s at the question after it was kept: the question is asked once more on a new one', async (_, end) => {
    await resolver.query(question, never);
    upstream.behaviour = (asked) => (asked.connection === 0 ? void end(asked) : answerAll(asked));
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
    expect(upstream.received.map(({ connection }) => connection)).toEqual([0, 0, 1]);
  });

  test('that is closed again and again is not tried for ever', async () => {
    await resolver.query(question, never);
    upstream.behaviour = (asked) => void asked.socket.end();
    await expect(resolver.query(question, never)).rejects.toMatchObject({
      code: 'DNS_IO',
      message: expect.stringContaining('closed the connection') as string,
    });
    expect(upstream.received).toHaveLength(4);
  });

  test.each(['end', 'resetAndDestroy'] as const)('cut before its first answer (%s): asked once more', async (how) => {
    upstream.behaviour = (asked) => {
      if (upstream.received.length > 1) answerAll(asked);
      else asked.socket.write(framed(answerTo(asked, { answers: [right] })).subarray(0, 20), () => asked.socket[how]());
    };
    expect(await resolver.query(question, never)).toMatchObject({ message: { answers: [right] } });
    expect(upstream.received).toHaveLength(2);
  });

  test('reset while it is made: tried once more', async () => {
    let tries = 0;
    const made = connect;
    connect = async (signal) => {
      tries += 1;
      if (tries > 1) return await made(signal);
      throw new AppError('DIAL_IO', 'no way', { cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }) });
    };
    expect(await resolver.query(question, never)).toMatchObject({ message: { answers: [right] } });
  });

  test('closed under many questions: all of them share the new one', async () => {
    await resolver.query(question, never);
    upstream.behaviour = (asked) => {
      if (asked.connection > 0) answerAll(asked);
      else if (upstream.received.length === 6) asked.socket.destroy();
    };
    const answers = await Promise.all(Array.from({ length: 5 }, () => resolver.query(question, never)));
    expect(answers.map(({ message }) => message.answers)).toEqual(Array.from({ length: 5 }, () => [right]));
    expect(upstream.connections).toHaveLength(2);
  });

  test('is kept for 30 s after the last answer, not longer', async () => {
    await resolver.query(question, never);
    await clock.advance(29_000);
    await resolver.query(question, never);
    await clock.advance(29_999);
    expect(opener.open).toBe(1);
    await clock.advance(1);
    await lost();
    await resolver.query(question, never);
    expect(upstream.connections).toHaveLength(2);
  });

  test('that cannot be made is an error with the reason, and is tried anew for the next question', async () => {
    const make = connect;
    connect = () => Promise.reject(new AppError('DIAL_REFUSED', 'refused'));
    await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DIAL_REFUSED' });
    connect = make;
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
  });

  test('on which nothing comes any more is given up within the time of the question', async () => {
    await resolver.query(question, never);
    // As after a change of networks: no FIN, no RST, nothing.
    upstream.behaviour = (asked) => (asked.connection === 0 ? undefined : answerAll(asked));
    const answer = resolver.query(question, never);
    await upstream.questions(2);
    await clock.advance(2_499);
    expect(upstream.connections).toHaveLength(1);
    await clock.advance(1);
    expect((await answer).message.answers).toEqual([right]);
    expect(upstream.connections).toHaveLength(2);
  });

  test('is not blamed for one question that it does not answer while others are answered', async () => {
    upstream.behaviour = (asked) => (asked.query.questions[0]?.name === 'slow.example' ? undefined : answerAll(asked));
    const slow = failureOf(resolver.query({ name: 'slow.example', type: 'A' }, never));
    await upstream.questions(1);
    for (let i = 0; i < 5; i++) {
      await clock.advance(1_000);
      await resolver.query(question, never);
    }
    expect(await slow).toMatchObject({ code: 'DNS_TIMEOUT' });
    expect(upstream.connections).toHaveLength(1);
  });
});

describe('time', () => {
  test('silence ends after 5 s with DNS_TIMEOUT, and the next question takes a new connection', async () => {
    upstream.behaviour = () => undefined;
    const outcome = failureOf(resolver.query(question, never));
    await upstream.questions(1);
    await clock.advance(4_999);
    await clock.advance(1);
    expect(await outcome).toMatchObject({
      code: 'DNS_TIMEOUT',
      message: 'tcp://192.0.2.53:53 did not answer within 5 s',
    });
    upstream.behaviour = answerAll;
    await resolver.query(question, never);
    expect(upstream.connections).toHaveLength(2);
  });

  test('a first answer that takes 4 s is waited for', async () => {
    upstream.behaviour = () => undefined;
    const answer = resolver.query(question, never);
    const [asked] = await upstream.questions(1);
    await clock.advance(4_000);
    if (asked !== undefined) answerAll(asked);
    expect((await answer).message.answers).toEqual([right]);
  });

  test('a connection that is never made ends after 5 s too, for who makes it as well', async () => {
    let making: AbortSignal | undefined;
    connect = (signal) => {
      making = signal;
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(AppError.from(signal.reason)));
      });
    };
    const outcome = failureOf(resolver.query(question, never));
    await clock.advance(5_000);
    expect(await outcome).toMatchObject({ code: 'DNS_TIMEOUT' });
    expect(making?.aborted).toBe(true);
  });
});

describe('the asker can give up', () => {
  test('before: it fails at once', async () => {
    await expect(resolver.query(question, AbortSignal.abort())).rejects.toMatchObject({ code: 'DNS_IO' });
    expect(upstream.received).toEqual([]);
  });

  test('while the connection is made, which others go on waiting for', async () => {
    const gate = Promise.withResolvers<undefined>();
    const make = connect;
    connect = async (signal) => {
      await gate.promise;
      return await make(signal);
    };
    const asker = new AbortController();
    const gone = failureOf(resolver.query(question, asker.signal));
    const stays = resolver.query(question, never);
    asker.abort();
    expect(await gone).toMatchObject({ code: 'DNS_IO' });
    gate.resolve(undefined);
    expect((await stays).message.answers).toEqual([right]);
    expect(upstream.received).toHaveLength(1);
    expect(upstream.connections).toHaveLength(1);
  });

  test('while the answer is under way: it is passed over when it comes, and the connection is kept', async () => {
    upstream.behaviour = () => undefined;
    const asker = new AbortController();
    const gone = failureOf(resolver.query(question, asker.signal));
    const [asked] = await upstream.questions(1);
    asker.abort(new AppError('DNS_IO', 'another server was believed'));
    expect(await gone).toMatchObject({ message: 'another server was believed' });
    if (asked !== undefined) answerAll(asked);
    await sleep(5);
    upstream.behaviour = answerAll;
    const answer: DnsAnswer = await resolver.query(question, never);
    expect(answer.message.answers).toEqual([right]);
    expect(upstream.connections).toHaveLength(1);
  });
});
