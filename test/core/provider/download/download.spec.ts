import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../core/base/clock.ts';
import { Downloader, type DownloadRequest } from '../../../../core/provider/download/download.ts';
import { type HttpProxy, requestOnce } from '../../../../core/provider/download/http-request.ts';
import { TestAuthority } from '../../../support/certificate.ts';
import { eventually } from '../../../support/eventually.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { type Answer, answers, SubscriptionServer } from '../../../support/subscription-server.ts';

const mebibyte = 1024 * 1024;
const code = (expected: string) => expect.objectContaining({ code: expect.stringContaining(expected) });
const authority = new TestAuthority();
let server: SubscriptionServer;
let proxy: HttpProxy | undefined;

const downloader = (clock = systemClock, ca = authority.cert) =>
  new Downloader({ clock, ca, proxy: () => proxy, version: '1' });
const get = (path: string, more: Partial<DownloadRequest> = {}) =>
  downloader().get({ url: server.url(path), maxBytes: 8 * mebibyte, ...more });

beforeEach(async () => {
  proxy = undefined;
  server = await SubscriptionServer.start();
});
afterEach(() => server.stop());

describe('what is there', () => {
  test('comes whole, with what its head says', async () => {
    server.routes.set(
      '/a',
      answers.text('rules', { 'subscription-userinfo': 'total=1', 'profile-update-interval': '24' }),
    );
    expect(await get('/a')).toEqual({
      kind: 'fresh',
      bytes: Buffer.from('rules'),
      headers: {
        etag: expect.any(String),
        contentType: 'text/plain',
        subscriptionUserinfo: 'total=1',
        profileUpdateInterval: '24',
      },
    });
    expect(server.heads[0]).toMatchObject({
      'user-agent': 'clash.meta Mirage/1',
      'accept-encoding': 'gzip, deflate, br',
    });
  });

  test('comes once: the second time only whether it has changed', async () => {
    server.routes.set('/a', answers.text('rules'));
    const { headers } = await get('/a');
    expect(await get('/a', { etag: headers.etag ?? '' })).toMatchObject({ kind: 'unchanged' });
    server.routes.set('/a', answers.text('other rules'));
    expect(await get('/a', { etag: headers.etag ?? '' })).toMatchObject({
      kind: 'fresh',
      bytes: Buffer.from('other rules'),
    });
  });

  test('a time of change within the second of the answer tells no versions apart', async () => {
    const changed = (ago: number) => {
      const now = new Date('2026-01-01T00:00:10Z');
      server.routes.set(
        '/a',
        (_, response) =>
          void response
            .writeHead(200, { date: now.toUTCString(), 'last-modified': new Date(now.getTime() - ago).toUTCString() })
            .end('x'),
      );
    };
    changed(0);
    expect((await get('/a')).headers.lastModified).toBeUndefined();
    changed(5000);
    const { headers } = await get('/a');
    expect(headers.lastModified).toBe('Thu, 01 Jan 2026 00:00:05 GMT');
    await get('/a', { lastModified: headers.lastModified ?? '' });
    expect(server.heads.at(-1)).toMatchObject({ 'if-modified-since': 'Thu, 01 Jan 2026 00:00:05 GMT' });
  });

  test('packed, and behind redirects, also relative ones', async () => {
    server.routes.set('/a', answers.redirect('/b', 301));
    server.routes.set('/b', answers.redirect(server.url('/c'), 307));
    server.routes.set('/c', answers.gzip('rules'));
    expect(await get('/a')).toMatchObject({ bytes: Buffer.from('rules') });
  });

  test("the profile's own headers go with it, but none that frame the request", async () => {
    server.routes.set('/a', answers.text(''));
    await get('/a', {
      headers: {
        'User-Agent': 'other/1',
        Authorization: 'token x',
        Host: 'elsewhere.example',
        'Content-Length': '7',
        'bad name': 'x',
      },
    });
    expect(server.heads[0]).toMatchObject({
      'user-agent': 'other/1',
      authorization: 'token x',
      host: `127.0.0.1:${server.port}`,
    });
    expect(server.heads[0]).not.toHaveProperty('content-length');
  });

  test('they stay with the origin that they were meant for, and do not come back', async () => {
    const other = await SubscriptionServer.start();
    server.routes.set('/a', answers.redirect('/b'));
    server.routes.set('/b', answers.redirect(other.url('/c')));
    other.routes.set('/c', answers.redirect(server.url('/d')));
    server.routes.set('/d', answers.text('rules'));
    const headers = { authorization: 'token x', 'user-agent': 'other/1', 'x-token': 'y', cookie: 'z=1' };
    await get('/a', { headers });
    const [first, second, back] = server.heads;
    expect([first, second]).toMatchObject([headers, headers]);
    for (const head of [other.heads[0], back]) {
      expect(head).toMatchObject({ 'user-agent': 'clash.meta Mirage/1' });
      for (const name of ['authorization', 'x-token', 'cookie']) expect(head).not.toHaveProperty(name);
    }
    await other.stop();
  });

  test('tells how far it is', async () => {
    const told: number[] = [];
    server.routes.set('/a', (_, response) => void response.writeHead(200, { 'content-length': 5 }).end('rules'));
    await get('/a', { onProgress: (bytes, total) => told.push(bytes, total ?? -1) });
    expect(told.slice(-2)).toEqual([5, 5]);
  });
});

describe('what goes wrong has its code, and leaves nothing in memory', () => {
  test.each<[string, Answer, string]>([
    ['not found', answers.status(404, 'no'), 'DOWNLOAD_STATUS'],
    ['an error of the server', answers.status(503), 'DOWNLOAD_STATUS'],
    ['a redirect to nowhere', answers.status(302), 'DOWNLOAD_STATUS'],
    ['a redirect to a file', answers.redirect('file:///etc/passwd'), 'DOWNLOAD_ADDRESS'],
    ['cut in the middle', answers.cut('payload:\n  - a.example\n'), 'DOWNLOAD_CUT'],
    [
      'an unknown coding',
      (_, response) => void response.writeHead(200, { 'content-encoding': 'rot13' }).end('x'),
      'DOWNLOAD_FAILED',
    ],
    [
      'packed bytes that are none',
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip'),
      'DOWNLOAD_FAILED',
    ],
    [
      'packed and cut',
      (_, response) =>
        void response.writeHead(200, { 'content-encoding': 'gzip' }).end(Buffer.from('1f8b0800000000000003', 'hex')),
      'DOWNLOAD_CUT',
    ],
  ])('%s', async (_, answer, expected) => {
    server.routes.set('/a', answer);
    await expect(get('/a')).rejects.toThrow(code(expected));
  });

  test('that nothing has changed, to who has nothing', async () => {
    server.routes.set('/a', answers.status(304));
    await expect(get('/a')).rejects.toThrow(code('DOWNLOAD_STATUS'));
    expect(await get('/a', { etag: '"x"' })).toMatchObject({ kind: 'unchanged' });
  });

  test.each<[string, Answer]>([
    ['an unknown coding', (_, response) => void response.writeHead(200, { 'content-encoding': 'rot13' }).write('x')],
    ['too much', (_, response) => void response.writeHead(200, { 'content-length': 9 * mebibyte }).write('x')],
    ['a bomb', answers.bomb(20)],
    ['zeros', answers.zeros(20)],
    ['an error with a body', (_, response) => void response.writeHead(500).write('x')],
    ['a redirect with a body', (_, response) => void response.writeHead(302, { location: 'ftp://x' }).write('x')],
    ['nothing new with a body', answers.endlessly304],
  ])('%s: the connection is not kept', async (_, answer) => {
    server.routes.set('/a', answer);
    await expect(get('/a')).rejects.toThrow(code('DOWNLOAD_'));
    await eventually(async () => expect(await server.open()).toBe(0));
  });

  test('too many redirects', async () => {
    server.routes.set('/a', answers.redirect('/a'));
    await expect(get('/a')).rejects.toThrow(code('DOWNLOAD_FAILED'));
    expect(server.asked).toHaveLength(6);
  });

  test('50 MiB of zeros, and 200 MiB in a few kilobytes', async () => {
    server.routes.set('/zeros', answers.zeros(50));
    server.routes.set('/bomb', answers.bomb(200));
    const before = process.memoryUsage().rss;
    await expect(get('/zeros')).rejects.toThrow(code('DOWNLOAD_TOO_LARGE'));
    await expect(get('/bomb')).rejects.toThrow(code('DOWNLOAD_TOO_LARGE'));
    // The bomb itself was made here, too.
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * mebibyte);
  });

  test('what says that it is too large is not begun', async () => {
    server.routes.set(
      '/a',
      (_, response) => void response.writeHead(200, { 'content-length': 9 * mebibyte }).write('x'),
    );
    await expect(get('/a')).rejects.toThrow(code('DOWNLOAD_TOO_LARGE'));
  });

  test.each([
    ['silent', answers.silent],
    ['stalled', answers.stalled],
  ])('a server that is %s is given up', async (_, answer) => {
    const clock = new ManualClock();
    server.routes.set('/a', answer);
    const attempt = downloader(clock).get({ url: server.url('/a'), maxBytes: mebibyte });
    attempt.catch(() => undefined);
    await eventually(() => expect(server.asked).toEqual(['/a']));
    const outcome = Promise.allSettled([attempt]);
    let isOver = false;
    void outcome.finally(() => {
      isOver = true;
    });
    await eventually(async () => {
      await clock.advance(1000);
      expect(isOver).toBe(true);
    });
    expect(await outcome).toEqual([{ status: 'rejected', reason: code('DOWNLOAD_TIMEOUT') }]);
    expect(clock.pending).toBe(0);
  });

  test('nobody listens, nobody is called so, and no address at all', async () => {
    const free = net.createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    free.close();
    await once(free, 'close');
    const to = (url: string) => downloader().get({ url, maxBytes: 1 });
    await expect(to(`http://127.0.0.1:${port}/`)).rejects.toThrow(code('DOWNLOAD_UNREACHABLE'));
    for (const url of ['', 'nonsense', 'file:///etc/passwd', 'ftp://192.0.2.1/', 'javascript:1'])
      await expect(to(url)).rejects.toThrow(code('DOWNLOAD_ADDRESS'));
  });

  test('the address, which may be a secret, is in no message', async () => {
    await expect(get('/secret-token')).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret-token') }),
    );
  });

  test('given up by who wanted it', async () => {
    server.routes.set('/a', answers.stalled);
    const giveUp = new AbortController();
    const attempt = get('/a', { signal: giveUp.signal });
    await eventually(() => expect(server.asked).toEqual(['/a']));
    giveUp.abort();
    await expect(attempt).rejects.toThrow(code('DOWNLOAD_FAILED'));
  });
});

describe('nobody outside leads to this machine', () => {
  /** A proxy that takes every name for our server. */
  const between = async () => {
    const dialled: string[] = [];
    const machine = http.createServer();
    machine.on('connect', (request, socket) => {
      dialled.push(request.url ?? '');
      const onward = net.connect(server.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      for (const each of [onward, socket]) each.on('error', () => undefined);
    });
    machine.listen(0, '127.0.0.1');
    await once(machine, 'listening');
    proxy = { host: '127.0.0.1', port: (machine.address() as AddressInfo).port };
    return { dialled, stop: () => machine.close() };
  };

  test('through a proxy, by what the address says', async () => {
    const { dialled, stop } = await between();
    for (const to of [server.url('/secret'), 'http://localhost/secret', 'http://192.168.1.1/', 'http://nas.lan/']) {
      server.routes.set('/a', answers.redirect(to));
      await expect(downloader().get({ url: 'http://sub.example/a', maxBytes: mebibyte })).rejects.toThrow(
        code('DOWNLOAD_FAILED'),
      );
    }
    expect(new Set(dialled)).toEqual(new Set(['sub.example:80']));
    expect(server.asked).not.toContain('/secret');
    server.routes.set('/a', answers.redirect('http://other.example/b'));
    server.routes.set('/b', answers.text('rules'));
    expect(await downloader().get({ url: 'http://sub.example/a', maxBytes: mebibyte })).toMatchObject({
      bytes: Buffer.from('rules'),
    });
    stop();
  });

  test('directly, also by a name that has such an address', async () => {
    const asked: string[] = [];
    const attempt = requestOnce(new URL(`http://localhost:${server.port}/a`), {
      headers: {},
      proxy: undefined,
      ca: undefined,
      signal: new AbortController().signal,
      accepts: (address) => {
        asked.push(address);
        return false;
      },
    });
    await expect(attempt).rejects.toThrow(code('DOWNLOAD_FAILED'));
    expect(asked).toContain('127.0.0.1');
    expect(server.asked).toEqual([]);
  });
});

describe('https', () => {
  let secure: SubscriptionServer;
  afterEach(() => secure.stop());
  const start = async (hosts: string[], until?: Date) => {
    secure = await SubscriptionServer.start(authority.issue(hosts, until));
    secure.routes.set('/a', answers.text('rules'));
    secure.routes.set('/down', answers.redirect(server.url('/a')));
  };
  const fetchIt = (path = '/a', ca = authority.cert) =>
    downloader(systemClock, ca).get({ url: secure.url(path), maxBytes: mebibyte });

  test('with a good certificate', async () => {
    await start(['127.0.0.1']);
    expect(await fetchIt()).toMatchObject({ bytes: Buffer.from('rules') });
  });

  test.each([
    ['for another name', ['elsewhere.example'], undefined],
    ['that has expired', ['127.0.0.1'], new Date(Date.now() - 86_400_000)],
  ])('a certificate %s is refused', async (_, hosts, until) => {
    await start(hosts, until);
    await expect(fetchIt()).rejects.toThrow(code('DOWNLOAD_TLS'));
    expect(secure.asked).toEqual([]);
  });

  test('what the profile sends goes up to https as who we are, without its secrets', async () => {
    await start(['127.0.0.1']);
    server.routes.set('/up', answers.redirect(secure.url('/a')));
    const headers = { authorization: 'token x', 'user-agent': 'other/1' };
    await downloader().get({ url: server.url('/up'), maxBytes: mebibyte, headers });
    expect(secure.heads[0]).toMatchObject({ 'user-agent': 'other/1' });
    expect(secure.heads[0]).not.toHaveProperty('authorization');
  });

  test('so is one of an unknown authority, and the way down to http', async () => {
    await start(['127.0.0.1']);
    await expect(fetchIt('/a', new TestAuthority().cert)).rejects.toThrow(code('DOWNLOAD_TLS'));
    await expect(fetchIt('/down')).rejects.toThrow(code('DOWNLOAD_FAILED'));
    expect(server.asked).toEqual([]);
  });

  test('through the mixed port, by CONNECT with its user', async () => {
    await start(['127.0.0.1']);
    const seen: string[] = [];
    const between = http.createServer();
    between.on('connect', (request, socket) => {
      seen.push(`${request.url} ${request.headers['proxy-authorization']}`);
      const [host, port] = (request.url ?? '').split(':');
      const onward = net.connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      for (const each of [onward, socket]) each.on('error', () => undefined);
    });
    between.listen(0, '127.0.0.1');
    await once(between, 'listening');
    proxy = {
      host: '127.0.0.1',
      port: (between.address() as AddressInfo).port,
      credentials: { username: 'anna', password: 'p' },
    };
    expect(await fetchIt()).toMatchObject({ bytes: Buffer.from('rules') });
    server.routes.set('/plain', answers.text('plain'));
    expect(await get('/plain')).toMatchObject({ bytes: Buffer.from('plain') });
    const login = `Basic ${Buffer.from('anna:p').toString('base64')}`;
    expect(seen).toEqual([`127.0.0.1:${secure.port} ${login}`, `127.0.0.1:${server.port} ${login}`]);
    between.removeAllListeners('connect');
    between.on('connect', (_, socket) => void socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    await expect(fetchIt()).rejects.toThrow(code('DOWNLOAD_UNREACHABLE'));
    between.close();
  });
});

test.each([
  ['a login that is not encoded', 'http://%zz@127.0.0.1:1/', {}],
  ['a header that HTTP does not know', 'http://127.0.0.1:1/', { 'user-agent': '\u673a\u573a' }],
])('%s: refused with a code, and nothing is thrown beside it', async (_what, url, headers) => {
  const thrown: unknown[] = [];
  const note = (error: unknown): void => void thrown.push(error);
  process.on('uncaughtException', note);
  await expect(downloader().get({ url, maxBytes: mebibyte, headers })).rejects.toMatchObject({
    code: expect.stringMatching(/^DOWNLOAD_/),
  });
  // The connection is refused a moment later.
  await new Promise((resolve) => setTimeout(resolve, 100));
  process.off('uncaughtException', note);
  expect(thrown).toEqual([]);
});
