import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { SocksClient } from 'socks';
import { afterEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import type { Endpoint } from '../../../core/contract/flow.ts';
import type { UdpWays } from '../../../core/flow/udp-way.ts';
import type { DispatchedFlow, InboundFlow, StreamFlow } from '../../../core/inbound/inbound.ts';
import { MixedInbound } from '../../../core/inbound/mixed-inbound.ts';
import { relayStreams } from '../../../core/net/relay-streams.ts';
import { SocketStream } from '../../../core/net/socket-stream.ts';
import { errnoOfEnd, Loopback, readAll } from '../net/loopback.ts';

const loopback = new Loopback();
const inbounds: MixedInbound[] = [];
afterEach(async () => {
  await Promise.all(inbounds.splice(0).map((inbound) => inbound.stop()));
  await loopback.closeAll();
});

/** Datagrams have a spec of their own. */
const noWays: UdpWays = {
  keyOf: () => '',
  targetOf: () => ({ host: '', port: 0 }),
  open: () => Promise.reject(new Error('no datagrams here')),
};

type Answer = (flow: StreamFlow) => void;
interface Options {
  users?: { username: string; password: string }[];
  handshakeMs?: number;
  connections?: number;
  strangers?: number;
  clientOf?: (source: Endpoint) => string;
}

/** A mixed port whose flows are answered by `answer`; `ended` collects clients that went away unanswered. */
async function mixed(answer: Answer, options: Options = {}) {
  const { users = [], handshakeMs = 10_000, connections = 200, strangers = 200, clientOf = () => 'somebody' } = options;
  const ended: unknown[] = [];
  const flows: StreamFlow[] = [];
  const dispatch = (flow: InboundFlow): DispatchedFlow => {
    if (flow.kind !== 'stream') throw new Error('no stream');
    flows.push(flow);
    queueMicrotask(() => answer(flow));
    return { dialed: () => undefined, ended: (close) => ended.push(close) };
  };
  const services = { dispatcher: { dispatch }, ways: noWays, clock: systemClock, log: silentLogger, clientOf };
  const limits = { handshakeMs, connections, strangers };
  const inbound = new MixedInbound({ address: '127.0.0.1', port: 0, users }, services, limits);
  inbounds.push(inbound);
  await inbound.start();
  const port = inbound.endpoint?.port ?? 0;
  return { inbound, port, flows, ended };
}

/** Relays to a server on loopback, whatever was asked for. */
const relayTo =
  (port: number): Answer =>
  (flow) =>
    void loopback.connect(port).then((socket) =>
      relayStreams(flow.accept(), new SocketStream(socket), {
        onBytes: () => undefined,
        signal: new AbortController().signal,
        clock: systemClock,
        idleMs: 60_000,
        halfCloseMs: 60_000,
      }),
    );

const rejectWith =
  (code: 'DIAL_REFUSED' | 'DIAL_TIMEOUT' | 'DIAL_NETWORK_UNREACHABLE' | 'DIAL_REJECTED' | 'DIAL_PROXY_AUTH'): Answer =>
  (flow) =>
    flow.reject(new AppError(code, 'no connection'));

function run(program: string, args: string[]): Promise<{ status: number | null; output: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) =>
    child.once('close', (status) => resolve({ status, output: Buffer.concat(chunks).toString() })),
  );
}
const curl = (...args: string[]) => run('curl', ['-sS', '--max-time', '10', '--noproxy', '', ...args]);

/** A web server for one request: answers with what it was sent. */
const web = () =>
  loopback.listen((socket) => {
    let heard = '';
    socket.on('data', (chunk) => {
      heard += String(chunk);
      const length = Number(/content-length: (\d+)/i.exec(heard)?.[1] ?? 0);
      const end = heard.indexOf('\r\n\r\n');
      if (end < 0 || heard.length < end + 4 + length) return;
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${heard.length}\r\nConnection: close\r\n\r\n${heard}`);
    });
  });

describe('curl gets through by name', () => {
  test.each([
    ['SOCKS5', 'socks5h', []],
    ['SOCKS4a', 'socks4a', []],
    ['CONNECT', 'http', ['--proxytunnel']],
    ['a plain request', 'http', []],
  ])('%s', async (_what, scheme, extra) => {
    const { port, flows } = await mixed(relayTo(await web()));
    const { output, status } = await curl(
      '-x',
      `${scheme}://127.0.0.1:${port}`,
      ...extra,
      'http://Hidden.Example/path?q',
    );
    expect(output).toMatch(/^GET \/path\?q HTTP\/1\.1\r\nHost: hidden\.example\r\n/i);
    expect(status).toBe(0);
    expect(flows[0]?.metadata).toMatchObject({
      inbound: 'mixed',
      network: 'tcp',
      destination: { host: 'hidden.example', port: 80 },
      domainSource: 'inbound',
    });
    expect(flows[0]?.local).toEqual({ host: '127.0.0.1', port });
  });

  test('with user and password, by SOCKS5 and HTTP; a plain request does not carry them on', async () => {
    const { port } = await mixed(relayTo(await web()), { users: [{ username: 'me', password: 'p w' }] });
    for (const scheme of ['socks5h', 'http']) {
      const good = await curl('-x', `${scheme}://127.0.0.1:${port}`, '-U', 'me:p w', 'http://a.example/');
      expect(good.output).toMatch(/^GET \/ HTTP/);
      expect(good.output).not.toMatch(/proxy-authorization/i);
      const wrong = await curl('-f', '-x', `${scheme}://127.0.0.1:${port}`, '-U', 'me:no', 'http://a.example/');
      expect(wrong.status).not.toBe(0);
      expect(wrong.output).not.toMatch(/GET/);
    }
  });

  test('a body of a plain request arrives whole', async () => {
    const { port } = await mixed(relayTo(await web()));
    const { output } = await curl(
      '-x',
      `http://127.0.0.1:${port}`,
      '--data-binary',
      'x'.repeat(100_000),
      'http://a.example/',
    );
    expect(output.endsWith(`\r\n\r\n${'x'.repeat(100_000)}`)).toBe(true);
  });

  test('an address is an address, without a name', async () => {
    const { port, flows } = await mixed(relayTo(await web()));
    await curl('-x', `socks5h://127.0.0.1:${port}`, 'http://192.0.2.1:8080/');
    expect(flows[0]?.metadata.destination).toEqual({ host: '192.0.2.1', port: 8080 });
    expect(flows[0]?.metadata.domainSource).toBeUndefined();
  });
});

describe('the socks package, as applications use it', () => {
  const through = (port: number, more: { userId?: string; password?: string } = {}) =>
    SocksClient.createConnection({
      command: 'connect',
      proxy: { host: '127.0.0.1', port, type: 5, ...more },
      destination: { host: 'Hidden.Example', port: 443 },
      timeout: 5_000,
    });

  test('gets through by name, with and without a password', async () => {
    const echo = await loopback.listen((socket) => socket.pipe(socket));
    for (const [users, more] of [
      [[], {}],
      [[{ username: 'me', password: 'p w' }], { userId: 'me', password: 'p w' }],
    ] as const) {
      const { port, flows } = await mixed(relayTo(echo), { users: [...users] });
      const { socket } = await through(port, more);
      socket.end('over the mirage');
      expect(String(await readAll(socket))).toBe('over the mirage');
      expect(flows[0]?.metadata.destination).toEqual({ host: 'hidden.example', port: 443 });
    }
  });

  test('is told the truth: refused, and a wrong password', async () => {
    const refusing = await mixed(rejectWith('DIAL_REFUSED'));
    await expect(through(refusing.port)).rejects.toThrow(/ConnectionRefused/);
    const guarded = await mixed(rejectWith('DIAL_REFUSED'), { users: [{ username: 'me', password: 'p w' }] });
    await expect(through(guarded.port, { userId: 'me', password: 'no' })).rejects.toThrow(/Authentication failed/i);
  });
});

describe('further requests on one connection', () => {
  /** Answers as told, hears all, and never ends a connection by itself, whatever `Connection` says. */
  async function stubborn(answer: string) {
    const heard: string[] = [];
    const target = await loopback.listen((socket) =>
      socket.on('data', (chunk) => {
        heard.push(String(chunk));
        socket.write(answer);
      }),
    );
    return { target, heard };
  }
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

  test('each is a flow of its own, and no server sees another one’s', async () => {
    const { target, heard } = await stubborn(ok);
    const { port, flows } = await mixed(relayTo(target));
    const client = await loopback.connect(port);
    const got: Buffer[] = [];
    client.on('data', (chunk: Buffer) => got.push(chunk));
    client.write(
      'POST http://a.example/ HTTP/1.1\r\nContent-Length: 2\r\n\r\nab\r\nGET http://b.example/ HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n',
    );
    await expect.poll(() => flows.map(({ metadata }) => metadata.destination.host)).toEqual(['a.example', 'b.example']);
    await expect
      .poll(() => heard.join(''))
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
    const { target } = await stubborn(ok);
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
    const { target } = await stubborn(ok);
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
    const { target, heard } = await stubborn(ok);
    const { port } = await mixed(relayTo(target));
    const { output } = await curl(
      '-x',
      `http://127.0.0.1:${port}`,
      'http://a.example/\u043f\u0443\u0442\u044c/\u8def\u5f84?\u00e0',
    );
    expect(output).toBe('ok');
    expect(heard.join('')).toContain('GET /\u043f\u0443\u0442\u044c/\u8def\u5f84?\u00e0 HTTP/1.1');
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

describe('refusals are told in the client’s words', () => {
  test.each([
    ['DIAL_REFUSED', 5],
    ['DIAL_NETWORK_UNREACHABLE', 3],
    ['DIAL_TIMEOUT', 6],
    ['DIAL_PROXY_AUTH', 1],
  ] as const)('SOCKS5 %s: %i', async (code, reply) => {
    const { port } = await mixed(rejectWith(code));
    const client = await loopback.connect(port);
    client.write(Buffer.from([5, 1, 0, 5, 1, 0, 3, 1, 97, 0, 80]));
    expect([...(await readAll(client))].slice(0, 4)).toEqual([5, 0, 5, reply]);
  });

  test.each([
    ['DIAL_TIMEOUT', 504],
    ['DIAL_REFUSED', 502],
    ['DIAL_REJECTED', 403],
  ] as const)('HTTP %s: %i, with the reason', async (code, status) => {
    const { port } = await mixed(rejectWith(code));
    const { output } = await curl('-x', `http://127.0.0.1:${port}`, '-i', 'http://a.example/');
    expect(output).toContain(`HTTP/1.1 ${status} `);
    expect(output).toContain(`no connection (${code})`);
  });
});

describe('streams', () => {
  const socks = Buffer.from([5, 1, 0, 5, 1, 0, 3, 1, 97, 0, 80]);

  async function connected(answer: Answer) {
    const setup = await mixed(answer);
    const client = await loopback.connect(setup.port);
    return { ...setup, client };
  }

  test('bytes right behind the handshake, half-close and the way back', async () => {
    const bytes = randomBytes(300_000);
    const target = await loopback.listen((socket) => void readAll(socket).then((heard) => socket.end(heard)));
    const { client } = await connected(relayTo(target));
    client.end(Buffer.concat([socks, bytes]));
    const answer = await readAll(client);
    expect(answer.subarray(12).equals(bytes)).toBe(true);
  });

  test('RST of the client reaches the server', async () => {
    const seen = Promise.withResolvers<string | undefined>();
    const target = await loopback.listen((socket) => seen.resolve(errnoOfEnd(socket)));
    const { client } = await connected(relayTo(target));
    client.write(socks);
    await expect.poll(() => client.bytesRead).toBe(12);
    client.resetAndDestroy();
    expect(await seen.promise).toBe('ECONNRESET');
  });

  test('RST of the server reaches the client', async () => {
    const target = await loopback.listen((socket) => setTimeout(() => socket.resetAndDestroy(), 50));
    const { client } = await connected(relayTo(target));
    client.write(socks);
    expect(await errnoOfEnd(client)).toBe('ECONNRESET');
  });

  test('RST in the middle of a plain request reaches the server', async () => {
    const seen = Promise.withResolvers<string | undefined>();
    const target = await loopback.listen((socket) => seen.resolve(errnoOfEnd(socket)));
    const { client, flows } = await connected(relayTo(target));
    client.write('POST http://a.example/ HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc');
    await expect.poll(() => flows.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.resetAndDestroy();
    expect(await seen.promise).toBe('ECONNRESET');
  });

  test('a client that leaves before the answer is told to the dispatcher, once', async () => {
    const { client, flows, ended } = await connected(() => undefined);
    client.write(socks);
    await expect.poll(() => flows.length).toBe(1);
    client.resetAndDestroy();
    await expect.poll(() => ended).toEqual([{ up: 0, down: 0, reason: 'abandoned' }]);
  });
});

describe('limits', () => {
  test('a client that trickles is cut off when its time is over', async () => {
    const { port } = await mixed(() => undefined, { handshakeMs: 150 });
    const client = await loopback.connect(port);
    const trickle = setInterval(() => client.write('X'), 20);
    const started = performance.now();
    client.resume();
    await new Promise((resolve) => client.once('close', resolve));
    clearInterval(trickle);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('the time of the handshake does not count for the connection', async () => {
    const target = await loopback.listen((socket) => socket.pipe(socket));
    const { port } = await mixed(relayTo(target), { handshakeMs: 100 });
    const client = await loopback.connect(port);
    client.write(Buffer.from([5, 1, 0, 5, 1, 0, 3, 1, 97, 0, 80]));
    await new Promise((resolve) => setTimeout(resolve, 300));
    client.end('late');
    expect((await readAll(client)).subarray(12).toString()).toBe('late');
  });

  test('a crowd of half handshakes makes room for the next one, its own or of another user', async () => {
    const names = new Map<number, string>();
    const { port } = await mixed(rejectWith('DIAL_REFUSED'), {
      connections: 400,
      strangers: 100,
      clientOf: (source) => names.get(source.port) ?? 'the crowd',
    });
    const crowd = [];
    for (let i = 0; i < 150; i++) {
      const half = await loopback.connect(port);
      half.on('error', () => undefined);
      half.write(Buffer.from([5]));
      crowd.push(half);
    }
    for (const whose of ['the crowd', 'another']) {
      const client = await loopback.connect(port);
      names.set(client.localPort ?? 0, whose);
      client.write(Buffer.from([5, 1, 0]));
      expect(await new Promise((resolve) => client.once('data', resolve))).toEqual(Buffer.from([5, 0]));
    }
    expect(crowd.filter((socket) => socket.destroyed || socket.closed || socket.readableEnded).length).toBeGreaterThan(
      80,
    );
  });

  test('connections that were granted give way to nobody; one user has half of them at most', async () => {
    const target = await loopback.listen((socket) => socket.pipe(socket));
    const { port } = await mixed(relayTo(target), { connections: 80, strangers: 20 });
    const connect = async () => {
      const client = await loopback.connect(port);
      client.on('error', () => undefined);
      client.write(Buffer.from([5, 1, 0, 5, 1, 0, 3, 1, 97, 0, 80]));
      return await new Promise<boolean>((resolve) => {
        client.on('data', () => resolve(true));
        for (const end of ['end', 'close']) client.on(end, () => resolve(false));
      });
    };
    const granted: boolean[] = [];
    for (let i = 0; i < 60; i++) granted.push(await connect());
    const count = granted.filter(Boolean).length;
    expect(granted).toEqual(Array.from({ length: 60 }, (_, i) => i < count));
    expect(count).toBeGreaterThanOrEqual(40);
    expect(count).toBeLessThanOrEqual(58);
  });
});

describe('starting and stopping', () => {
  test('a port that is taken is an error of the configuration', async () => {
    const port = await loopback.listen(() => undefined);
    const services = {
      dispatcher: { dispatch: () => Promise.reject(new Error()) as never },
      ways: noWays,
      clock: systemClock,
      log: silentLogger,
      clientOf: () => 'somebody',
    };
    const inbound = new MixedInbound({ address: '127.0.0.1', port, users: [] }, services);
    await expect(inbound.start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`${port}`),
    });
    expect(inbound.endpoint).toBeUndefined();
    await inbound.stop();
  });

  test('stopping resets clients and frees the port', async () => {
    const { inbound, port } = await mixed(() => undefined);
    const client = await loopback.connect(port);
    client.write(Buffer.from([5, 1, 0]));
    await new Promise((resolve) => client.once('data', resolve));
    const ended = errnoOfEnd(client);
    await inbound.stop();
    await inbound.stop();
    expect(await ended).toBe('ECONNRESET');
    const again = net.createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => again.once('listening', resolve));
    await new Promise((resolve) => again.close(resolve));
  });
});
