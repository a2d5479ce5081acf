/** Proxies over TLS: what their servers speak is Node's OpenSSL. */
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import type { TlsConfig } from '../../../core/contract/proxy-config.ts';
import type { ChainLink } from '../../../core/outbound/chain-link.ts';
import { httpLink } from '../../../core/outbound/http-link.ts';
import { ProxyOutbound } from '../../../core/outbound/proxy-outbound.ts';
import { socks5Link } from '../../../core/outbound/socks5-link.ts';
import { type Certified, TestAuthority } from '../../support/certificate.ts';
import { Loopback, readAll } from '../net/loopback.ts';
import { dialOptions, LoopbackEgress, NamedAddresses } from './doubles.ts';
import { type Socks5Asked, serveSocks5 } from './socks5-server.ts';

const loopback = new Loopback();
afterEach(() => loopback.closeAll());

const to = { host: 'hidden.example', port: 443 };
const authority = new TestAuthority();
const good = authority.issue(['proxy.example']);
const fingerprintOf = (pem: string): string => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
const trusting = ({ cert }: Certified): TlsConfig => ({
  serverName: 'proxy.example',
  fingerprint: fingerprintOf(cert),
});

/** Ends TLS and passes on what is in it: to this port, and back. */
function terminate(
  forwardTo: number,
  certified: Certified,
  options: tls.TlsOptions = {},
  seen: (session: tls.TLSSocket) => void = () => undefined,
) {
  return loopback.listen((socket) => {
    const secured = new tls.TLSSocket(socket, { isServer: true, ...certified, ...options });
    secured.allowHalfOpen = true;
    secured.on('error', () => socket.destroy());
    secured.on('secure', () => {
      seen(secured);
      const onward = net.connect({ host: '127.0.0.1', port: forwardTo, allowHalfOpen: true });
      onward.on('error', () => socket.resetAndDestroy());
      secured.pipe(onward).pipe(secured);
    });
  });
}
const serve = (asked: Socks5Asked[], options: Parameters<typeof serveSocks5>[1]) =>
  loopback.listen((socket) => void serveSocks5(socket, options, asked).catch(() => undefined));
const echoAfterEnd = () => loopback.listen((socket) => void readAll(socket).then((heard) => socket.end(heard)));

const socks = (port: number, secured?: TlsConfig, name = 'far'): ChainLink =>
  socks5Link({ type: 'socks5', name, server: '127.0.0.1', port, udp: true, ...(secured && { tls: secured }) });
const http = (port: number, secured?: TlsConfig, name = 'far'): ChainLink =>
  httpLink({ type: 'http', name, server: '127.0.0.1', port, headers: [], ...(secured && { tls: secured }) });

function dial(...links: [ChainLink, ...ChainLink[]]) {
  const services = {
    egress: new LoopbackEgress(),
    resolver: new NamedAddresses({}),
    clock: systemClock,
    timeoutMs: 5000,
  };
  return new ProxyOutbound('far', links, services).dialStream(to, dialOptions());
}
const codeOf = async (secured: TlsConfig, port: number): Promise<unknown> => {
  try {
    (await dial(socks(port, secured))).reset();
    return 'connected';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (version) => {
  const versions = { minVersion: version, maxVersion: version };

  test('socks5 over TLS: megabytes there and back, half-closed in between', async () => {
    const bytes = randomBytes(3_000_000);
    const asked: Socks5Asked[] = [];
    const port = await terminate(await serve(asked, { forwardTo: await echoAfterEnd() }), good, versions);
    const { readable, writable, remote } = await dial(socks(port, trusting(good)));
    writable.end(bytes);
    expect((await readAll(readable)).equals(bytes)).toBe(true);
    expect(asked).toMatchObject([{ host: 'hidden.example', port: 443 }]);
    expect(remote).toBe('127.0.0.1');
  });

  test('http over TLS, TLS in TLS, and plain proxies before and behind', async () => {
    const last = await serve([], { forwardTo: await echoAfterEnd() });
    const inner = await terminate(last, good, versions);
    const connect = await loopback.listen((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        const onward = net.connect({ host: '127.0.0.1', port: inner, allowHalfOpen: true });
        socket.pipe(onward).pipe(socket);
      });
    });
    const outer = await terminate(connect, good, versions);
    const first = await serve([], { forwardTo: outer });
    const { readable, writable } = await dial(
      socks(first, undefined, 'a'),
      http(outer, trusting(good), 'b'),
      socks(inner, trusting(good), 'c'),
    );
    const bytes = randomBytes(300_000);
    writable.end(bytes);
    expect((await readAll(readable)).equals(bytes)).toBe(true);
  });

  test('a session is resumed', async () => {
    const asked = await serve([], {});
    const reused: boolean[] = [];
    const server = tls.createServer({ ...good, ...versions }, (session) => {
      reused.push(session.isSessionReused());
      const onward = net.connect(asked, '127.0.0.1');
      session.on('error', () => onward.destroy());
      session.pipe(onward).pipe(session);
    });
    const port = await loopback.serve(server);
    // Another name than those of other tests, whose sessions are kept as well.
    const secured = { ...trusting(good), serverName: `${version}.example` };
    for (let count = 0; count < 2; count++) {
      const { readable, writable } = await dial(socks(port, secured));
      writable.write('x');
      for await (const _chunk of readable) break;
    }
    expect(reused).toEqual([false, true]);
  });
});

describe('who is believed', () => {
  const serverWith = async (certified: Certified, options: tls.TlsOptions = {}) =>
    terminate(await serve([], {}), certified, options);

  test('each reason has its code', async () => {
    const expired = authority.issue(['proxy.example'], new Date(Date.now() - 1000));
    const pinned = { serverName: 'proxy.example', fingerprint: fingerprintOf(authority.cert) };
    const shown = (certified: Certified) => ({ ...certified, cert: certified.cert + authority.cert });
    const [ok, old] = [await serverWith(shown(good)), await serverWith(shown(expired))];
    expect(await codeOf({ serverName: 'proxy.example' }, ok)).toBe('DIAL_TLS_UNKNOWN_ISSUER');
    expect(await codeOf({ serverName: 'proxy.example', insecure: true }, ok)).toBe('connected');
    expect(await codeOf(trusting(good), ok)).toBe('connected');
    expect(await codeOf(trusting(expired), ok)).toBe('DIAL_TLS_FINGERPRINT');
    expect(await codeOf(pinned, ok)).toBe('connected');
    expect(await codeOf(pinned, old)).toBe('DIAL_TLS_EXPIRED');
    expect(await codeOf({ ...pinned, serverName: 'other.example' }, ok)).toBe('DIAL_TLS_NAME');
  });

  test('a server that wants a certificate, none that speaks TLS, and one that hangs up', async () => {
    const strict = await serverWith(good, {
      requestCert: true,
      rejectUnauthorized: true,
      ca: authority.cert,
      maxVersion: 'TLSv1.2',
    });
    expect(await codeOf(trusting(good), strict)).toMatch(/^DIAL_TLS_(CLIENT_CERTIFICATE|FAILED)$/);
    const { cert, key } = authority.issue(['me']);
    expect(await codeOf({ ...trusting(good), certificate: cert, key }, strict)).toBe('connected');
    expect(await codeOf(trusting(good), await serve([], {}))).toBe('DIAL_TLS_FAILED');
    expect(await codeOf(trusting(good), await loopback.listen((socket) => socket.destroy()))).toBe('DIAL_TLS_FAILED');
    expect(await codeOf(trusting(good), await loopback.freePort())).toBe('DIAL_PROXY_REFUSED');
  });

  test('errors name the hop also behind TLS', async () => {
    const strict = await terminate(await serve([], { user: { username: 'u', password: 'p' } }), good);
    const first = await serve([], { forwardTo: strict });
    await expect(dial(socks(first, undefined, 'a'), socks(strict, trusting(good), 'b'))).rejects.toMatchObject({
      code: 'DIAL_PROXY_AUTH',
      details: { node: 'b' },
    });
  });
});

test('a reset here resets the connection to the server', async () => {
  const ended = Promise.withResolvers<string>();
  const port = await terminate(await serve([], {}), good, {}, (session) => {
    session.on('error', (error: NodeJS.ErrnoException) => ended.resolve(error.code ?? ''));
    session.on('end', () => ended.resolve('ended'));
  });
  const stream = await dial(socks(port, trusting(good)));
  stream.reset();
  expect(await ended.promise).toBe('ECONNRESET');
});
