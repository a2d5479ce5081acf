import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { BrowserServer, maxViewers } from '../../../../core/app/browser/browser-server.ts';
import { RendererFiles } from '../../../../core/app/browser/renderer-files.ts';
import { systemClock } from '../../../../core/base/clock.ts';
import { silentLogger } from '../../../../core/base/logger.ts';
import { browserGround, closeCode, nextFrame, outcome } from '../../../support/browser-ground.ts';

const ground = browserGround();
const { ask, signIn, dial } = ground;

describe('the link', () => {
  test('is exchanged once for a cookie of this browser, and leaves the address bar', async () => {
    const { pathname, search } = new URL(ground.server.issueLink());
    const first = await ask(pathname + search);
    expect(first.status).toBe(303);
    expect(first.headers.location).toMatch(/^\/#key=[\w-]{22}$/);
    expect(first.headers['set-cookie']?.join()).not.toContain(first.headers.location?.slice(6) ?? '?');
    expect(first.headers['cache-control']).toBe('no-store');
    const [cookie = ''] = first.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(new RegExp(`^mirage-${ground.port}=[\\w-]{43};`));
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
    const { pathname, search } = new URL(ground.server.issueLink());
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
    expect((await ask(path, { cookie: `mirage-${ground.port}=guess` })).status).toBe(401);
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
    expect((await ask('/', { host: `${host}:${ground.port}`, cookie })).status).toBe(200);
  });

  test.each(['evil.example', `evil.example:9797`, '127.0.0.1', '127.0.0.1:1', 'localhost.evil.example'])(
    '%s is refused even with cookie and token: a rebound name must not reach us',
    async (host) => {
      const cookie = await signIn();
      const answer = await ask('/', { host, cookie });
      expect(answer.status).toBe(403);
      expect(answer.body).toContain('does not answer under this name');
      const { search } = new URL(ground.server.issueLink());
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
  expect(answers[0]?.headers['content-security-policy']).toContain(`connect-src 'self' ws://127.0.0.1:${ground.port};`);
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
    expect(ground.server.viewers).toBe(0);
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
    expect([heard, ground.server.viewers, ground.helper.calls.some(([method]) => method === 'setEnhanced')]).toEqual([
      [],
      0,
      false,
    ]);
  });

  test('the key of another session does not fit', async () => {
    const [mine, theirs] = [await signIn(), await signIn()];
    expect(await closeCode(dial({ cookie: mine }, '/api/socket', ground.keys.get(theirs)))).toBe(4401);
  });

  test('a missing origin is refused', async () => {
    const cookie = await signIn();
    const socket = new WebSocket(`ws://127.0.0.1:${ground.port}/api/socket`, { headers: { cookie } });
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
    await expect.poll(() => ground.server.viewers).toBe(maxViewers - 1);
    expect(await outcome(dial({ cookie }))).toBe('open');
  });

  test('stop tells the tabs and frees the port', async () => {
    const socket = dial({ cookie: await signIn() });
    await outcome(socket);
    const closed = closeCode(socket);
    await ground.server.stop();
    expect(await closed).toBe(1001);
    await expect(ask('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

test('it listens on the loopback address only', async () => {
  const reached = await new Promise<boolean>((resolve) => {
    const socket = connect({ host: '127.0.0.2', port: ground.port });
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
  });
  expect(reached).toBe(false);
});

test('a taken port is a sentence', async () => {
  const files = new RendererFiles(join(ground.directory, 'renderer'));
  const second = new BrowserServer({
    bridge: {
      call: () => Promise.reject(new Error('unused')),
      on: () => () => undefined,
      subscribe: () => () => undefined,
    },
    files,
    clock: systemClock,
    logger: silentLogger,
    port: ground.port,
  });
  await expect(second.start()).rejects.toMatchObject({
    message: `port ${ground.port} is in use by another program`,
  });
});
