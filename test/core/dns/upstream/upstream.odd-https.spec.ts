/** Odd but real servers by HTTPS, over real sockets and in real time: all questions are answered all the same. */
import { describe, expect, test } from 'vitest';
import { fairClock } from '../../../support/fair-clock.ts';
import { addresses, dozen, type Http, lengthOf, onRequests, say, type, withServer } from './odd-resolver.ts';
import { addressFor, good } from './odd-server.ts';

const byHttp: [string, (request: Http) => void][] = [
  ['answers as it should', ({ socket, query }) => say(socket, [type, lengthOf(good(query))], good(query))],
  [
    'speaks HTTP/1.0',
    ({ socket, query }) => {
      say(socket, [type], good(query), 'HTTP/1.0 200 OK');
      socket.end();
    },
  ],
  [
    'closes after each',
    ({ socket, query }) => {
      say(socket, [type, lengthOf(good(query)), 'Connection: close'], good(query));
      socket.end();
    },
  ],
  [
    'closes after each without saying so',
    ({ socket, query }) => {
      say(socket, [type, lengthOf(good(query))], good(query));
      socket.end();
    },
  ],
  [
    'sends chunks',
    ({ socket, query }) => {
      const body = good(query);
      const chunk = (part: Uint8Array): Buffer =>
        Buffer.concat([Buffer.from(`${part.length.toString(16)};x=y\r\n`), part, Buffer.from('\r\n')]);
      say(
        socket,
        [type, 'Transfer-Encoding: chunked'],
        Buffer.concat([chunk(body.subarray(0, 7)), chunk(body.subarray(7)), Buffer.from('0\r\n\r\n')]),
      );
    },
  ],
  [
    'sends many other fields',
    ({ socket, query }) =>
      say(
        socket,
        [
          type.toUpperCase(),
          lengthOf(good(query)),
          ...Array.from({ length: 60 }, (_, i) => `X-${i}: ${'v'.repeat(60)}`),
          'Set-Cookie: a=b',
        ],
        good(query),
      ),
  ],
  ['gives no type', ({ socket, query }) => say(socket, [lengthOf(good(query))], good(query))],
  [
    'gives a type with parameters',
    ({ socket, query }) => say(socket, [`${type}; charset=utf-8`, lengthOf(good(query))], good(query)),
  ],
  [
    'puts in an id of its own',
    ({ socket, query }) => say(socket, [type, lengthOf(good(query))], good(query, { id: 4711 })),
  ],
  [
    'leaves the question out',
    ({ socket, query }) => {
      const body = good(query, { questions: [] });
      say(socket, [type, lengthOf(body)], body);
    },
  ],
  [
    'redirects to another path',
    ({ socket, query, head }) => {
      if (head.startsWith('POST /resolve')) say(socket, [type, lengthOf(good(query))], good(query));
      else say(socket, ['Location: /resolve', 'Content-Length: 0'], Buffer.alloc(0), 'HTTP/1.1 308 Permanent Redirect');
    },
  ],
  [
    'wants to be asked a second later (429)',
    ({ socket, query, nth }) => {
      if (nth > 0) say(socket, [type, lengthOf(good(query))], good(query));
      else say(socket, ['Retry-After: 1', 'Content-Length: 0'], Buffer.alloc(0), 'HTTP/1.1 429 Too Many Requests');
    },
  ],
  [
    'wants to be asked a second later (503)',
    ({ socket, query, nth }) => {
      if (nth > 0) say(socket, [type, lengthOf(good(query))], good(query));
      else say(socket, ['Retry-After: 1', 'Content-Length: 0'], Buffer.alloc(0), 'HTTP/1.1 503 Service Unavailable');
    },
  ],
  [
    'says 100 Continue first',
    ({ socket, query }) =>
      void socket.write(
        Buffer.concat([
          Buffer.from('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n'),
          Buffer.from(`${type}\r\n${lengthOf(good(query))}\r\n\r\n`),
          good(query),
        ]),
      ),
  ],
  [
    'fails the first time',
    ({ socket, query, nth }) => {
      const body = good(query, nth === 0 ? { rcode: 'SERVFAIL', answers: [] } : {});
      say(socket, [type, lengthOf(body)], body);
    },
  ],
];

describe.concurrent('a server by HTTPS that', () => {
  test.each(byHttp)('%s', async (name, handle) => {
    const stream = onRequests(handle);
    await withServer('https', stream === undefined ? {} : { stream }, async (resolver) => {
      expect(await addresses(resolver, dozen.slice(0, 1))).toEqual(['192.0.2.1']);
      const many = name.includes('a second later') ? dozen.slice(0, 2) : dozen;
      expect(await addresses(resolver, many)).toEqual(many.map(addressFor));
    });
  });

  test.each<[string, (request: Http) => void, RegExp]>([
    [
      'sends nothing',
      ({ socket }) => say(socket, [type, 'Content-Length: 0'], Buffer.alloc(0)),
      /DNS_BAD_MESSAGE|no usable answer/,
    ],
    [
      'wants to be left alone for a minute',
      ({ socket }) => say(socket, ['Retry-After: 60', 'Content-Length: 0'], Buffer.alloc(0), 'HTTP/1.1 503 No'),
      /status 503|asked not to be asked/,
    ],
    ['says 500', ({ socket }) => say(socket, ['Content-Length: 0'], Buffer.alloc(0), 'HTTP/1.1 500 No'), /status 500/],
    [
      'promises too much',
      ({ socket }) => say(socket, [type, 'Content-Length: 70000'], Buffer.alloc(70_000)),
      /too long/,
    ],
  ])('%s fails at once, with the reason', async (_, handle, reason) => {
    const stream = onRequests(handle);
    await withServer('https', stream === undefined ? {} : { stream }, async (resolver) => {
      const begun = fairClock.monotonic();
      for (const outcome of await addresses(resolver, dozen.slice(0, 3))) expect(outcome).toMatch(reason);
      expect(fairClock.monotonic() - begun).toBeLessThan(1_500);
    });
  });
});
