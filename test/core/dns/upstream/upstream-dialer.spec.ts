import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { type Connect, StreamResolver } from '../../../../core/dns/upstream/stream-resolver.ts';
import { connectDirect, connectThrough, overTls } from '../../../../core/dns/upstream/upstream-dialer.ts';
import { SocketStream } from '../../../../core/net/socket-stream.ts';
import type { StreamDialer } from '../../../../core/outbound/dialer.ts';
import { type Certified, TestAuthority } from '../../../support/certificate.ts';
import { eventually } from '../../../support/eventually.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { LoopbackOpener, record } from './fake-upstream.ts';
import { answerTo, framed, StreamUpstream } from './stream-upstream.ts';

const never = new AbortController().signal;
const authority = new TestAuthority();
const certified = authority.issue(['dns.example', '*.wild.example', '127.0.0.1']);
const noName = (): Promise<never> => Promise.reject(new Error('nobody was to be asked'));
const failureOf = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );
let opener: LoopbackOpener;
let servers: net.Server[];
let accepted: net.Socket[];
let streams: Duplex[];

beforeEach(() => {
  opener = new LoopbackOpener();
  servers = [];
  accepted = [];
  streams = [];
});
afterEach(async () => {
  for (const stream of [...streams, ...accepted]) stream.destroy();
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  await eventually(() => expect(opener.open).toBe(0), 15_000, 1);
});

const listen = async (server: net.Server): Promise<number> => {
  servers.push(server);
  server.on('connection', (socket: net.Socket) => {
    accepted.push(socket);
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};
const plain = (port: number): Connect => connectDirect(opener, { host: '127.0.0.1', port }, noName);
const open = async (connect: Connect, signal = never): Promise<Duplex> => {
  const stream = await connect(signal);
  streams.push(stream);
  return stream;
};
const openTls = async (connect: Connect): Promise<tls.TLSSocket> => {
  const stream = await open(connect);
  if (!(stream instanceof tls.TLSSocket)) throw new Error('no TLS');
  return stream;
};

describe('directly', () => {
  test('a server named by its address is dialled without asking anybody, for 5 s at most', async () => {
    const asked: unknown[] = [];
    const stop = new AppError('DIAL_REFUSED', 'refused');
    const noting = {
      connectTcp: (...args: unknown[]) => {
        asked.push(args);
        return Promise.reject(stop);
      },
    };
    for (const [host, address] of [
      ['192.0.2.53', '192.0.2.53'],
      ['2001:DB8::53', '2001:db8::53'],
    ] as const) {
      await expect(connectDirect(noting, { host, port: 853 }, noName)(never)).rejects.toBe(stop);
      expect(asked.pop()).toEqual([[address], 853, { signal: never, timeoutMs: 5_000 }]);
    }
  });

  test('a server named by a name is looked up each time, and all its addresses are offered', async () => {
    const asked: unknown[] = [];
    const looked: unknown[] = [];
    const connect = connectDirect(
      {
        connectTcp: async (addresses) => {
          asked.push(addresses);
          return await Promise.resolve(new net.Socket());
        },
      },
      { host: 'dns.example', port: 853 },
      async (name, signal) => {
        looked.push([name, signal]);
        return await Promise.resolve([`192.0.2.${looked.length}`, '2001:db8::1']);
      },
    );
    await open(connect);
    await open(connect);
    expect(looked).toEqual([
      ['dns.example', never],
      ['dns.example', never],
    ]);
    expect(asked).toEqual([
      ['192.0.2.1', '2001:db8::1'],
      ['192.0.2.2', '2001:db8::1'],
    ]);
  });

  test('a name that is not found is the error', async () => {
    const connect = connectDirect(opener, { host: 'dns.example', port: 853 }, () =>
      Promise.reject(new AppError('DIAL_NAME_NOT_FOUND', 'dns.example has no address')),
    );
    await expect(connect(never)).rejects.toMatchObject({ code: 'DIAL_NAME_NOT_FOUND' });
  });
});

describe('through an outbound', () => {
  const dialer = (port: number, told: unknown[] = []): StreamDialer => ({
    dialStream: async (...args) => {
      told.push(args);
      return new SocketStream(await opener.connectTcp(['127.0.0.1'], port));
    },
  });
  const through = (port: number): Connect => connectThrough(dialer(port), { host: 'dns.example', port });

  test('the name goes to the outbound as it is', async () => {
    const port = await listen(net.createServer((socket) => socket.pipe(socket)));
    const told: unknown[] = [];
    const stream = await open(connectThrough(dialer(port, told), { host: 'dns.example', port: 853 }));
    stream.write('echo');
    expect(String(await once(stream, 'data'))).toBe('echo');
    expect(told).toEqual([
      [
        { host: 'dns.example', port: 853 },
        { signal: never, timeoutMs: 5_000 },
      ],
    ]);
  });

  test('who destroys the stream closes the connection below; who is reset hears of it', async () => {
    const port = await listen(net.createServer());
    const connect = through(port);
    const first = await open(connect);
    first.destroy();
    await eventually(() => expect(opener.open).toBe(0), 15_000, 1);
    const second = await open(connect);
    const failed = once(second, 'error');
    await eventually(() => expect(accepted).toHaveLength(2), 15_000, 1);
    accepted[1]?.resetAndDestroy();
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  test('DNS over TLS works as by our own sockets', async () => {
    const upstream = await StreamUpstream.start({ ...certified });
    upstream.behaviour = (asked) =>
      void asked.socket.write(framed(answerTo(asked, { answers: [record('example.com', 'A', '192.0.2.1')] })));
    const connect = overTls(through(upstream.port), 'dns.example', { ca: authority.cert, alpn: ['dot'] });
    const clock = new ManualClock();
    const resolver = new StreamResolver({ label: 'tls://dns.example:853', connect, clock });
    for (let i = 0; i < 2; i++) {
      const { message } = await resolver.query({ name: 'example.com', type: 'A' }, never);
      expect(message.answers[0]?.data).toBe('192.0.2.1');
    }
    expect(upstream.connections).toHaveLength(1);
    upstream.connections[0]?.end();
    await eventually(() => expect(opener.open).toBe(0), 15_000, 1);
    await resolver.query({ name: 'example.com', type: 'A' }, never);
    expect(upstream.connections).toHaveLength(2);
    await clock.advance(30_000);
    await eventually(() => expect(opener.open).toBe(0), 15_000, 1);
    await upstream.stop();
  });
});

describe('TLS', () => {
  const secure = (certificate: Certified, options: tls.TlsOptions = {}, seen: tls.TLSSocket[] = []): Promise<number> =>
    listen(tls.createServer({ ...certificate, ...options }, (socket) => void seen.push(socket)));
  const trusting = (port: number, host = 'dns.example', alpn: readonly string[] = ['dot']): Connect =>
    overTls(plain(port), host, { ca: authority.cert, alpn });

  test('is there when the certificate is of a trusted authority and for the name, which is told as SNI', async () => {
    const seen: tls.TLSSocket[] = [];
    const port = await secure(certified, { ALPNProtocols: ['dot'] }, seen);
    for (const host of ['dns.example', 'a.wild.example']) await openTls(trusting(port, host));
    await eventually(() => expect(seen).toHaveLength(2), 15_000, 1);
    expect(seen.map(({ servername, alpnProtocol }) => [servername, alpnProtocol])).toEqual([
      ['dns.example', 'dot'],
      ['a.wild.example', 'dot'],
    ]);
  });

  test('by address is checked for the address, and no SNI is told', async () => {
    const seen: tls.TLSSocket[] = [];
    const port = await secure(certified, {}, seen);
    await openTls(trusting(port, '127.0.0.1'));
    await eventually(() => expect(seen).toHaveLength(1), 15_000, 1);
    expect(seen[0]?.servername).toBe(false);
    await expect(trusting(port, '127.0.0.2')(never)).rejects.toMatchObject({ code: 'DNS_TLS' });
  });

  test.each<[string, () => Certified, string]>([
    ['for another name', () => authority.issue(['other.example']), 'dns.example'],
    ['for a name below', () => authority.issue(['*.dns.example']), 'dns.example'],
    ['of another authority', () => new TestAuthority('Another').issue(['dns.example']), 'dns.example'],
    ['that has run out', () => authority.issue(['dns.example'], new Date(Date.now() - 86_400_000)), 'dns.example'],
    ['for names only', () => authority.issue(['dns.example']), '127.0.0.1'],
  ])('a certificate %s is refused, with what was expected', async (_, certificate, host) => {
    const port = await secure(certificate());
    await expect(trusting(port, host)(never)).rejects.toMatchObject({
      code: 'DNS_TLS',
      message: expect.stringMatching(new RegExp(`^${host}: .`)) as string,
      expected: expect.stringContaining('ca=') as string,
    });
  });

  test('without the authority among the known ones it is refused too', async () => {
    const port = await secure(certified);
    const connect = overTls(plain(port), 'dns.example', { alpn: ['dot'] });
    await expect(connect(never)).rejects.toMatchObject({ code: 'DNS_TLS' });
  });

  test('older than 1.2 is refused', async () => {
    const port = await secure(certified, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' });
    await expect(trusting(port)(never)).rejects.toMatchObject({ code: 'DNS_TLS' });
  });

  test('tells what protocol was agreed on, if any', async () => {
    const port = await secure(certified);
    expect((await openTls(trusting(port, 'dns.example', ['h2', 'http/1.1']))).alpnProtocol).toBe(false);
    await openTls(trusting(port));
    const both = await secure(certified, { ALPNProtocols: ['h2', 'http/1.1'] });
    expect((await openTls(trusting(both, 'dns.example', ['h2', 'http/1.1']))).alpnProtocol).toBe('h2');
  });

  test('is resumed at the next connection, by a server that gives tickets', async () => {
    const port = await listen(tls.createServer({ ...certified, maxVersion: 'TLSv1.2' }, (socket) => socket.end('.')));
    const connect = trusting(port);
    const first = await openTls(connect);
    expect(first.isSessionReused()).toBe(false);
    await once(first.resume(), 'close');
    expect((await openTls(connect)).isSessionReused()).toBe(true);
  });

  test.each<[string, (socket: net.Socket) => void, string]>([
    ['what is no TLS', (socket) => socket.write('220 mail.example ESMTP\r\n'), 'DNS_TLS'],
    ['a FIN', (socket) => socket.end(), 'DNS_IO'],
    ['a RST', (socket) => setTimeout(() => socket.resetAndDestroy(), 1), 'DNS_IO'],
  ])('%s instead of a handshake is an error, and the connection below is closed', async (_, answer, code) => {
    const port = await listen(net.createServer(answer));
    await expect(trusting(port)(never)).rejects.toMatchObject({ code });
    await eventually(() => expect(opener.open).toBe(0), 15_000, 1);
  });

  test('who gives up in the handshake, or before, closes the connection below', async () => {
    const port = await listen(net.createServer());
    const asker = new AbortController();
    const outcome = failureOf(trusting(port)(asker.signal));
    await eventually(() => expect(accepted).toHaveLength(1), 15_000, 1);
    asker.abort(new AppError('DNS_TIMEOUT', 'no connection'));
    expect(await outcome).toMatchObject({ code: 'DNS_TIMEOUT' });
    await expect(trusting(port)(asker.signal)).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
    await eventually(() => expect(opener.open).toBe(0), 15_000, 1);
  });

  test('a connection below that cannot be made is told as it is', async () => {
    const connect = overTls(() => Promise.reject(new AppError('DIAL_REFUSED', 'refused')), 'dns.example', { alpn: [] });
    await expect(connect(never)).rejects.toMatchObject({ code: 'DIAL_REFUSED' });
  });

  test('that is closed or cut off later ends the stream, and the half-open connection below with it', async () => {
    const seen: tls.TLSSocket[] = [];
    const port = await secure(certified, {}, seen);
    for (const end of [(socket: net.Socket) => socket.end(), (socket: net.Socket) => socket.destroy()]) {
      const stream = await openTls(trusting(port));
      await eventually(() => expect(seen).toHaveLength(1), 15_000, 1);
      const ended = once(stream.resume(), 'end');
      for (const socket of seen.splice(0)) end(socket);
      await ended;
      // Nobody has to do anything for it.
      await eventually(() => expect(opener.open).toBe(0), 15_000, 1);
    }
  });
});
