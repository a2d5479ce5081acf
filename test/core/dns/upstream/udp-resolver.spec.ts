import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AnswerJudge } from '../../../../core/dns/upstream/answer-suspicion.ts';
import { UdpResolver } from '../../../../core/dns/upstream/udp-resolver.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, responseTo } from '../../../../core/net/dns-message.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { answerRcode, answerWith, FakeUpstream, LoopbackOpener, type Received, record } from './fake-upstream.ts';

const question = { name: 'example.com', type: 'A' };
const never = new AbortController().signal;
const right = record('example.com', 'A', '192.0.2.1');
const wrong = record('example.com', 'A', '203.0.113.66');
const failureOf = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );
let upstream: FakeUpstream;
let opener: LoopbackOpener;
let clock: ManualClock;
let judge: AnswerJudge;
let forged: { name: string; given: boolean }[];
let resolver: UdpResolver;

/** What was sent within this process has been read: sockets have had their turn several times, however late it came. */
async function arrived(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  await sleep(10);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(async () => {
  upstream = await FakeUpstream.start(answerWith(right));
  opener = new LoopbackOpener();
  clock = new ManualClock();
  forged = [];
  judge = new AnswerJudge({
    isFake: (ip) => ip.startsWith('198.18.'),
    unreal: [],
    onForged: (told) => forged.push(told),
  });
  resolver = new UdpResolver({ address: '127.0.0.1', port: upstream.port, opener, judge, clock });
});
afterEach(async () => {
  // Sockets are listened to for a second after the first answers of a server.
  await clock.advance(1_000);
  await expect.poll(() => opener.open).toBe(0);
  await upstream.stop();
});

describe('a question', () => {
  test('is answered, with the upstream named', async () => {
    const answer = await resolver.query(question, never);
    expect(answer.message).toMatchObject({ rcode: 'NOERROR', answers: [right] });
    expect(answer.upstream).toBe(`udp://127.0.0.1:${upstream.port}`);
    expect(upstream.received[0]?.query).toMatchObject({
      recursionDesired: true,
      questions: [{ name: expect.stringMatching(/^example\.com$/i) as string, type: 'A', class: 1 }],
      edns: { udpSize: 1232, version: 0, dnssecOk: false },
    });
  });

  test('goes out from another port with another id each time', async () => {
    for (let i = 0; i < 8; i++) await resolver.query(question, never);
    expect(new Set(upstream.received.map(({ port }) => port)).size).toBeGreaterThan(4);
    expect(new Set(upstream.received.map(({ query }) => query.id)).size).toBeGreaterThan(4);
  });

  test('for the root or of an unnamed type is understood', async () => {
    upstream.behaviour = answerWith();
    await resolver.query({ name: '', type: 'NS' }, never);
    await resolver.query({ name: 'example.com', type: 'TYPE4711' }, never);
    await resolver.query({ name: 'example.com', type: 'HTTPS' }, never);
    expect(upstream.received.map(({ query }) => query.questions[0])).toEqual([
      { name: '.', type: 'NS', class: 1 },
      { name: expect.stringMatching(/^example\.com$/i) as string, type: 'TYPE4711', class: 1 },
      { name: expect.stringMatching(/^example\.com$/i) as string, type: 'HTTPS', class: 1 },
    ]);
  });

  test('denied or refused is answered so', async () => {
    for (const rcode of ['NXDOMAIN', 'SERVFAIL', 'REFUSED']) {
      upstream.behaviour = answerRcode(rcode);
      expect((await resolver.query(question, never)).message.rcode).toBe(rcode);
    }
  });
});

describe('answers that are not ours', () => {
  test.each([
    ['of another id', (id: number) => ({ id: id ^ 1 })],
    ['to another name', () => ({ questions: [{ name: 'example.org', type: 'A', class: 1 }] })],
    ['to another type', () => ({ questions: [{ name: 'example.com', type: 'AAAA', class: 1 }] })],
    ['of another class', () => ({ questions: [{ name: 'example.com', type: 'A', class: 3 }] })],
    ['without the question', () => ({ questions: [] })],
    ['that are questions', () => ({ response: false })],
  ])('%s are passed over; the right one behind them counts', async (_, change) => {
    upstream.behaviour = ({ query }) => {
      const response = responseTo(query, 'NOERROR');
      return [
        { ...response, answers: [wrong], ...change(query.id) },
        { ...response, answers: [right] },
      ];
    };
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
  });

  test('garbage is passed over too', async () => {
    upstream.behaviour = ({ query }) => [Buffer.from('garbage'), { ...responseTo(query, 'NOERROR'), answers: [right] }];
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
  });

  test('a server that does not keep the case of the name is believed, though not at once', async () => {
    upstream.behaviour = ({ query }) => {
      const [asked] = query.questions;
      const turned = (asked?.name ?? '')
        .split('')
        .map((c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()));
      return [
        {
          ...responseTo(query, 'NOERROR'),
          questions: [{ name: turned.join(''), type: 'A', class: 1 }],
          answers: [right],
        },
      ];
    };
    const answer = resolver.query(question, never);
    await upstream.questions(1);
    await arrived();
    await clock.advance(400);
    expect((await answer).message.answers).toEqual([right]);
    expect(forged).toEqual([]);
  });
});

describe('time', () => {
  test('a lost packet is sent again after 1.5 s, from another port', async () => {
    upstream.behaviour = (received) => (upstream.received.length < 2 ? [] : answerWith(right)(received));
    const answer = resolver.query(question, never);
    await upstream.questions(1);
    await clock.advance(1_499);
    await arrived();
    expect(upstream.received).toHaveLength(1);
    await clock.advance(1);
    expect((await answer).message.answers).toEqual([right]);
    expect(upstream.received).toHaveLength(2);
    expect(upstream.received[0]?.port).not.toBe(upstream.received[1]?.port);
  });

  test('silence ends after 5 s with DNS_TIMEOUT, a broken answer with what was wrong with it', async () => {
    for (const [behaviour, code] of [
      [() => [], 'DNS_TIMEOUT'],
      [
        ({ query }: { query: { id: number } }) => {
          const bytes = Buffer.alloc(20);
          bytes.writeUInt16BE(query.id);
          bytes.writeUInt16BE(0x8180, 2);
          bytes.writeUInt16BE(9, 6);
          return [bytes];
        },
        'DNS_BAD_MESSAGE',
      ],
    ] as const) {
      upstream.behaviour = behaviour;
      upstream.received.length = 0;
      const outcome = failureOf(resolver.query(question, never));
      await upstream.questions(1);
      await clock.advance(1_500);
      await upstream.questions(2);
      await arrived();
      await clock.advance(3_500);
      expect(await outcome).toMatchObject({ code });
    }
  });

  test('the asker can give up at once, also before', async () => {
    upstream.behaviour = () => [];
    const asker = new AbortController();
    const outcome = failureOf(resolver.query(question, asker.signal));
    await upstream.questions(1);
    asker.abort();
    expect(await outcome).toMatchObject({ code: 'DNS_IO' });
    await expect(resolver.query(question, asker.signal)).rejects.toMatchObject({ code: 'DNS_IO' });
    expect(upstream.received).toHaveLength(1);
  });

  test('a port where nobody listens fails at once', async () => {
    const other = new UdpResolver({ address: '127.0.0.1', port: 1, opener, judge, clock });
    await expect(other.query(question, never)).rejects.toMatchObject({ code: 'DNS_IO' });
  });

  test('a flood holds 256 questions at most, and the newest are asked', async () => {
    upstream.behaviour = () => [];
    const asker = new AbortController();
    const outcomes = Array.from({ length: 300 }, () => failureOf(resolver.query(question, asker.signal)));
    await upstream.questions(100);
    expect(opener.open).toBe(256);
    asker.abort();
    expect((await Promise.all(outcomes)).filter((error) => String(error).includes('under way'))).toHaveLength(44);
  });
});

describe('truncation', () => {
  const many = Array.from({ length: 60 }, (_, i) => record('example.com', 'A', `192.0.2.${i}`));

  test('is followed by a question over TCP', async () => {
    upstream.behaviour = ({ network, query }) => [
      encodeMessage({ ...responseTo(query, 'NOERROR'), answers: many }, network === 'udp' ? 512 : undefined),
    ];
    const { message } = await resolver.query(question, never);
    expect(message).toMatchObject({ truncated: false, answers: many });
    expect(upstream.received.map(({ network }) => network)).toEqual(['udp', 'tcp']);
  });

  test.each([
    ['a foreign answer', () => ({ id: 1 }), 'DNS_IO'],
    ['another question', () => ({ questions: [{ name: 'a', type: 'A', class: 1 }] }), 'DNS_BAD_MESSAGE'],
  ])('%s over TCP is an error', async (_, change, code) => {
    upstream.behaviour = ({ network, query }) => [
      { ...responseTo(query, 'NOERROR'), truncated: true, ...(network === 'tcp' ? change() : {}) },
    ];
    await expect(resolver.query(question, never)).rejects.toMatchObject({ code });
  });

  test('over TCP too the deadline holds', async () => {
    upstream.behaviour = ({ network, query }) =>
      network === 'udp' ? [{ ...responseTo(query, 'NOERROR'), truncated: true }] : [];
    const outcome = failureOf(resolver.query(question, never));
    await upstream.questions(2);
    await clock.advance(5_000);
    expect(await outcome).toMatchObject({ code: 'DNS_TIMEOUT' });
  });
});

test('a server that knows no EDNS is asked without it', async () => {
  upstream.behaviour = ({ query }) =>
    query.edns === undefined
      ? [{ ...responseTo(query, 'NOERROR'), answers: [right] }]
      : [{ ...responseTo({ ...query, questions: [] }, 'FORMERR'), edns: undefined as never }];
  expect((await resolver.query(question, never)).message.answers).toEqual([right]);
  expect(upstream.received.map(({ query }) => query.edns !== undefined)).toEqual([true, false]);
});

describe('forged answers', () => {
  /** The query as the server saw it, answered at once; what a real server sends comes when a test says so. */
  const forge = (change: (query: DnsMessage) => Partial<DnsMessage>): void => {
    upstream.behaviour = ({ query, network }) => {
      const response = responseTo(query, 'NOERROR');
      if (network === 'tcp') return [{ ...response, answers: [right] }];
      return [{ ...response, answers: [wrong], ...change(query) }];
    };
  };
  const withoutOpt = (): Partial<DnsMessage> => ({ edns: undefined as never });
  const later = (received: Received, change: Partial<DnsMessage> = {}): void =>
    upstream.send({ ...responseTo(received.query, 'NOERROR'), answers: [right], ...change }, received.port);
  const last = (): Received => {
    const received = upstream.received.at(-1);
    if (received === undefined) throw new Error('nothing was received');
    return received;
  };

  test('the true answer that comes later wins over one without OPT', async () => {
    forge(withoutOpt);
    const answer = resolver.query(question, never);
    await upstream.questions(1);
    await arrived();
    await clock.advance(60);
    later(last());
    expect((await answer).message.answers).toEqual([right]);
    expect(forged).toEqual([{ name: 'example.com', given: false }]);
    expect(judge.outcome(['edns'])).toBe('refuse');
  });

  test('without another one, a server that knows no EDNS is believed after the grace; after three times at once', async () => {
    forge(withoutOpt);
    for (let i = 0; i < 3; i++) {
      const answer = resolver.query(question, never);
      await upstream.questions(i + 1);
      await arrived();
      await clock.advance(400);
      expect((await answer).message.answers).toEqual([wrong]);
    }
    expect((await resolver.query(question, never)).message.answers).toEqual([wrong]);
    expect(forged).toEqual([]);
  });

  test('a server that does not keep the case is believed in the same way', async () => {
    forge(({ questions }) => ({
      questions: questions.map((one) => ({ ...one, name: one.name.toLowerCase() })),
      answers: questions.map((one) => record(one.name.toLowerCase(), 'A', '192.0.2.66')),
    }));
    const long = { name: 'abcdefghijklmnopqrstuvwxyz.example', type: 'A' };
    const answer = resolver.query(long, never);
    await upstream.questions(1);
    await arrived();
    await clock.advance(400);
    expect((await answer).message.rcode).toBe('NOERROR');
    expect(upstream.received).toHaveLength(1);
  });

  test('the letters of the question are mixed, and the answer says how', async () => {
    upstream.behaviour = ({ query }) => [
      {
        ...responseTo(query, 'NOERROR'),
        answers: query.questions.map((one) => record(one.name, 'A', '192.0.2.1')),
      },
    ];
    const seen = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const { message } = await resolver.query({ name: 'abcdefghijklmnopqrstuvwxyz.example', type: 'A' }, never);
      expect(message.answers[0]?.name).toBe(message.questions[0]?.name);
      seen.add(last().query.questions[0]?.name ?? '');
    }
    expect(seen.size).toBe(4);
  });

  test('a server known to send OPT is asked by TCP when only an answer without comes', async () => {
    for (let i = 0; i < 8; i++) await resolver.query(question, never);
    forge(withoutOpt);
    upstream.received.length = 0;
    const answer = resolver.query(question, never);
    await upstream.questions(1);
    await arrived();
    await clock.advance(400);
    expect((await answer).message.answers).toEqual([right]);
    expect(upstream.received.map(({ network }) => network)).toEqual(['udp', 'tcp']);
  });

  test('an address of ours is never given, by TCP neither', async () => {
    upstream.behaviour = answerWith(record('example.com', 'A', '198.18.0.7'));
    const outcome = failureOf(resolver.query(question, never));
    await upstream.questions(1);
    await arrived();
    await clock.advance(400);
    expect(await outcome).toMatchObject({ code: 'DNS_BAD_MESSAGE', message: expect.stringContaining('own') as string });
    expect(upstream.received.map(({ network }) => network)).toEqual(['udp', 'tcp']);
  });

  test('what was borne out once is not given where TCP is silent, and the wait for TCP is bounded', async () => {
    judge.contradict('example.com', ['edns'], [], false);
    upstream.behaviour = ({ query, network }) =>
      network === 'tcp' ? [] : [{ ...responseTo(query, 'NOERROR'), answers: [wrong], ...withoutOpt() }];
    const outcome = failureOf(resolver.query(question, never));
    await upstream.questions(1);
    await arrived();
    await clock.advance(1_000);
    await upstream.questions(2);
    await clock.advance(2_000);
    expect(await outcome).toMatchObject({ code: 'DNS_BAD_MESSAGE' });
  });

  test('a perfect copy is given once, then known by the second answer; the next time the later one is taken', async () => {
    forge(() => ({}));
    expect((await resolver.query(question, never)).message.answers).toEqual([wrong]);
    await clock.advance(60);
    later(last());
    for (const end = Date.now() + 5_000; forged.length === 0 && Date.now() < end; ) await sleep(2);
    expect(forged).toEqual([{ name: 'example.com', given: true }]);
    const answer = resolver.query(question, never);
    await upstream.questions(2);
    await arrived();
    await clock.advance(60);
    later(last());
    expect((await answer).message.answers).toEqual([right]);
  });

  test('a doubted answer is better than none when the time is over', async () => {
    upstream.behaviour = () => [];
    const answer = resolver.query(question, never);
    await upstream.questions(1);
    await clock.advance(4_800);
    later(last(), { answers: [wrong] });
    await upstream.questions(2);
    const first = upstream.received[0];
    if (first === undefined) throw new Error('nothing was received');
    later(first, { answers: [wrong], ...withoutOpt() });
    await arrived();
    await clock.advance(200);
    expect((await answer).message.answers).toEqual([wrong]);
  });
});
