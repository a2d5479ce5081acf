import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { AppService } from '../../../../core/app/app-service.ts';
import { BrowserServer, maxViewers } from '../../../../core/app/browser/browser-server.ts';
import { RendererFiles } from '../../../../core/app/browser/renderer-files.ts';
import { systemClock } from '../../../../core/base/clock.ts';
import { silentLogger } from '../../../../core/base/logger.ts';
import { fairClock } from '../../../support/fair-clock.ts';
import { HelperDouble } from '../../../support/helper-double.ts';
import { ProfileLibraryDouble } from '../../../support/profile-library-double.ts';
import { ProvidersDouble } from '../../../support/providers-double.ts';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

let directory: string;
let server: BrowserServer;
let helper: HelperDouble;
let port: number;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-browser-'));
  await mkdir(join(directory, 'renderer/assets'), { recursive: true });
  await writeFile(join(directory, 'renderer/index.html'), '<!doctype html><title>Mirage</title>');
  await writeFile(join(directory, 'renderer/assets/app-B3dXk9aZ.js'), 'export {};');
  await writeFile(join(directory, 'secret.txt'), 'not for you');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeEach(async () => {
  helper = new HelperDouble();
  const bridge = new AppService({
    helper,
    profiles: new ProfileLibraryDouble(),
    providers: new ProvidersDouble(),
    report: () => undefined,
    clock: systemClock,
    logger: silentLogger,
    info: { version: '0.1.0', home: 'browser', platform: 'linux', cli: 'mirage', offlineRestore: null },
    enhancedAtStart: false,
  });
  await bridge.start();
  helper.up();
  const files = new RendererFiles(join(directory, 'renderer'));
  server = new BrowserServer({ bridge, files, clock: systemClock, logger: silentLogger, port: 0 });
  await server.start();
  port = Number(new URL(server.address).port);
});
afterEach(() => server.stop());

/** A request whose path and headers go out exactly as written. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers: { host: `127.0.0.1:${port}`, ...headers } };
    const outgoing = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** The keys of those who have signed in, by cookie. */
const keys = new Map<string, string>();

async function signIn(): Promise<string> {
  const { pathname, search } = new URL(server.issueLink());
  const answer = await ask(pathname + search);
  expect(answer.status).toBe(303);
  const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  keys.set(cookie, /^\/#key=([\w-]{22})$/.exec(answer.headers.location ?? '')?.[1] ?? '');
  return cookie;
}

/** Shows the key of the cookie, or another. */
function dial(
  headers: Record<string, string>,
  path = '/api/socket',
  key = keys.get(headers['cookie'] ?? ''),
): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, {
    headers: { origin: `http://127.0.0.1:${port}`, ...headers },
  });
  socket.on('open', () => socket.send(JSON.stringify({ key })));
  return socket;
}

/** `open`, or the status of the refusal. */
function outcome(socket: WebSocket): Promise<'open' | number> {
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve('open'));
    socket.on('unexpected-response', (_, response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    socket.on('error', (error) => (socket.readyState === WebSocket.CONNECTING ? reject(error) : undefined));
  });
}

const closeCode = (socket: WebSocket): Promise<number> => new Promise((resolve) => socket.on('close', resolve));
const nextFrame = (socket: WebSocket, wanted: (frame: Record<string, unknown>) => boolean) =>
  new Promise<Record<string, unknown>>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Record<string, unknown>;
      if (wanted(frame)) resolve(frame);
    });
  });

describe('the link', () => {
  test('is exchanged once for a cookie of this browser, and leaves the address bar', async () => {
    const { pathname, search } = new URL(server.issueLink());
    const first = await ask(pathname + search);
    expect(first.status).toBe(303);
    expect(first.headers.location).toMatch(/^\/#key=[\w-]{22}$/);
    expect(first.headers['set-cookie']?.join()).not.toContain(first.headers.location?.slice(6) ?? '?');
    expect(first.headers['cache-control']).toBe('no-store');
    const [cookie = ''] = first.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(new RegExp(`^mirage-${port}=[\\w-]{43};`));
    expect(cookie).toContain('HttpOnly');
    expect(cookie).toContain('SameSite=Strict');
    expect(cookie).not.toContain(search.slice(7));
    const again = await ask(pathname + search);
    expect(again.status).toBe(401);
    expect(again.headers['set-cookie']).toBeUndefined();
    expect(again.body).toContain('This link was used already');
    const signedIn = await ask(pathname + search, { cookie: cookie.split(';')[0] ?? '' });
    expect([signedIn.status, signedIn.headers.location]).toEqual([303, '/']);
  });

  test('opened from another place, a page of ours moves on: a redirect would lack the strict cookie', async () => {
    const { pathname, search } = new URL(server.issueLink());
    const answer = await ask(pathname + search, { 'sec-fetch-site': 'cross-site' });
    expect(answer.status).toBe(200);
    expect(answer.headers['set-cookie']?.[0]).toContain('SameSite=Strict');
    expect(answer.body).toMatch(/http-equiv="refresh" content="0;url=\/#key=[\w-]{22}"/);
  });

  test('a wrong one is refused with a page that says what to do, in Chinese to Chinese readers', async () => {
    const answer = await ask('/?token=AAAAAAAAAAAAAAAAAAAAAA', { 'accept-language': 'zh-CN,zh;q=0.9' });
    expect(answer.status).toBe(401);
    expect(answer.body).toContain('链接已使用或已过期');
  });
});

describe('who may read', () => {
  test.each(['/', '/index.html', '/assets/app-B3dXk9aZ.js', '/api/socket'])('%s needs the cookie', async (path) => {
    expect((await ask(path)).status).toBe(401);
    expect((await ask(path, { cookie: `mirage-${port}=guess` })).status).toBe(401);
  });

  test('with it: page, assets for ever, 426 for the socket, 404 for what is not there', async () => {
    const cookie = await signIn();
    const page = await ask('/', { cookie });
    expect([page.status, page.headers['content-type'], page.headers['cache-control']]).toEqual([
      200,
      'text/html; charset=utf-8',
      'no-store',
    ]);
    expect(page.body).toContain('<title>Mirage</title>');
    const asset = await ask('/assets/app-B3dXk9aZ.js', { cookie });
    expect(asset.headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(asset.headers['cache-control']).toContain('immutable');
    expect((await ask('/api/socket', { cookie })).status).toBe(426);
    expect((await ask('/nowhere', { cookie })).status).toBe(404);
  });

  test.each([
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/assets/%2e%2e%2f%2e%2e%2fsecret.txt',
    '/..%5csecret.txt',
    '//secret.txt',
    '/assets',
  ])('%s reaches nothing outside', async (path) => {
    const answer = await ask(path, { cookie: await signIn() });
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain('not for you');
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is not allowed', async (method) => {
    const answer = await ask('/', { cookie: await signIn() }, method);
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('Host', () => {
  test.each(['127.0.0.1', 'localhost', '[::1]'])('%s with the port is ours', async (host) => {
    const cookie = await signIn();
    expect((await ask('/', { host: `${host}:${port}`, cookie })).status).toBe(200);
  });

  test.each(['evil.example', `evil.example:9797`, '127.0.0.1', '127.0.0.1:1', 'localhost.evil.example'])(
    '%s is refused even with cookie and token: a rebound name must not reach us',
    async (host) => {
      const cookie = await signIn();
      const answer = await ask('/', { host, cookie });
      expect(answer.status).toBe(403);
      expect(answer.body).toContain('does not answer under this name');
      const { search } = new URL(server.issueLink());
      expect((await ask(`/${search}`, { host })).status).toBe(403);
    },
  );
});

test('every answer carries the security headers', async () => {
  const cookie = await signIn();
  const answers = await Promise.all([
    ask('/', { cookie }),
    ask('/'),
    ask('/nowhere', { cookie }),
    ask('/', { host: 'evil.example' }),
    ask('/', {}, 'POST'),
  ]);
  for (const { status, headers } of answers) {
    const policy = headers['content-security-policy'] ?? '';
    expect(policy, String(status)).toContain("default-src 'none'; script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/script-src[^;]*unsafe|\*/);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
  }
  expect(answers[0]?.headers['content-security-policy']).toContain(`connect-src 'self' ws://127.0.0.1:${port};`);
});

describe('the socket', () => {
  test('opens with cookie and own origin; calls, events and subscriptions work', async () => {
    const socket = dial({ cookie: await signIn() });
    const link = nextFrame(socket, (frame) => frame['event'] === 'link');
    expect(await outcome(socket)).toBe('open');
    expect(await link).toMatchObject({ data: { kind: 'connected' } });
    const answer = nextFrame(socket, (frame) => frame['id'] === 4);
    socket.send(JSON.stringify({ id: 4, call: 'getAppInfo', params: {} }));
    expect(await answer).toMatchObject({ result: { version: '0.1.0', home: 'browser', profile: null } });
    socket.close();
  });

  test.each<[string, Record<string, string>, number]>([
    ['another origin', { origin: 'http://evil.example' }, 403],
    ['our origin on another port', { origin: 'http://127.0.0.1:1' }, 403],
    ['the null origin', { origin: 'null' }, 403],
    ['another host', { host: 'evil.example' }, 403],
    ['host and origin of a rebound name', { host: 'evil.example:80', origin: 'http://evil.example:80' }, 403],
    ['no cookie', { cookie: '' }, 401],
    ['a guessed cookie', { cookie: 'mirage=guess' }, 401],
  ])('%s is refused', async (_, headers, status) => {
    expect(await outcome(dial({ cookie: await signIn(), ...headers }))).toBe(status);
    expect(server.viewers).toBe(0);
  });

  test.each([
    ['no key', ''],
    ['a guessed key', 'AAAAAAAAAAAAAAAAAAAAAA'],
    ['the cookie as key', 'cookie'],
  ])('a cookie that another port has seen, with %s, opens nothing and hears nothing', async (_, wrong) => {
    const cookie = await signIn();
    const socket = dial({ cookie }, '/api/socket', wrong === 'cookie' ? cookie.split('=')[1] : wrong);
    const heard: unknown[] = [];
    socket.on('message', (data) => heard.push(data));
    socket.on('open', () => socket.send(JSON.stringify({ id: 1, call: 'setEnhanced', params: { on: true } })));
    expect(await closeCode(socket)).toBe(4401);
    expect([heard, server.viewers, helper.calls.some(([method]) => method === 'setEnhanced')]).toEqual([[], 0, false]);
  });

  test('the key of another session does not fit', async () => {
    const [mine, theirs] = [await signIn(), await signIn()];
    expect(await closeCode(dial({ cookie: mine }, '/api/socket', keys.get(theirs)))).toBe(4401);
  });

  test('a missing origin is refused', async () => {
    const cookie = await signIn();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/api/socket`, { headers: { cookie } });
    expect(await outcome(socket)).toBe(403);
  });

  test('another path is refused', async () => {
    expect(await outcome(dial({ cookie: await signIn() }, '/api/other'))).toBe(404);
  });

  test.each([
    ['not JSON', 'hello'],
    ['of unknown form', '{"id":1}'],
    ['binary', Buffer.from('{"id":1,"call":"listRules","params":{}}')],
  ])('a frame that is %s closes it', async (_, data) => {
    const socket = dial({ cookie: await signIn() });
    await outcome(socket);
    const closed = closeCode(socket);
    socket.send(data);
    expect(await closed).toBe(1008);
  });

  test('a frame larger than a profile needs closes it', async () => {
    const socket = dial({ cookie: await signIn() });
    await outcome(socket);
    const closed = closeCode(socket);
    socket.send('x'.repeat((12 << 20) + 1));
    expect(await closed).toBe(1009);
  });

  test('the seventeenth viewer is told to try later; a place that is left can be taken', async () => {
    const cookie = await signIn();
    const sockets = await Promise.all(
      Array.from({ length: maxViewers }, async () => {
        const socket = dial({ cookie });
        await outcome(socket);
        return socket;
      }),
    );
    const extra = dial({ cookie });
    const closed = closeCode(extra);
    expect(await closed).toBe(1013);
    const [first] = sockets;
    first?.close();
    await expect.poll(() => server.viewers).toBe(maxViewers - 1);
    expect(await outcome(dial({ cookie }))).toBe('open');
  });

  test('stop tells the tabs and frees the port', async () => {
    const socket = dial({ cookie: await signIn() });
    await outcome(socket);
    const closed = closeCode(socket);
    await server.stop();
    expect(await closed).toBe(1001);
    await expect(ask('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

test('it listens on the loopback address only', async () => {
  const reached = await new Promise<boolean>((resolve) => {
    const socket = connect({ host: '127.0.0.2', port });
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
  });
  expect(reached).toBe(false);
});

test('a taken port is a sentence', async () => {
  const files = new RendererFiles(join(directory, 'renderer'));
  const second = new BrowserServer({
    bridge: {
      call: () => Promise.reject(new Error('unused')),
      on: () => () => undefined,
      subscribe: () => () => undefined,
    },
    files,
    clock: systemClock,
    logger: silentLogger,
    port,
  });
  await expect(second.start()).rejects.toMatchObject({ message: `port ${port} is in use by another program` });
});

describe('connections that keep to nothing', () => {
  const host = () => `Host: 127.0.0.1:${port}\r\n`;
  const upgrade = (more: string, path = '/api/socket') =>
    `GET ${path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;
  const stages: Record<string, (cookie: string) => string> = {
    'nothing said': () => '',
    'half a head': () => 'GET / HTTP/1.1\r\nHost: 127',
    'no HTTP at all': () => '\x16\x03\x01\x02\x00\x01\x00garbage\r\n\r\n',
    'a request under another name': () => 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n',
    'a request with a body that never comes': () => `POST / HTTP/1.1\r\n${host()}Content-Length: 1000\r\n\r\n`,
    'an upgrade under another name': () => upgrade('Host: evil.example\r\n'),
    'an upgrade from another origin': () => upgrade(`${host()}Origin: http://evil.example\r\n`),
    'an upgrade to another path': () => upgrade(`${host()}Origin: http://127.0.0.1:${port}\r\n`, '/other'),
    'an upgrade without a cookie': () => upgrade(`${host()}Origin: http://127.0.0.1:${port}\r\n`),
    'an upgrade without a key': (cookie) =>
      upgrade(`${host()}Origin: http://127.0.0.1:${port}\r\nCookie: ${cookie}\r\n`).replace(
        /Sec-WebSocket-Key.*\r\n/,
        '',
      ),
    'an upgrade to something else': () => upgrade(host()).replace('Upgrade: websocket', 'Upgrade: h2c'),
    'a good upgrade': (cookie) => upgrade(`${host()}Origin: http://127.0.0.1:${port}\r\nCookie: ${cookie}\r\n`),
    'a broken frame behind a good upgrade': (cookie) =>
      `${upgrade(`${host()}Origin: http://127.0.0.1:${port}\r\nCookie: ${cookie}\r\n`)}\xff\xff\xff\xff`,
  };
  const endings: Record<string, (socket: Socket) => void> = {
    'a reset': (socket) => socket.resetAndDestroy(),
    'a reset and no look at the answer': (socket) => {
      socket.pause();
      setTimeout(() => socket.resetAndDestroy(), 20);
    },
    'the end of its half': (socket) => socket.end(),
    'garbage and a reset': (socket) => {
      socket.write(Buffer.alloc(70_000, 0xff));
      setTimeout(() => socket.resetAndDestroy(), 20);
    },
  };

  test.each(Object.keys(stages))('%s: no end of it ends the server', async (stage) => {
    const cookie = await signIn();
    for (const end of Object.values(endings)) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      await new Promise<void>((resolve) => {
        socket.once('connect', () =>
          socket.write(Buffer.from(stages[stage]?.(cookie) ?? '', 'latin1'), () => resolve()),
        );
      });
      end(socket);
      setTimeout(() => socket.destroy(), 100);
      await closed;
    }
    expect((await ask('/', { cookie })).status).toBe(200);
    await expect.poll(() => server.viewers).toBe(0);
  });

  test.each([
    ['half requests', 'GET / HTTP/1.1\r\nHost: 127'],
    ['requests that were refused and are kept alive', 'GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n'],
    ['nothing', ''],
  ])('a crowd of strangers with %s keeps nobody out', async (_, said) => {
    const cookie = await signIn();
    const tab = dial({ cookie });
    expect(await outcome(tab)).toBe('open');
    const crowd = Array.from({ length: 400 }, () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.on('connect', () => socket.write(said));
      return socket;
    });
    const begun = fairClock.monotonic();
    expect((await ask('/', { cookie })).status).toBe(200);
    expect((await ask('/', {})).status).toBe(401);
    expect(fairClock.monotonic() - begun).toBeLessThan(5_000);
    expect(tab.readyState).toBe(WebSocket.OPEN);
    expect(server.viewers).toBe(1);
    for (const socket of crowd) socket.destroy();
  });

  test('who asks again before the answer is read gets one answer and no other', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    let answers = 0;
    socket.on('data', (data) => (answers += data.toString('latin1').split('HTTP/1.1 ').length - 1));
    socket.write(`GET / HTTP/1.1\r\n${host()}\r\n`.repeat(500));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answers).toBeLessThan(3);
    const again = [await ask('/'), await ask('/')].map(({ status }) => status);
    expect(again).toEqual([401, 401]);
  });

  test('a head that trickles is cut off within seconds', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    const begun = fairClock.monotonic();
    const drip = setInterval(() => socket.write('a'), 200);
    socket.write('GET /');
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(drip);
    expect(fairClock.monotonic() - begun).toBeLessThan(9_000);
  });
});
