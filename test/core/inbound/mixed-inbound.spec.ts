import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { SocksClient } from 'socks';
import { afterEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { MixedInbound } from '../../../core/inbound/mixed-inbound.ts';
import { policyCredentials } from '../../../core/net/policy-credentials.ts';
import { fairClock } from '../../support/fair-clock.ts';
import { errnoOfEnd, readAll } from '../net/loopback.ts';
import { type Answer, curl, MixedStage, noKeeper, noWays, type StageOptions } from './mixed-stage.ts';

const stage = new MixedStage();
const { loopback } = stage;
const mixed = (answer: Answer, options?: StageOptions) => stage.mixed(answer, options);
const relayTo = (port: number) => stage.relayTo(port);
afterEach(() => stage.close());

const rejectWith =
  (code: 'DIAL_REFUSED' | 'DIAL_TIMEOUT' | 'DIAL_NETWORK_UNREACHABLE' | 'DIAL_REJECTED' | 'DIAL_PROXY_AUTH'): Answer =>
  (flow) =>
    flow.reject(new AppError(code, 'no connection'));

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
    ['SOCKS5', 'socks5h', [], 'SOCKS5'],
    ['SOCKS4a', 'socks4a', [], 'SOCKS4'],
    ['CONNECT', 'http', ['--proxytunnel'], 'HTTPS'],
    ['a plain request', 'http', [], 'HTTP'],
  ] as const)('%s', async (_what, scheme, extra, type) => {
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
      door: { type, port, user: '' },
    });
    expect(flows[0]?.local).toEqual({ host: '127.0.0.1', port });
  });

  test('with the key a policy is asked for, with or without users; without it that is a wrong password', async () => {
    const key = 'k3y';
    for (const users of [[], [{ username: 'me', password: 'p w' }]]) {
      const { port, flows } = await mixed(relayTo(await web()), { users, policyKey: key });
      const ask = async (secret: string, ...more: string[]) => {
        const { username, password } = policyCredentials('香港 1:a', secret);
        const proxied = ['-x', `http://127.0.0.1:${port}`, '-U', `${username}:${password}`, ...more];
        return (await curl('-f', ...proxied, 'http://a.example/')).status === 0;
      };
      for (const way of [[], ['-p']]) {
        expect(await ask(key, ...way)).toBe(true);
        expect(flows.at(-1)?.metadata.door).toMatchObject({ user: '', policy: '香港 1:a' });
      }
      expect(await ask('other')).toBe(users.length === 0);
      expect(flows.at(-1)?.metadata.door?.policy).toBe(users.length === 0 ? undefined : '香港 1:a');
    }
  });

  test('with user and password, by SOCKS5 and HTTP; a plain request does not carry them on', async () => {
    const { port, flows } = await mixed(relayTo(await web()), { users: [{ username: 'me', password: 'p w' }] });
    for (const scheme of ['socks5h', 'http']) {
      const good = await curl('-x', `${scheme}://127.0.0.1:${port}`, '-U', 'me:p w', 'http://a.example/');
      expect(good.output).toMatch(/^GET \/ HTTP/);
      expect(good.output).not.toMatch(/proxy-authorization/i);
      expect(flows.at(-1)?.metadata.door?.user).toBe('me');
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
      timeout: 120_000,
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
    const heard: string[] = [];
    const target = await loopback.listen((socket) => {
      socket.on('data', (chunk) => heard.push(String(chunk)));
      seen.resolve(errnoOfEnd(socket));
    });
    const { client } = await connected(relayTo(target));
    client.write('POST http://a.example/ HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc');
    await expect.poll(() => heard.join('')).toMatch(/abc$/);
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
    const started = fairClock.monotonic();
    client.resume();
    await new Promise((resolve) => client.once('close', resolve));
    clearInterval(trickle);
    expect(fairClock.monotonic() - started).toBeLessThan(2000);
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
      keeper: noKeeper,
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
