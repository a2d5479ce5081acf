import type net from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { askOverTcp, type TcpExchangeOptions, type TcpOpener } from '../../../../core/dns/upstream/tcp-exchange.ts';
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
let upstream: StreamUpstream;
let opener: LoopbackOpener;

beforeEach(async () => {
  upstream = await StreamUpstream.start();
  upstream.behaviour = (asked) => void asked.socket.write(framed(answerTo(asked, { answers: [right] })));
  opener = new LoopbackOpener();
});
afterEach(async () => {
  // Whatever the outcome was, the connection is closed.
  await eventually(() => expect(opener.open).toBe(0), 15_000, 1);
  await upstream.stop();
});
const ask = (change: Partial<TcpExchangeOptions> = {}, signal = never, asked = question): Promise<DnsMessage> =>
  askOverTcp(
    opener,
    asked,
    { address: '127.0.0.1', port: upstream.port, timeoutMs: 500, clock: new ManualClock(), ...change },
    signal,
  );

test('one question over a connection of its own', async () => {
  for (let i = 0; i < 2; i++) expect((await ask()).answers).toEqual([right]);
  expect(upstream.received.map(({ connection }) => connection)).toEqual([0, 1]);
  const [asked] = upstream.received;
  expect(asked?.query).toMatchObject({
    recursionDesired: true,
    questions: [{ name: 'example.com', type: 'A', class: 1 }],
  });
  expect(asked?.query.edns).toBeDefined();
  await ask({ question: { plain: true } });
  expect(upstream.received[2]?.query.edns).toBeUndefined();
});

test('the opener is told address, port, time and signal', async () => {
  let told: unknown;
  const noting: TcpOpener = {
    connectTcp: async (...args) => {
      told = args;
      return await opener.connectTcp(args[0], args[1]);
    },
  };
  const { port } = upstream;
  await askOverTcp(noting, question, { address: '127.0.0.1', port, timeoutMs: 500, clock: new ManualClock() }, never);
  expect(told).toEqual([['127.0.0.1'], port, { signal: never, timeoutMs: 500 }]);
});

test('what the server denies or cuts off is an answer', async () => {
  for (const change of [{ rcode: 'NXDOMAIN' }, { rcode: 'SERVFAIL' }, { truncated: true }]) {
    upstream.behaviour = (asked) => void asked.socket.write(framed(answerTo(asked, change)));
    expect(await ask()).toMatchObject(change);
  }
});

describe('the stream', () => {
  test('may be cut anywhere, also in the length', async () => {
    upstream.behaviour = () => undefined;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 }), async (cuts) => {
        const count = upstream.received.length + 1;
        const answer = ask();
        const asked = (await upstream.questions(count))[count - 1];
        const bytes = asked === undefined ? Buffer.alloc(0) : framed(answerTo(asked, { answers: [right] }));
        asked?.socket.setNoDelay(true);
        let begin = 0;
        for (const cut of cuts) {
          asked?.socket.write(bytes.subarray(begin, begin + cut));
          begin += cut;
          await settle();
        }
        asked?.socket.write(bytes.subarray(begin));
        expect((await answer).answers).toEqual([right]);
      }),
      { numRuns: 25 },
    );
  });

  test('may bring a byte after a byte of a long answer, and more than was asked for', async () => {
    const strings = Array.from({ length: 250 }, () => Buffer.alloc(255, 'x'));
    upstream.behaviour = (asked) => {
      const long = framed(answerTo(asked, { answers: [record('example.com', 'TXT', strings)] }));
      asked.socket.write(long.subarray(0, 1));
      asked.socket.write(Buffer.concat([long.subarray(1), Buffer.from('more')]));
    };
    const text = await ask({}, never, { ...question, type: 'TXT' });
    expect(text.answers[0]?.data).toHaveLength(250 * 256);
  });

  test.each<[string, (asked: Asked) => DnsMessage | Uint8Array, string]>([
    [
      'of another name',
      (asked) => answerTo(asked, { questions: [{ name: 'example.org', type: 'A', class: 1 }] }),
      'it answers another question',
    ],
    ['that is a question', (asked) => answerTo(asked, { response: false }), 'it answers another question'],
    ['shorter than a header', (asked) => framed(answerTo(asked)).subarray(2, 13), 'it answers another question'],
    ['of a header that promises more', (asked) => framed(answerTo(asked)).subarray(2, 14), ''],
  ])('an answer %s is an error at once', async (_, answer, reason) => {
    upstream.behaviour = (asked) => void asked.socket.write(framed(answer(asked)));
    await expect(ask()).rejects.toMatchObject({
      code: 'DNS_BAD_MESSAGE',
      message: expect.stringContaining(`no usable answer: ${reason}`) as string,
    });
  });

  test.each<[string, (socket: net.Socket, answer: Buffer) => void, string]>([
    ['closed without an answer', (socket) => socket.end(), 'closed the connection'],
    ['closed in the length', (socket, answer) => socket.end(answer.subarray(0, 1)), 'closed the connection'],
    ['closed in the answer', (socket, answer) => socket.end(answer.subarray(0, 20)), 'closed the connection'],
    ['reset', (socket) => socket.resetAndDestroy(), 'ECONNRESET'],
  ])('%s is an error', async (_, end, message) => {
    upstream.behaviour = (asked) => end(asked.socket, framed(answerTo(asked)));
    await expect(ask()).rejects.toMatchObject({ code: 'DNS_IO', message: expect.stringContaining(message) as string });
  });

  test('of any bytes ends the question with an answer or an error of ours', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        upstream.behaviour = (asked) => void asked.socket.end(bytes);
        const outcome = await failureOf(ask());
        expect(outcome === 'it succeeded' || outcome instanceof AppError).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the signal', () => {
  test('ends the wait for an answer with its own reason, and closes the connection', async () => {
    upstream.behaviour = () => undefined;
    const asker = new AbortController();
    const outcome = failureOf(ask({}, asker.signal));
    await upstream.questions(1);
    asker.abort(new AppError('DNS_TIMEOUT', 'no answer by TCP'));
    expect(await outcome).toMatchObject({ code: 'DNS_TIMEOUT', message: 'no answer by TCP' });
  });

  test('ends it in the middle of an answer too', async () => {
    const asker = new AbortController();
    upstream.behaviour = (asked) => {
      asked.socket.write(framed(answerTo(asked)).subarray(0, 9));
      setImmediate(() => asker.abort());
    };
    expect(await failureOf(ask({}, asker.signal))).toMatchObject({ code: 'DNS_IO' });
  });

  test('that came while connecting: nothing is asked, the connection is closed', async () => {
    const asker = new AbortController();
    const late: TcpOpener = {
      connectTcp: async (...args) => {
        const socket = await opener.connectTcp(args[0], args[1]);
        asker.abort();
        return socket;
      },
    };
    const options = { address: '127.0.0.1', port: upstream.port, timeoutMs: 500, clock: new ManualClock() };
    await expect(askOverTcp(late, question, options, asker.signal)).rejects.toMatchObject({ code: 'DNS_IO' });
    await eventually(() => expect(opener.open).toBe(0), 15_000, 1);
    expect(upstream.received).toEqual([]);
  });
});

test('no connection is an error that says where to and why', async () => {
  const refusing: TcpOpener = { connectTcp: () => Promise.reject(new AppError('DIAL_REFUSED', 'connection refused')) };
  const options = { address: '192.0.2.53', port: 53, timeoutMs: 500, clock: new ManualClock() };
  await expect(askOverTcp(refusing, question, options, never)).rejects.toMatchObject({
    code: 'DNS_IO',
    message: 'no TCP connection to 192.0.2.53 port 53: connection refused',
    cause: { code: 'DIAL_REFUSED' },
  });
});
