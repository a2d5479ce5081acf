import type net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import type { HttpProxyConfig } from '../../../core/contract/proxy-config.ts';
import { httpLink } from '../../../core/outbound/http-link.ts';
import { ProxyOutbound } from '../../../core/outbound/proxy-outbound.ts';
import { Loopback, readAll } from '../net/loopback.ts';
import { dialOptions, LoopbackEgress, NamedAddresses } from './doubles.ts';

const loopback = new Loopback();
afterEach(() => loopback.closeAll());

const to = { host: 'hidden.example', port: 443 };

function outbound(over: Partial<HttpProxyConfig> = {}) {
  const names = new NamedAddresses({ 'proxy.example': ['192.0.2.7'] });
  const proxy: HttpProxyConfig = {
    type: 'http',
    name: 'far',
    server: '192.0.2.7',
    port: 8080,
    headers: [],
    ...over,
  };
  const services = { egress: new LoopbackEgress(), resolver: names, clock: systemClock, timeoutMs: 9000 };
  return { names, http: new ProxyOutbound('far', [httpLink(proxy)], services) };
}

describe('plan', () => {
  const plan = (http: ProxyOutbound, network: 'tcp' | 'udp' | 'icmp' = 'tcp', target = to) =>
    http.plan(target, network, new AbortController().signal);

  test('the target stays a name; the data plane dials the proxy, whose own name is resolved', async () => {
    const headers: [string, string][] = [['X-A', 'b']];
    const { names, http } = outbound({ server: 'proxy.example', username: 'me', password: 'secret', headers });
    expect(await plan(http)).toEqual({
      kind: 'dial',
      hops: [{ address: '192.0.2.7', device: 'eth0' }],
      port: 8080,
      layers: [{ protocol: 'http-connect', node: 'far', target: to, username: 'me', password: 'secret', headers }],
      target: to,
      udp: false,
      timeoutMs: 9000,
    });
    expect(names.asked).toEqual(['proxy.example']);
  });

  test('it carries neither UDP nor pings, and says so', async () => {
    const { http } = outbound();
    expect(http.carriesUdp).toBe(false);
    expect(await plan(http, 'udp')).toEqual({ kind: 'reject', how: 'reset' });
    expect(await plan(http, 'icmp')).toEqual({ kind: 'reject', how: 'reset' });
  });

  test.each(['a\r\nX-Smuggled: yes', 'a b', 'a:80', '', 'a'.repeat(254), 'a/b', 'a\0'])(
    'a name that would be more than a name is not asked for: %j',
    async (host) => {
      const { http } = outbound();
      await expect(plan(http, 'tcp', { host, port: 80 })).rejects.toMatchObject({ code: 'DIAL_NAME_NOT_FOUND' });
      await expect(http.dialStream({ host, port: 80 }, dialOptions())).rejects.toMatchObject({
        code: 'DIAL_NAME_NOT_FOUND',
      });
    },
  );
});

describe('stream', () => {
  /** Dials a proxy that does this once it has read the request. */
  async function dialled(
    act: (socket: net.Socket, request: string) => void,
    over: Partial<HttpProxyConfig> = {},
    options = dialOptions(),
  ) {
    const port = await loopback.listen((socket) => {
      let request = '';
      const onData = (data: Buffer): void => {
        request += data.toString();
        if (!request.endsWith('\r\n\r\n')) return;
        socket.off('data', onData);
        act(socket, request);
      };
      socket.on('data', onData).on('error', () => undefined);
    });
    return await outbound({ server: '127.0.0.1', port, ...over }).http.dialStream(to, options);
  }

  test('asks by name with user name and password; there and back, half-closed in between', async () => {
    const asked: string[] = [];
    const { readable, writable, remote } = await dialled(
      (socket, request) => {
        asked.push(request);
        socket.write('HTTP/1.1 200 OK\r\nServer: x\r\n\r\n');
        void readAll(socket).then((heard) => socket.end(heard));
      },
      { username: 'me', password: 'secret' },
    );
    writable.end('there and back');
    expect((await readAll(readable)).toString()).toBe('there and back');
    expect(remote).toBe('127.0.0.1');
    expect(asked).toEqual([
      'CONNECT hidden.example:443 HTTP/1.1\r\nHost: hidden.example:443\r\nProxy-Connection: Keep-Alive\r\n' +
        'Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n',
    ]);
  });

  test('bytes and FIN of the target in the segment of the head belong to the stream', async () => {
    const { readable } = await dialled((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n220 hello'));
    expect((await readAll(readable)).toString()).toBe('220 hello');
  });

  test.each([
    ['HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', 'DIAL_PROXY_AUTH'],
    ['HTTP/1.1 403 Forbidden\r\n\r\n', 'DIAL_PROXY_DENIED'],
    ['HTTP/1.1 502 Bad Gateway\r\n\r\n', 'DIAL_HOST_UNREACHABLE'],
    ['HTTP/1.1 503 Service Unavailable\r\n\r\n', 'DIAL_HOST_UNREACHABLE'],
    ['HTTP/1.1 504 Gateway Timeout\r\n\r\n', 'DIAL_TIMEOUT'],
    ['HTTP/1.1 418 ?\r\n\r\n', 'DIAL_PROXY_FAILED'],
    ['SSH-2.0-x\r\n', 'DIAL_PROXY_FAILED'],
    ['', 'DIAL_PROXY_FAILED'],
  ])('%j: %s', async (answer, code) => {
    await expect(dialled((socket) => socket.end(answer))).rejects.toMatchObject({ code });
  });

  test('a proxy that says nothing, or a byte now and then, is given up in time', async () => {
    const dribble = (socket: net.Socket): void => {
      const answer = 'HTTP/1.1 200 OK\r\n'.split('');
      const timer = setInterval(() => socket.write(answer.shift() ?? 'a'), 2);
      socket.on('close', () => clearInterval(timer));
    };
    for (const act of [() => undefined, dribble]) {
      await expect(dialled(act, {}, dialOptions(100))).rejects.toMatchObject({ code: 'DIAL_TIMEOUT' });
    }
  });
});
