import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import type { Socks5ProxyConfig } from '../../../core/contract/proxy-config.ts';
import { ProxyOutbound } from '../../../core/outbound/proxy-outbound.ts';
import { socks5Link } from '../../../core/outbound/socks5-link.ts';
import { errnoOfEnd, Loopback, readAll } from '../net/loopback.ts';
import { dialOptions, LoopbackEgress, NamedAddresses } from './doubles.ts';
import { type Socks5Asked, serveSocks5 } from './socks5-server.ts';

const loopback = new Loopback();
afterEach(() => loopback.closeAll());

const to = { host: 'hidden.example', port: 443 };

function outbound(over: Partial<Socks5ProxyConfig> = {}) {
  const names = new NamedAddresses({ 'proxy.example': ['192.0.2.7'] });
  const proxy = { type: 'socks5', name: 'far', server: '192.0.2.7', port: 1080, udp: true, ...over } as const;
  const services = { egress: new LoopbackEgress(), resolver: names, clock: systemClock, timeoutMs: 9000 };
  return { names, socks: new ProxyOutbound('far', [socks5Link(proxy)], services) };
}
const plan = (over: Partial<Socks5ProxyConfig>, network: 'tcp' | 'udp' = 'tcp', target = to) =>
  outbound(over).socks.plan(target, network, new AbortController().signal);

describe('plan', () => {
  test('the target stays a name; the data plane dials the proxy', async () => {
    expect(await plan({ username: 'me', password: 'secret' })).toEqual({
      kind: 'dial',
      hops: [{ address: '192.0.2.7', device: 'eth0' }],
      port: 1080,
      layers: [{ protocol: 'socks5', node: 'far', target: to, username: 'me', password: 'secret' }],
      target: to,
      udp: false,
      timeoutMs: 9000,
    });
  });

  test('only the proxy’s own name is resolved', async () => {
    const { names, socks } = outbound({ server: 'proxy.example' });
    expect(await socks.plan(to, 'tcp', new AbortController().signal)).toMatchObject({
      hops: [{ address: '192.0.2.7' }],
    });
    expect(names.asked).toEqual(['proxy.example']);
  });

  test('a proxy on this machine is dialled unbound, also as localhost', async () => {
    const hop = { address: '127.0.0.1', device: null };
    expect(await plan({ server: '127.0.0.1' })).toMatchObject({ hops: [hop] });
    expect(await plan({ server: 'localhost' })).toMatchObject({ hops: [hop] });
  });

  test('a link-local proxy is dialled by its link', async () => {
    const { names, socks } = outbound({ server: 'fe80::7%wlan0' });
    expect(await socks.plan(to, 'tcp', new AbortController().signal)).toMatchObject({
      hops: [{ address: 'fe80::7', device: 'wlan0' }],
      target: to,
    });
    expect(names.asked).toEqual([]);
  });

  test('UDP goes by the same dial, or is refused openly where the proxy has none', async () => {
    expect(await plan({}, 'udp')).toMatchObject({ layers: [{ protocol: 'socks5' }], target: to, udp: true });
    expect(await plan({ udp: false }, 'udp')).toEqual({ kind: 'reject', how: 'reset' });
  });

  test.each([
    [{ server: 'unknown.example' }, 'DIAL_PROXY_UNREACHABLE'],
    [{ server: '198.51.100.1' }, 'DIAL_PROXY_UNREACHABLE'],
  ])('%o: %s', async (over, code) => expect(plan(over)).rejects.toMatchObject({ code }));

  test('a name that SOCKS5 cannot write does not exist', async () => {
    const target = { host: 'a'.repeat(256), port: 80 };
    await expect(plan({}, 'tcp', target)).rejects.toMatchObject({ code: 'DIAL_NAME_NOT_FOUND' });
  });
});

describe('stream', () => {
  async function dialled(server: Parameters<typeof serveSocks5>[1], over: Partial<Socks5ProxyConfig> = {}) {
    const asked: Socks5Asked[] = [];
    const port = await loopback.listen((socket) => void serveSocks5(socket, server, asked).catch(() => undefined));
    const { socks } = outbound({ server: '127.0.0.1', port, ...over });
    return { asked, stream: socks.dialStream(to, dialOptions()) };
  }

  test('a megabyte there and back, half-closed in between', async () => {
    const bytes = randomBytes(1_000_000);
    const target = await loopback.listen((socket) => {
      void readAll(socket).then((heard) => socket.end(heard));
    });
    const { asked, stream } = await dialled({ forwardTo: target });
    const { readable, writable, remote } = await stream;
    writable.end(bytes);
    expect((await readAll(readable)).equals(bytes)).toBe(true);
    expect(asked).toMatchObject([{ host: 'hidden.example', port: 443 }]);
    expect(remote).toBe('127.0.0.1');
  });

  test('RST behind the proxy is RST here', async () => {
    const { stream } = await dialled({ forwardTo: await loopback.freePort() });
    const { readable } = await stream;
    await expect(readAll(readable)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('reset here is RST at the proxy', async () => {
    const seen = Promise.withResolvers<string | undefined>();
    const target = await loopback.listen((socket) => seen.resolve(errnoOfEnd(socket)));
    const { stream } = await dialled({ forwardTo: target });
    (await stream).reset();
    expect(await seen.promise).toBe('ECONNRESET');
  });

  test('a wrong password is an error with its code, not a hang', async () => {
    const user = { username: 'me', password: 'secret' };
    const { stream } = await dialled({ user }, { username: 'me', password: 'wrong' });
    await expect(stream).rejects.toMatchObject({ code: 'DIAL_PROXY_AUTH' });
  });

  test('a proxy that is not there is told apart from a target that is not there', async () => {
    const { socks } = outbound({ server: '127.0.0.1', port: await loopback.freePort() });
    await expect(socks.dialStream(to, dialOptions())).rejects.toMatchObject({ code: 'DIAL_PROXY_REFUSED' });
    const { stream } = await dialled({ reply: 5 });
    await expect(stream).rejects.toMatchObject({ code: 'DIAL_REFUSED' });
  });
});
