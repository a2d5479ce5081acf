import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { silentLogger } from '../../../../core/base/logger.ts';
import type { RoutedAnswer } from '../../../../core/dns/router/routed-answer.ts';
import { DnsLog } from '../../../../core/dns/server/dns-log.ts';
import { DnsServer, type QuestionRouter } from '../../../../core/dns/server/dns-server.ts';
import { Forwarders } from '../../../../core/dns/server/forwarders.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, queryFor, responseTo } from '../../../../core/net/dns-message.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { answerOne, batchOf, readAnswers } from '../router/dns-batch-fixture.ts';
import { record } from '../upstream/fake-upstream.ts';

let clock: ManualClock;
let log: DnsLog;
let route: (query: DnsMessage) => RoutedAnswer | Promise<RoutedAnswer>;
let server: DnsServer;

const routed = (query: DnsMessage, change: Partial<DnsMessage> = {}): RoutedAnswer => ({
  message: { ...responseTo(query, 'NOERROR'), ...change },
  verdict: 'real',
  upstream: 'udp://192.0.2.53:53',
});

beforeEach(() => {
  clock = new ManualClock();
  log = new DnsLog();
  route = (query) => routed(query, { answers: [record('example.com', 'A', '192.0.2.1')] });
  const router: QuestionRouter = { answer: async (query) => await route(query) };
  server = new DnsServer({ router, log, clock, logger: silentLogger });
});

async function answered(bytes: Uint8Array, network: 'udp' | 'tcp' = 'udp'): Promise<DnsMessage> {
  const answer = await answerOne(server, bytes, { network });
  const decoded = decodeMessage(answer ?? new Uint8Array());
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.message;
}

const query = (edns?: number) =>
  encodeMessage(
    queryFor(4711, 'example.com', 'A', edns === undefined ? undefined : { udpSize: edns, version: 0, dnssecOk: false }),
  );

describe('a question', () => {
  test('is answered and logged', async () => {
    route = async (asked) => {
      await clock.advance(12);
      return routed(asked, {
        answers: [record('example.com', 'CNAME', 'a.example'), record('a.example', 'A', '192.0.2.1')],
      });
    };
    const time = clock.now();
    expect(await answered(query())).toMatchObject({ id: 4711, rcode: 'NOERROR', answers: [{}, { data: '192.0.2.1' }] });
    expect(log.rows()).toEqual([
      {
        id: '1',
        time,
        client: '192.168.1.7',
        name: 'example.com',
        type: 'A',
        verdict: 'real',
        rcode: 'NOERROR',
        answer: 'a.example > 192.0.2.1',
        upstream: 'udp://192.0.2.53:53',
        ms: 12,
      },
    ]);
  });

  test('goes to the router of now', async () => {
    server.setRouter({ answer: async (asked) => await Promise.resolve({ ...routed(asked), verdict: 'hosts' }) });
    await answered(query());
    expect(log.rows()[0]?.verdict).toBe('hosts');
  });
});

describe('size', () => {
  const records = (count: number) =>
    Array.from({ length: count }, (_, i) => record('example.com', 'A', `192.0.${i >> 8}.${i & 255}`));

  test.each<[string, 'udp' | 'tcp', number | undefined, number, number]>([
    // Header and question take 29 bytes, EDNS 11, each record 16.
    ['by UDP without EDNS what fits into 512 bytes', 'udp', undefined, 30, 30],
    ['and as many whole records of more', 'udp', undefined, 31, 30],
    ['by UDP with EDNS what the asker takes', 'udp', 1_232, 74, 74],
    ['and as many whole records of more', 'udp', 1_232, 75, 74],
    ['also of an odd size', 'udp', 700, 60, 41],
    ['but 512 bytes whatever it says (RFC 6891 section 6.2.5)', 'udp', 100, 30, 29],
    ['also large answers', 'udp', 4_096, 253, 253],
    ['up to 4,096 bytes', 'udp', 65_535, 300, 253],
    ['by TCP whole', 'tcp', undefined, 1_200, 1_200],
    ['whatever EDNS says', 'tcp', 512, 1_200, 1_200],
    ['up to 65,535 bytes', 'tcp', undefined, 4_200, 4_094],
  ])('%s', async (_, network, size, count, given) => {
    const answers = records(count);
    route = (asked) => routed(asked, { answers });
    const answer = await answered(query(size), network);
    expect(answer).toMatchObject({ truncated: given < count, questions: [{ name: 'example.com' }] });
    expect(answer.answers).toEqual(answers.slice(0, given));
    expect(answer.edns === undefined).toBe(size === undefined);
  });
});

describe('what is no question', () => {
  test.each([
    ['nothing', new Uint8Array()],
    ['11 bytes', new Uint8Array(11)],
    ['a response', encodeMessage(responseTo(queryFor(1, 'example.com', 'A', undefined), 'NOERROR'))],
  ])('%s gets no answer', async (_, bytes) => {
    expect(await answerOne(server, bytes, { patienceMs: 50 })).toBeUndefined();
    expect(log.count).toBe(0);
  });

  test('a header with nonsense behind it: FORMERR, of an unknown opcode NOTIMP', async () => {
    const bytes = Buffer.from('123401000001000000000000ff', 'hex');
    expect(await answered(bytes)).toMatchObject({ id: 0x1234, rcode: 'FORMERR', questions: [] });
    bytes.writeUInt16BE(0x2800, 2);
    expect(await answered(bytes)).toMatchObject({ id: 0x1234, rcode: 'NOTIMP' });
  });

  test('whatever comes, nothing is thrown and no answer is larger than asked for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 })), async (messages) => {
        const answers: Uint8Array[] = [];
        server.answerBatch(batchOf(messages), (some) =>
          answers.push(...readAnswers(some).map(([, message]) => message)),
        );
        for (let i = 0; i < 3; i++) await settle();
        expect(answers.length).toBeLessThanOrEqual(messages.length);
        expect(answers.filter((answer) => answer.length > 4_096)).toEqual([]);
      }),
    );
  });
});

test('an answer that cannot be written is SERVFAIL', async () => {
  route = (asked) => routed(asked, { answers: [record('a..b', 'A', '192.0.2.1')] });
  expect(await answered(query())).toMatchObject({ rcode: 'SERVFAIL' });
  expect(log.rows()[0]).toMatchObject({ verdict: 'error', rcode: 'SERVFAIL', answer: '' });
});

test('after stop nothing is answered, not even what was under way', async () => {
  const late = Promise.withResolvers<RoutedAnswer>();
  route = () => late.promise;
  const answer = answerOne(server, query(), { patienceMs: 50 });
  server.stop();
  late.resolve(routed(queryFor(1, 'example.com', 'A', undefined)));
  expect(await answer).toBeUndefined();
  expect(await answerOne(server, query(), { patienceMs: 50 })).toBeUndefined();
});

describe('a flood of questions that nobody answers', () => {
  /** Waits like an upstream that is dead, and ends with who asked. */
  const wait = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(AppError.from(signal.reason))));
  const mostWaiting = 1_024;
  const asked = (id: number) => encodeMessage(queryFor(id, 'dead.example', 'TXT', undefined));

  test('the longest waiting gives way, the newest is asked', async () => {
    let count = 0;
    const router: QuestionRouter = {
      answer: async (query, _, signal) => {
        count += 1;
        return query.id === 9_999 ? routed(query) : await wait(signal).catch(() => failed(query));
      },
    };
    server = new DnsServer({ router, log, clock, logger: silentLogger });
    const ended: Uint8Array[] = [];
    const many = Array.from({ length: mostWaiting }, (_, id) => asked(id));
    server.answerBatch(batchOf(many), (some) => void ended.push(some));
    expect(await answered(asked(9_999))).toMatchObject({ rcode: 'NOERROR' });
    expect(count).toBe(mostWaiting + 1);
    await settle();
    expect(ended.flatMap(readAnswers).map(([, bytes]) => decodeMessage(bytes))).toMatchObject([
      { message: { id: 0, rcode: 'SERVFAIL' } },
    ]);
    server.stop();
  });

  test('does not end the question of another client, however long it waits', async () => {
    const ended: string[] = [];
    const router: QuestionRouter = {
      answer: async (query, client, signal) =>
        await wait(signal).catch(() => {
          ended.push(client);
          return failed(query);
        }),
    };
    let client = 'patient';
    server = new DnsServer({ router, log, clock, logger: silentLogger, clientOf: () => client });
    server.answerBatch(batchOf([asked(1)]), () => undefined);
    client = 'flood';
    server.answerBatch(batchOf(Array.from({ length: mostWaiting + 50 }, (_, id) => asked(id))), () => undefined);
    await settle();
    expect(ended).toEqual(Array.from({ length: 51 }, () => 'flood'));
    server.stop();
  });

  test('fake addresses, of new names too, are given as ever', async () => {
    const router: QuestionRouter = {
      answer: async (query, _, signal) => await wait(signal).catch(() => failed(query)),
      isPlainFake: (name) => name !== 'dead.example',
      generation: 0,
      ttl: 1,
      pool: {
        answerKnown: ({ name }) => (name === 'known.example' ? 0xc6120005 : -1),
        allocate: (waiting) => queueMicrotask(() => waiting.settle(0xc6120006)),
        address6Of: () => undefined,
      },
    };
    server = new DnsServer({ router, log, clock, logger: silentLogger });
    server.answerBatch(batchOf(Array.from({ length: 2 * mostWaiting }, (_, id) => asked(id))), () => undefined);
    for (const [name, address] of [
      ['known.example', '198.18.0.5'],
      ['new.example', '198.18.0.6'],
    ] as const) {
      const message = encodeMessage(queryFor(1, name, 'A', undefined));
      expect(await answered(message)).toMatchObject({ rcode: 'NOERROR', answers: [{ data: address }] });
    }
    server.stop();
  });

  const failed = (query: DnsMessage): RoutedAnswer => ({ message: responseTo(query, 'SERVFAIL'), verdict: 'error' });
});

test('beside a resolver of this machine, only questions that may be its own are looked into', async () => {
  const looked: string[] = [];
  const forwarders = new Forwarders({
    expected: () => true,
    isForwarder: async ({ source }) => {
      looked.push(source.host);
      return await Promise.resolve(true);
    },
    isOurs: (address) => address === '198.18.0.2',
    isAsked: (name) => name === 'asked.example' || name === 'known.example',
    opener: {
      openUdp: () => {
        throw new AppError('DIAL_IO', 'nobody may be asked here');
      },
      connectTcp: () => Promise.reject(new AppError('DIAL_IO', 'nobody may be asked here')),
    },
    clock,
  });
  const router: QuestionRouter = {
    answer: async (asked) => await Promise.resolve(routed(asked)),
    isPlainFake: (name) => name === 'known.example',
    generation: 0,
    ttl: 1,
    pool: { answerKnown: () => 0xc6120005, allocate: () => undefined, address6Of: () => undefined },
  };
  server = new DnsServer({ router, log, clock, logger: silentLogger, forwarders });
  const ask = async (name: string): Promise<string> =>
    (await answered(encodeMessage(queryFor(1, name, 'A', undefined)))).rcode;
  expect([await ask('known.example'), await ask('www.example'), looked]).toEqual(['NOERROR', 'NOERROR', []]);
  // It would wait for itself.
  expect([await ask('Asked.example'), looked]).toEqual(['SERVFAIL', ['192.168.1.7']]);
});
