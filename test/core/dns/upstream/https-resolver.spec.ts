import http2 from 'node:http2';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { settle } from '../../../support/manual-clock.ts';
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
  soon,
} from './https-ground.ts';
import { Relay } from './relay.ts';

const ground = httpsGround();
const { secured, questions, pongHasCome, resolverFor } = ground;

describe('a question', () => {
  test('by POST is the body, with id 0, and the answer names who gave it', async () => {
    const answer = await resolverFor().query(question, never);
    expect(answer).toMatchObject({
      message: { rcode: 'NOERROR', answers: [right] },
      upstream: `https://127.0.0.1:${ground.port}/dns-query`,
    });
    const [asked] = ground.received;
    expect(asked?.headers).toMatchObject({
      ':method': 'POST',
      ':scheme': 'https',
      ':authority': `127.0.0.1:${ground.port}`,
      ':path': '/dns-query',
      accept: media,
      'content-type': media,
      'content-length': String(asked?.body.length),
    });
    expect(asked?.query).toMatchObject({
      id: 0,
      recursionDesired: true,
      questions: [{ name: 'example.com', type: 'A', class: 1 }],
      edns: { udpSize: 1232 },
    });
  });

  test('by GET is in the path, without padding, the same each time: caches may share its answer', async () => {
    const resolver = resolverFor({ method: 'GET' });
    await resolver.query(question, never);
    await resolver.query(question, never);
    const [first, second] = ground.received.map(({ headers }) => headers[':path']);
    expect(first).toMatch(/^\/dns-query\?dns=[A-Za-z0-9_-]+$/);
    expect(second).toBe(first);
    expect(ground.received[0]?.headers).not.toHaveProperty('content-type');
    expect(ground.received[0]?.body).toHaveLength(0);
    expect(ground.received[0]?.query).toMatchObject({ id: 0, questions: [{ name: 'example.com' }] });
  });

  test("by GET keeps the path's own parameters", async () => {
    await resolverFor({ method: 'GET', path: '/q?token=1' }).query(question, never);
    expect(ground.received[0]?.headers[':path']).toMatch(/^\/q\?token=1&dns=[A-Za-z0-9_-]+$/);
  });

  test('goes without EDNS, or to a server named by an IPv6 address or on the usual port, as the options say', async () => {
    await resolverFor({ question: { plain: true } }).query(question, never);
    expect(ground.received[0]?.query.edns).toBeUndefined();
    const answer = await resolverFor({ host: '2001:db8::53', port: 443 }).query(question, never);
    expect(answer.upstream).toBe('https://[2001:db8::53]/dns-query');
    expect(ground.received[1]?.headers[':authority']).toBe('[2001:db8::53]');
  });

  test('is one of many on one session, answered in whatever order', async () => {
    const resolver = resolverFor();
    ground.behaviour = () => undefined;
    const names = Array.from({ length: 8 }, (_, i) => `n${i}.example.com`);
    const answers = names.map((name) => resolver.query({ name, type: 'A' }, never));
    for (const asked of (await questions(names.length)).toReversed()) {
      const name = asked.query.questions[0]?.name ?? '';
      say(asked, answerTo(asked, { answers: [record(name, 'A', '192.0.2.1')] }));
    }
    expect((await Promise.all(answers)).map(({ message }) => message.answers[0]?.name)).toEqual(names);
    expect(ground.sessions).toHaveLength(1);
  });

  test('that no message can carry fails, and the next is answered', async () => {
    const resolver = resolverFor();
    await expect(resolver.query({ name: 'a..b', type: 'A' }, never)).rejects.toMatchObject({ code: 'DNS_BAD_MESSAGE' });
    await resolver.query(question, never);
    expect(ground.sessions).toHaveLength(1);
  });
});

describe('a session', () => {
  test.each<[string, () => void]>([
    ['closed in good order', () => ground.sessions[0]?.close()],
    ['cut off', () => ground.sockets[0]?.destroy()],
  ])('%s while it was idle is replaced', async (_, end) => {
    const resolver = resolverFor();
    await resolver.query(question, never);
    end();
    await soon(() => expect(ground.opener.open).toBe(0));
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
    expect(ground.sessions).toHaveLength(2);
  });

  test.each<[string, (asked: Asked) => void]>([
    ['cut off', () => ground.sockets[0]?.destroy()],
    ['ended with GOAWAY', ({ stream }) => stream.session?.destroy(undefined, http2.constants.NGHTTP2_NO_ERROR)],
    [
      'ended for an error',
      ({ stream }) => stream.session?.destroy(undefined, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM),
    ],
  ])('%s at the question after it was kept: the question is asked once more on a new one', async (_, end) => {
    const resolver = resolverFor();
    await resolver.query(question, never);
    ground.behaviour = (asked) => (asked.connection === 0 ? end(asked) : answerAll(asked));
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
    expect(ground.received.map(({ connection }) => connection)).toEqual([0, 0, 1]);
  });

  test('that is cut off again and again is not tried for ever', async () => {
    const resolver = resolverFor();
    await resolver.query(question, never);
    ground.behaviour = ({ connection }) => void ground.sockets[connection]?.destroy();
    await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_IO' });
    expect(ground.received).toHaveLength(3);
  });

  test('stays when the server takes back one question', async () => {
    const resolver = resolverFor();
    ground.behaviour = ({ stream }) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_IO' });
    ground.behaviour = ({ stream }) => stream.close(http2.constants.NGHTTP2_CANCEL);
    await expect(resolver.query(question, never)).rejects.toMatchObject({
      code: 'DNS_IO',
      message: 'the server closed the request',
    });
    ground.behaviour = answerAll;
    await resolver.query(question, never);
    expect(ground.sessions).toHaveLength(1);
  });

  test('on which nothing comes any more is given up within the time of the question', async () => {
    await using relay = new Relay(ground.port);
    ground.connect = secured(await relay.listen());
    const resolver = resolverFor();
    await resolver.query(question, never);
    relay.swallow();
    const answer = resolver.query(question, never);
    await settle();
    await ground.clock.advance(3_499);
    expect(ground.sessions).toHaveLength(1);
    await ground.clock.advance(1);
    expect((await answer).message.answers).toEqual([right]);
    expect(ground.sessions).toHaveLength(2);
  });

  test('whose server is slow but there is kept', async () => {
    const resolver = resolverFor();
    await resolver.query(question, never);
    ground.behaviour = () => undefined;
    const answer = resolver.query(question, never);
    const asked = (await questions(2))[1];
    await ground.clock.advance(2_500);
    await pongHasCome();
    await ground.clock.advance(2_000);
    if (asked !== undefined) answerAll(asked);
    expect((await answer).message.answers).toEqual([right]);
    expect(ground.sessions).toHaveLength(1);
  });

  test('that cannot be made is an error with the reason, and is tried anew for the next question', async () => {
    const resolver = resolverFor();
    const make = ground.connect;
    ground.connect = () => Promise.reject(new AppError('DNS_TLS', 'no good certificate'));
    await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_TLS' });
    ground.connect = make;
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
  });
});

describe('time', () => {
  test('silence ends after 5 s with DNS_TIMEOUT', async () => {
    ground.behaviour = () => undefined;
    const outcome = failureOf(resolverFor().query(question, never));
    await questions(1);
    await ground.clock.advance(2_500);
    await pongHasCome();
    await ground.clock.advance(2_499);
    await ground.clock.advance(1);
    expect(await outcome).toMatchObject({
      code: 'DNS_TIMEOUT',
      message: `https://127.0.0.1:${ground.port}/dns-query did not answer within 5 s`,
    });
  });

  test('a connection that is never made ends after 5 s too, for who makes it as well', async () => {
    let making: AbortSignal | undefined;
    ground.connect = (signal) => {
      making = signal;
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(AppError.from(signal.reason)));
      });
    };
    const outcome = failureOf(resolverFor().query(question, never));
    await ground.clock.advance(5_000);
    expect(await outcome).toMatchObject({ code: 'DNS_TIMEOUT' });
    expect(making?.aborted).toBe(true);
  });

  test('the asker can give up: before, and in the middle; the server is told, and the session is kept', async () => {
    const resolver = resolverFor();
    await expect(resolver.query(question, AbortSignal.abort())).rejects.toMatchObject({ code: 'DNS_IO' });
    expect(ground.opener.open).toBe(0);
    await resolver.query(question, never);
    ground.behaviour = () => undefined;
    const asker = new AbortController();
    const outcome = failureOf(resolver.query(question, asker.signal));
    const asked = (await questions(2))[1];
    asker.abort(new AppError('DNS_IO', 'another server was believed'));
    expect(await outcome).toMatchObject({ message: 'another server was believed' });
    await soon(() => expect(asked?.stream.destroyed).toBe(true));
    ground.behaviour = answerAll;
    await resolver.query(question, never);
    expect(ground.sessions).toHaveLength(1);
  });
});
