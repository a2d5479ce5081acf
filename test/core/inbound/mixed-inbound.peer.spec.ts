/** The mixed port as real HTTP clients use it: heads of every kind, request after request, upgrades. */
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { fairClock } from '../../support/fair-clock.ts';
import { readAll } from '../net/loopback.ts';
import { type Answer, curl, MixedStage, run, type StageOptions } from './mixed-stage.ts';

const stage = new MixedStage();
const { loopback } = stage;
const mixed = (answer: Answer, options?: StageOptions) => stage.mixed(answer, options);
const relayTo = (port: number) => stage.relayTo(port);
afterEach(() => stage.close());

describe('further requests on one connection', () => {
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

  test('each is a flow of its own, and no server sees another one’s', async () => {
    const { target, heard } = await stage.stubborn(ok);
    const { port, flows } = await mixed(relayTo(target));
    const client = await loopback.connect(port);
    const got: Buffer[] = [];
    client.on('data', (chunk: Buffer) => got.push(chunk));
    client.write(
      'POST http://a.example/ HTTP/1.1\r\nContent-Length: 2\r\n\r\nab\r\nGET http://b.example/ HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n',
    );
    await expect.poll(() => flows.map(({ metadata }) => metadata.destination.host)).toEqual(['a.example', 'b.example']);
    await expect
      .poll(() => heard())
      .toBe(
        'POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\nConnection: close\r\n\r\nabGET / HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n',
      );
    await expect
      .poll(
        () =>
          Buffer.concat(got)
            .toString()
            .match(/Connection: keep-alive\r\n\r\nok/g)?.length,
      )
      .toBe(2);
  });

  test('the password is asked for each time, a CONNECT may follow, and what is no request ends it', async () => {
    const { target } = await stage.stubborn(ok);
    const users = [{ username: 'me', password: 'x' }];
    const { port, flows } = await mixed(relayTo(target), { users });
    const client = await loopback.connect(port);
    const login = `Proxy-Authorization: Basic ${btoa('me:x')}\r\n`;
    client.write(`GET http://a.example/ HTTP/1.1\r\n${login}\r\nCONNECT b.example:443 HTTP/1.1\r\n${login}\r\nhello`);
    await expect.poll(() => flows.length).toBe(2);
    client.destroy();
    const second = await loopback.connect(port);
    second.write(`GET http://a.example/ HTTP/1.1\r\n${login}\r\nGET http://a.example/ HTTP/1.1\r\n\r\n`);
    expect(String(await readAll(second))).toMatch(/okHTTP\/1\.1 407 /);
    const third = await loopback.connect(port);
    third.write(`GET http://a.example/ HTTP/1.1\r\n${login}\r\n\u0005\u0001\u0000`);
    expect(String(await readAll(third))).toMatch(/okHTTP\/1\.1 400 /);
    expect(flows).toHaveLength(4);
  });

  test('curl, Node and Python go on with a connection although the server ignores Connection: close', async () => {
    const { target } = await stage.stubborn(ok);
    const { port } = await mixed(relayTo(target));
    const proxy = `http://127.0.0.1:${port}`;
    const twice = await curl('-v', '-x', proxy, 'http://a.example/1', 'http://b.example/2');
    expect(twice.output).toMatch(/okok|ok[^]*ok/);
    expect(twice.output).toMatch(/Re-?using existing/i);
    expect(twice.status).toBe(0);
    const python = await run('python3', [
      '-c',
      `import http.client as h\nc=h.HTTPConnection('127.0.0.1',${port},timeout=5)\nfor n in 'ab':\n c.request('GET','http://'+n+'.example/')\n print(c.getresponse().read().decode())`,
    ]);
    expect(python).toEqual({ status: 0, output: 'ok\nok\n' });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const get = (name: string) =>
      new Promise<string>((resolve, reject) => {
        const request = http.get({ host: '127.0.0.1', port, path: `http://${name}.example/`, agent }, (response) =>
          resolve(readAll(response).then(String)),
        );
        request.once('error', reject);
      });
    expect([await get('a'), await get('b')]).toEqual(['ok', 'ok']);
    agent.destroy();
  });

  test('a WebSocket in absolute form', async () => {
    const target = await loopback.listen((socket) => {
      socket.once('data', (head) => {
        expect(String(head)).toMatch(/^GET \/chat HTTP\/1\.1\r\n[^]*Upgrade: websocket\r\nConnection: Upgrade\r\n/);
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
        socket.pipe(socket);
      });
    });
    const { port } = await mixed(relayTo(target));
    const request = http.get({
      host: '127.0.0.1',
      port,
      path: 'http://a.example/chat',
      headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
    });
    const [, socket] = (await once(request, 'upgrade')) as [unknown, net.Socket];
    socket.end('both ways');
    expect(String(await readAll(socket))).toBe('both ways');
  });

  test('a request target in raw UTF-8, as curl sends it', async () => {
    const { target, heard } = await stage.stubborn(ok);
    const { port } = await mixed(relayTo(target));
    const { output } = await curl(
      '-x',
      `http://127.0.0.1:${port}`,
      'http://a.example/\u043f\u0443\u0442\u044c/\u8def\u5f84?\u00e0',
    );
    expect(output).toBe('ok');
    expect(heard()).toContain(
      `GET ${Buffer.from('/\u043f\u0443\u0442\u044c/\u8def\u5f84?\u00e0').toString('latin1')} HTTP/1.1`,
    );
  });

  test('Expect: 100-continue, and a server that closes without an answer', async () => {
    const target = await loopback.listen((socket) => {
      let heard = '';
      socket.on('data', (chunk) => {
        if (heard === '') socket.write('HTTP/1.1 100 Continue\r\n\r\n');
        heard += String(chunk);
        if (heard.endsWith('body')) socket.write(ok);
      });
    });
    const { port } = await mixed(relayTo(target));
    const proxy = ['-x', `http://127.0.0.1:${port}`];
    expect((await curl(...proxy, '-H', 'Expect: 100-continue', '-d', 'body', 'http://a.example/')).output).toBe('ok');
    const silent = await mixed(relayTo(await loopback.listen((socket) => socket.end())));
    const nothing = await curl('-i', '-x', `http://127.0.0.1:${silent.port}`, 'http://a.example/');
    expect(nothing.output).toMatch(/^HTTP\/1\.1 502 /);
  });

  test('a client that offers only a password is let in where none is needed', async () => {
    const echo = await loopback.listen((socket) => socket.pipe(socket));
    const { port } = await mixed(relayTo(echo));
    const client = await loopback.connect(port);
    client.end(Buffer.from([5, 1, 2, 1, 1, 117, 1, 112, 5, 1, 0, 3, 1, 97, 0, 80, 1, 2, 3]));
    expect([...(await readAll(client))]).toEqual([5, 2, 1, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
  });
});

/** What curl is told to send, and how the head begins that the server hears. */
describe('heads that curl sends', () => {
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

  test.each<[what: string, args: string[], heard: RegExp]>([
    ['an empty port', ['http://a.example:/x'], /^GET \/x HTTP\/1\.1\r\nHost: a\.example\r\n/],
    ['an IPv6 literal', ['http://[2001:db8::1]:8080/'], /^GET \/ HTTP\/1\.1\r\nHost: \[2001:db8::1\]:8080\r\n/],
    ['user information', ['http://u:p@a.example/'], /Authorization: Basic dTpw\r\n/],
    ['HTTP/1.0', ['-0', 'http://a.example/'], /^GET \/ HTTP\/1\.0\r\n/],
    [
      'a header of 40,000 bytes',
      ['-H', `Cookie: ${'c'.repeat(40_000)}`, 'http://a.example/'],
      /\r\nCookie: c{40000}\r\n/,
    ],
    ['an empty header', ['-H', 'X-Empty;', 'http://a.example/'], /\r\nX-Empty: \r\n/],
    [
      'two equal lengths',
      ['-d', 'ab', '-H', 'X: 1', 'http://a.example/'],
      /\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab$/,
    ],
    [
      'chunks',
      ['-d', 'ab', '-H', 'Transfer-Encoding: chunked', 'http://a.example/'],
      /\r\nTransfer-Encoding: chunked\r\n[^]*\r\n2\r\nab\r\n0\r\n\r\n$/,
    ],
    [
      'OPTIONS of the whole server',
      ['-X', 'OPTIONS', '--request-target', 'http://a.example', 'http://a.example'],
      /^OPTIONS \* HTTP\/1\.1\r\n/,
    ],
    ['Max-Forwards', ['-X', 'TRACE', '-H', 'Max-Forwards: 3', 'http://a.example/'], /\r\nMax-Forwards: 2\r\n/],
    ['Max-Forwards of others', ['-H', 'Max-Forwards: 0', 'http://a.example/'], /\r\nMax-Forwards: 0\r\n/],
    [
      'h2c beside WebSocket',
      ['-H', 'Connection: Upgrade', '-H', 'Upgrade: h2c, websocket', 'http://a.example/'],
      /\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n/,
    ],
    ['an unusual method', ['-X', 'PROPFIND', 'http://a.example/dav'], /^PROPFIND \/dav /],
    [
      'Latin-1 in the target',
      ['http://a.example/%', '--request-target', 'http://a.example/\u00e9'],
      /^GET \/\u00c3\u00a9 HTTP/,
    ],
    ['Proxy-Connection', ['-H', 'Proxy-Connection: keep-alive', 'http://a.example/'], /^(?![^]*proxy-connection)/i],
    ['a query without a path', ['--request-target', 'http://a.example?q=1', 'http://a.example'], /^GET \/\?q=1 HTTP/],
    [
      'Connection that names fields',
      ['-H', 'Connection: X-Hop', '-H', 'X-Hop: 1', 'http://a.example/'],
      /^(?![^]*X-Hop)/,
    ],
    ['TE and a trailer field', ['-H', 'TE: trailers', '-H', 'Trailer: X', 'http://a.example/'], /\r\nTrailer: X\r\n/],
  ])('%s', async (_what, args, heard) => {
    const server = await stage.stubborn(ok);
    const { port } = await mixed(relayTo(server.target));
    const { output, status } = await curl('-x', `http://127.0.0.1:${port}`, ...args);
    expect({ output, status }).toEqual({ output: 'ok', status: 0 });
    expect(server.heard()).toMatch(heard);
  });

  test.each([
    [
      'HEAD',
      ['-I', 'http://a.example/'],
      /^HTTP\/1\.1 502 [^]*Proxy-Status: Mirage; error=connection_refused[^]*\r\n\r\n$/,
    ],
    ['a browser', ['-H', 'Accept: text/html', 'http://a.example/'], /<h1>a\.example cannot be reached<\/h1>/],
    [
      'TRACE that goes no further',
      ['-i', '-X', 'TRACE', '-H', 'Max-Forwards: 0', 'http://a.example/'],
      /^HTTP\/1\.1 501 /,
    ],
    [
      'a backslash',
      ['-i', '--request-target', 'http://a.example\\@b.example/', 'http://a.example/'],
      /^HTTP\/1\.1 400 /,
    ],
  ])('an answer of our own to %s', async (_what, args, expected) => {
    const { port } = await mixed((flow) => flow.reject(new AppError('DIAL_REFUSED', 'nobody listens there')));
    const { output, status } = await curl('-x', `http://127.0.0.1:${port}`, ...args);
    expect(output).toMatch(expected);
    expect(status).toBe(0);
  });

  test.each([
    ['HEAD', ['-I', 'http://a.example/'], 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n', 'Content-Length: 99'],
    ['204', ['-i', 'http://a.example/'], 'HTTP/1.1 204 No Content\r\n\r\n', '204'],
    ['304', ['-i', 'http://a.example/'], 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n', '304'],
    ['103', ['http://a.example/'], `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}`, 'ok'],
  ])('the answer to %s ends, although the server keeps its connection', async (_what, args, answer, expected) => {
    const server = await stage.stubborn(answer);
    const { port } = await mixed(relayTo(server.target));
    const { output, status } = await curl('-x', `http://127.0.0.1:${port}`, ...args);
    expect(output).toContain(expected);
    expect(status).toBe(0);
  });

  test.each([
    ['no length', 'HTTP/1.1 200 OK\r\n\r\nall of it'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nServer: old\r\n\r\nall of it'],
    ['no head at all', 'all of it'],
  ])('an answer with %s ends with the connection', async (_what, answer) => {
    const target = await loopback.listen((socket) => socket.once('data', () => socket.end(answer)));
    const { port } = await mixed(relayTo(target));
    const { output } = await curl('--http0.9', '-x', `http://127.0.0.1:${port}`, 'http://a.example/');
    expect(output).toBe('all of it');
  });
});

/** Raw bytes: what could be read in two ways never reaches a server. */
describe('heads that nobody may pass on', () => {
  const body = '\r\n\r\n0\r\n\r\n';
  test.each([
    ['a length beside chunks', `POST http://a/ HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked${body}`],
    ['chunks beside a length', `POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5${body}`],
    ['two different lengths', `POST http://a/ HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6${body}`],
    ['a list of different lengths', `POST http://a/ HTTP/1.1\r\nContent-Length: 5, 6${body}`],
    ['a folded coding', `POST http://a/ HTTP/1.1\r\nTransfer-Encoding:\r\n chunked${body}`],
    ['a space before the colon', `POST http://a/ HTTP/1.1\r\nTransfer-Encoding : chunked${body}`],
    ['a vertical tab before the coding', `POST http://a/ HTTP/1.1\r\nTransfer-Encoding: \u000bchunked${body}`],
    ['a coding that is not chunked', `POST http://a/ HTTP/1.1\r\nTransfer-Encoding: identity${body}`],
    ['chunks that are not last', `POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked, gzip${body}`],
    ['chunks in HTTP/1.0', `POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked${body}`],
    ['a lone CR', `POST http://a/ HTTP/1.1\r\nX: 1\rTransfer-Encoding: chunked${body}`],
    ['a NUL in a name', `POST http://a/ HTTP/1.1\r\nTransfer-Encoding\0: chunked${body}`],
    ['a negative length', `POST http://a/ HTTP/1.1\r\nContent-Length: -1${body}`],
    ['a space in the target', `GET http://a/ b HTTP/1.1${body}`],
  ])('%s: 400', async (_what, text) => {
    const server = await stage.stubborn('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    const { port, flows } = await mixed(relayTo(server.target));
    const client = await loopback.connect(port);
    client.write(Buffer.from(text, 'latin1'));
    expect(String(await readAll(client))).toMatch(/^HTTP\/1\.1 400 /);
    expect(flows).toEqual([]);
  });

  test('chunks whose framing is broken end the connection before a byte too many goes on', async () => {
    const server = await stage.stubborn('');
    const { port } = await mixed(relayTo(server.target));
    const client = await loopback.connect(port);
    client.write(
      'POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabX\r\nGET /smuggled HTTP/1.1\r\n\r\n',
    );
    await readAll(client).catch(() => undefined);
    expect(server.heard()).not.toContain('smuggled');
  });

  test('another protocol is told at once', async () => {
    const { port } = await mixed(() => undefined);
    const client = await loopback.connect(port);
    const started = fairClock.monotonic();
    client.write(Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0]), Buffer.alloc(500, 1)]));
    expect(String(await readAll(client))).toMatch(/^HTTP\/1\.1 400 /);
    expect(fairClock.monotonic() - started).toBeLessThan(1_000);
  });

  test('a head without end is told so', async () => {
    const { port } = await mixed(() => undefined);
    const { output } = await curl(
      '-i',
      '-x',
      `http://127.0.0.1:${port}`,
      '-H',
      `X: ${'x'.repeat(90_000)}`,
      'http://a/',
    );
    expect(output).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('bytes behind CONNECT are the first of the connection', async () => {
    const echo = await loopback.listen((socket) => socket.pipe(socket));
    const { port } = await mixed(relayTo(echo));
    const client = await loopback.connect(port);
    client.end('CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\nearly data');
    expect(String(await readAll(client))).toBe('HTTP/1.1 200 Connection established\r\n\r\nearly data');
  });
});
