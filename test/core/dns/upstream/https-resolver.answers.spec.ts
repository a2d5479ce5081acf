import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { record } from './fake-upstream.ts';
import {
  type Asked,
  answerAll,
  answerTo,
  failureOf,
  httpsGround,
  media,
  never,
  question,
  right,
  say,
} from './https-ground.ts';

const ground = httpsGround();
const { resolverFor } = ground;

describe('an answer', () => {
  test('may be a denial, a refusal or cut off', async () => {
    const resolver = resolverFor();
    for (const rcode of ['NXDOMAIN', 'SERVFAIL', 'REFUSED']) {
      ground.behaviour = (asked) => say(asked, answerTo(asked, { rcode, answers: [] }));
      expect((await resolver.query(question, never)).message.rcode).toBe(rcode);
    }
    ground.behaviour = (asked) => say(asked, answerTo(asked, { truncated: true }));
    expect((await resolver.query(question, never)).message.truncated).toBe(true);
  });

  test('may come in pieces', async () => {
    ground.behaviour = (asked) => {
      asked.stream.respond({ ':status': 200, 'content-type': media });
      const bytes = answerTo(asked);
      for (const byte of bytes) asked.stream.write(Uint8Array.of(byte));
      asked.stream.end();
    };
    expect((await resolverFor().query(question, never)).message.answers).toEqual([right]);
  });

  test('may have 65535 bytes and no more', async () => {
    const strings = Array.from({ length: 250 }, () => Buffer.alloc(255, 'x'));
    ground.behaviour = (asked) => say(asked, answerTo(asked, { answers: [record('example.com', 'TXT', strings)] }));
    const text = { ...question, type: 'TXT' };
    expect((await resolverFor().query(text, never)).message.answers[0]?.data).toHaveLength(250 * 256);
    ground.behaviour = (asked) => say(asked, Buffer.alloc(70_000));
    await expect(resolverFor().query(question, never)).rejects.toMatchObject({
      code: 'DNS_BAD_MESSAGE',
      message: 'the answer is too long',
    });
  });

  test.each([
    ['once', 400, ['POST']],
    ['once', 404, ['POST']],
    ['once', 429, ['POST']],
    ['again', 500, ['POST', 'POST']],
    ['again', 502, ['POST', 'POST']],
    ['again', 503, ['POST', 'POST']],
    ['by both methods', 405, ['POST', 'GET']],
    ['by both methods', 415, ['POST', 'GET']],
  ])('is asked for %s where the HTTP status is %i, which the error tells', async (_, status, methods) => {
    ground.behaviour = (asked) => say(asked, answerTo(asked), { ':status': status });
    await expect(resolverFor().query(question, never)).rejects.toMatchObject({
      code: 'DNS_IO',
      message: `the server answered with HTTP status ${status}`,
    });
    expect(ground.received.map(({ headers }) => headers[':method'])).toEqual(methods);
  });

  test('comes by the method that the server takes, however many questions it has refused at once', async () => {
    ground.behaviour = (asked) =>
      say(asked, answerTo(asked), { ':status': asked.headers[':method'] === 'GET' ? 200 : 405 });
    const resolver = resolverFor();
    await Promise.all(Array.from({ length: 4 }, () => resolver.query(question, never)));
    await resolver.query(question, never);
    const methods = ground.received.map(({ headers }) => String(headers[':method']));
    expect(methods.toSorted()).toEqual([...Array<string>(5).fill('GET'), ...Array<string>(4).fill('POST')]);
  });

  test.each([
    ['without a place', {}, 'the server answered with HTTP status 302'],
    ['to itself', { location: '/dns-query' }, 'the server redirects again and again'],
    [
      'to another server',
      { location: 'https://other.example/dns-query' },
      'the server redirects to https://other.example/dns-query, which is another one',
    ],
    [
      'to another port',
      { location: 'https://127.0.0.1:1/' },
      'the server redirects to https://127.0.0.1:1/, which is another one',
    ],
    [
      'to plain HTTP',
      { location: 'http://127.0.0.1/' },
      'the server redirects to http://127.0.0.1/, which is another one',
    ],
    ['to nonsense', { location: 'https://[' }, 'the server redirects to https://[, which is another one'],
  ])('that is a redirection %s is an error', async (_, headers, message) => {
    ground.behaviour = (asked) => say(asked, Buffer.alloc(0), { ':status': 302, ...headers });
    await expect(resolverFor().query(question, never)).rejects.toMatchObject({ code: 'DNS_IO', message });
  });

  test('that is a web page, as of a portal, is told as what it is', async () => {
    ground.behaviour = (asked) =>
      say(asked, Buffer.from('<html>please log in</html>'), { 'content-type': 'text/html; charset=utf-8' });
    await expect(resolverFor().query(question, never)).rejects.toMatchObject({
      code: 'DNS_BAD_MESSAGE',
      message: 'no usable answer: it is "text/html; charset=utf-8"',
    });
  });

  test('that is right in spite of its content type is taken', async () => {
    ground.behaviour = (asked) => say(asked, answerTo(asked), { 'content-type': 'application/octet-stream' });
    expect((await resolverFor().query(question, never)).message.answers).toEqual([right]);
  });

  test.each<[string, (asked: Asked) => Uint8Array]>([
    ['that is empty', () => Buffer.alloc(0)],
    ['of a few bytes', () => Buffer.from([0, 0, 0x81])],
    ['of another name', (asked) => answerTo(asked, { questions: [{ name: 'example.org', type: 'A', class: 1 }] })],
    ['of another type', (asked) => answerTo(asked, { questions: [{ name: 'example.com', type: 'MX', class: 1 }] })],
    ['that is a question', (asked) => answerTo(asked, { response: false })],
    ['of a header that promises more', (asked) => answerTo(asked).subarray(0, 12)],
  ])('%s is an error at once, and the session is kept', async (_, bytes) => {
    const resolver = resolverFor();
    ground.behaviour = (asked) => say(asked, bytes(asked));
    await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_BAD_MESSAGE' });
    ground.behaviour = answerAll;
    await resolver.query(question, never);
    expect(ground.sessions).toHaveLength(1);
  });

  test('of any bytes and any status ends the question with an answer or an error of ours', async () => {
    const resolver = resolverFor();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(200, 204, 404), async (bytes, status) => {
        ground.behaviour = (asked) => say(asked, bytes, { ':status': status });
        const outcome = await failureOf(resolver.query(question, never));
        expect(outcome === 'it succeeded' || outcome instanceof AppError).toBe(true);
      }),
      { numRuns: 50 },
    );
    expect(ground.sessions).toHaveLength(1);
  });
});
