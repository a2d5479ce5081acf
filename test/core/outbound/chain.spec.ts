import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { GroupConfig } from '../../../core/contract/config.ts';
import type { ProxyConfig } from '../../../core/contract/proxy-config.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { ConfiguredPolicies } from '../../../core/outbound/configured-policies.ts';
import { LastingPolicies } from '../../../core/outbound/lasting-policies.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { Loopback, readAll } from '../net/loopback.ts';
import { dialOptions, LoopbackEgress, NamedAddresses } from './doubles.ts';
import { type Socks5Asked, serveSocks5 } from './socks5-server.ts';

const loopback = new Loopback();
afterEach(() => loopback.closeAll());
const to = { host: 'hidden.example', port: 443 };

const socks = (name: string, over: Partial<ProxyConfig & { type: 'socks5' }> = {}): ProxyConfig => ({
  type: 'socks5',
  name,
  server: `${name}.example`,
  port: 1080,
  udp: true,
  ...over,
});
const http = (name: string, over: Partial<ProxyConfig & { type: 'http' }> = {}): ProxyConfig => ({
  type: 'http',
  name,
  server: `${name}.example`,
  port: 8080,
  headers: [],
  ...over,
});
const group = (name: string, members: string[], over: Partial<GroupConfig> = {}): GroupConfig => ({
  name,
  type: 'select',
  members,
  udp: true,
  hidden: false,
  ...over,
});
const relay = (name: string, members: string[]): GroupConfig => group(name, members, { type: 'relay' });

function tableOf(proxies: ProxyConfig[], groups: GroupConfig[] = []) {
  const lasting = new LastingPolicies(new ManualClock());
  const names = new NamedAddresses({ 'a.example': ['192.0.2.1'], 'b.example': ['192.0.2.2'] });
  const services = {
    egress: new LoopbackEgress(),
    resolver: names,
    proxyServers: names,
    isFake: () => false,
    isNear: () => false,
    clock: lasting.clock,
    timeoutMs: 1000,
  };
  return { lasting, names, policies: new ConfiguredPolicies({ proxies, groups }, services, lasting) };
}

/** Nodes and what each is asked for, of a dial by a policy; or why it is refused. */
async function wayOf(policies: ConfiguredPolicies, policy: string, flow?: Metadata): Promise<string[]> {
  const outbound = policies.route(policy, flow)?.outbound;
  try {
    const plan = await outbound?.plan(to, 'tcp', new AbortController().signal);
    if (plan?.kind !== 'dial') return [plan?.kind ?? 'nothing'];
    const [first] = plan.hops;
    return [
      `${first?.address}:${plan.port}`,
      ...plan.layers.map((layer) =>
        'target' in layer ? `${layer.node} -> ${layer.target.host}:${layer.target.port}` : layer.protocol,
      ),
    ];
  } catch (error) {
    return [(error as { code: string }).code];
  }
}

describe('plans', () => {
  test('relay: each server is named to the one before, the target to the last; only the first is resolved here', async () => {
    const { policies, names } = tableOf([socks('a'), http('b'), socks('c')], [relay('chain', ['a', 'b', 'c'])]);
    expect(await wayOf(policies, 'chain')).toEqual([
      '192.0.2.1:1080',
      'a -> b.example:8080',
      'b -> c.example:1080',
      'c -> hidden.example:443',
    ]);
    expect(names.asked).toEqual(['a.example']);
    expect(policies.route('chain')?.chain).toEqual(['c', 'b', 'a', 'chain']);
    expect(policies.route('chain')?.outbound).toMatchObject({ way: 'proxied', resolvesAt: 'there', carriesUdp: false });
  });

  test('relay: groups within choose at each dial; DIRECT adds nothing; a chain in a chain is one', async () => {
    const { policies, lasting } = tableOf(
      [socks('a'), socks('b'), socks('c')],
      [
        group('pick', ['a', 'b']),
        relay('inner', ['pick', 'DIRECT', 'c']),
        relay('outer', ['inner', 'b']),
        relay('one', ['DIRECT', 'a']),
        relay('none', ['DIRECT']),
        relay('no', ['a', 'REJECT']),
      ],
    );
    expect(await wayOf(policies, 'outer')).toEqual([
      '192.0.2.1:1080',
      'a -> c.example:1080',
      'c -> b.example:1080',
      'b -> hidden.example:443',
    ]);
    const { revision } = policies;
    lasting.choose('pick', 'b');
    expect(policies.revision).toBeGreaterThan(revision);
    expect((await wayOf(policies, 'outer')).slice(0, 2)).toEqual(['192.0.2.2:1080', 'b -> c.example:1080']);
    expect(policies.route('inner')?.chain).toEqual(['c', 'DIRECT', 'b', 'pick', 'inner']);
    // One proxy is a proxy like any other, also for UDP.
    expect(policies.route('one')?.outbound.carriesUdp).toBe(true);
    expect(policies.route('none')?.outbound.way).toBe('direct');
    expect(await wayOf(policies, 'no')).toEqual(['reject']);
  });

  test('dialer-proxy: a node, a group or a chain before a node, within groups as well', async () => {
    const { policies, lasting } = tableOf(
      [socks('a'), socks('b'), socks('c', { dialerProxy: 'front' }), http('d', { dialerProxy: 'c' })],
      [group('front', ['a', 'b', 'DIRECT']), group('exit', ['d']), relay('chain', ['b', 'd'])],
    );
    expect(await wayOf(policies, 'exit')).toEqual([
      '192.0.2.1:1080',
      'a -> c.example:1080',
      'c -> d.example:8080',
      'd -> hidden.example:443',
    ]);
    expect(policies.route('exit')?.chain).toEqual(['d', 'c', 'a', 'front', 'exit']);
    expect((await wayOf(policies, 'chain')).slice(0, 2)).toEqual(['192.0.2.2:1080', 'b -> a.example:1080']);
    expect(policies.route('c')?.outbound.carriesUdp).toBe(false);
    lasting.choose('front', 'DIRECT');
    expect(policies.route('c')?.outbound.carriesUdp).toBe(true);
  });

  test('what leads to itself is refused and named when it is dialled, and only then', async () => {
    const { policies, lasting } = tableOf(
      [
        socks('a', { dialerProxy: 'front' }),
        socks('b'),
        socks('x', { dialerProxy: 'y' }),
        socks('y', { dialerProxy: 'x' }),
      ],
      [group('front', ['b', 'a']), relay('chain', ['x', 'b'])],
    );
    expect((await wayOf(policies, 'a'))[1]).toBe('b -> a.example:1080');
    lasting.choose('front', 'a');
    expect(policies.route('a')?.outbound.refusal).toMatchObject({
      code: 'DIAL_CHAIN',
      message: expect.stringContaining('"a" -> "front" -> "a"'),
    });
    for (const policy of ['a', 'front', 'x', 'chain']) expect(await wayOf(policies, policy)).toEqual(['DIAL_CHAIN']);
    expect([...policies.rows()].find(({ name }) => name === 'x')).toMatchObject({ refusal: { code: 'DIAL_CHAIN' } });
    expect(policies.emptyGroups()).toEqual(['chain']);
  });

  test('a chain of more proxies than any person has is refused', async () => {
    const proxies = Array.from({ length: 17 }, (_, place) => socks(`n${place}`, { server: '192.0.2.1' }));
    const names = proxies.map(({ name }) => name);
    const { policies } = tableOf(proxies, [relay('long', names), relay('fits', names.slice(1))]);
    expect(await wayOf(policies, 'long')).toEqual(['DIAL_CHAIN']);
    expect(await wayOf(policies, 'fits')).toHaveLength(17);
  });

  test('a node that is reached through nothing cannot be put in force', () => {
    expect(() => tableOf([socks('a', { dialerProxy: 'gone' })])).toThrow(/"a" is reached through "gone"/);
  });

  test('a chain is tested as one, also as a member; the one to blame for a failed dial is the hop', () => {
    const { policies } = tableOf(
      [socks('a'), socks('b')],
      [relay('chain', ['a', 'b']), group('auto', ['chain', 'a'], { type: 'url-test' })],
    );
    expect(policies.nodesOf('chain').map(({ name }) => name)).toEqual(['chain']);
    expect(policies.nodesOf('auto').map(({ name }) => name)).toEqual(['chain', 'a']);
    expect(policies.leavesNow('chain')).toMatchObject([{ tag: 'chain', way: 'proxied' }]);
  });
});

describe('dials', () => {
  /** An HTTP proxy that connects to this port, whatever it is asked for. */
  const serveHttp = (asked: string[], forwardTo: number, answer = 'HTTP/1.1 200 OK\r\n\r\n') =>
    loopback.listen((socket) => {
      socket
        .on('error', () => undefined)
        .once('data', (head) => {
          asked.push(head.toString().split('\r\n')[0] ?? '');
          socket.write(answer);
          const onward = net.connect({ host: '127.0.0.1', port: forwardTo, allowHalfOpen: true });
          onward.on('error', () => socket.resetAndDestroy());
          socket.pipe(onward).pipe(socket);
        });
    });
  const serve = (asked: Socks5Asked[], options: Parameters<typeof serveSocks5>[1]) =>
    loopback.listen((socket) => void serveSocks5(socket, options, asked).catch(() => undefined));
  const local = (port: number) => ({ server: '127.0.0.1', port });

  test('three proxies in a row, there and back, half-closed in between', async () => {
    const [asked, requests] = [[] as Socks5Asked[], [] as string[]];
    const target = await loopback.listen((socket) => void readAll(socket).then((heard) => socket.end(heard)));
    const last = await serve(asked, { forwardTo: target, user: { username: 'u', password: 'p' }, trickle: true });
    const second = await serveHttp(requests, last);
    const first = await serve(asked, { forwardTo: second, trickle: true });
    const { policies } = tableOf(
      [socks('a', local(first)), http('b', { port: second }), socks('c', { username: 'u', password: 'p' })],
      [relay('chain', ['a', 'b', 'c'])],
    );
    const stream = await policies.route('chain')?.outbound.dialStream(to, dialOptions());
    stream?.writable.end('there and back');
    expect(stream && (await readAll(stream.readable)).toString()).toBe('there and back');
    expect(asked.map(({ host, port }) => `${host}:${port}`)).toEqual([`b.example:${second}`, 'hidden.example:443']);
    expect(requests).toEqual(['CONNECT c.example:1080 HTTP/1.1']);
  });

  test('errors name the hop: one that refuses the next, one that is not there, a password that is wrong', async () => {
    const closed = await loopback.freePort();
    const refuses = await serve([], { reply: 5 });
    const strict = await serve([], { user: { username: 'u', password: 'p' } });
    const before = await serve([], { forwardTo: strict });
    const { policies } = tableOf(
      [
        socks('dead', local(closed)),
        socks('no', local(refuses)),
        socks('ok', local(before)),
        http('h'),
        socks('strict'),
      ],
      [relay('1', ['dead', 'h']), relay('2', ['no', 'h']), relay('3', ['ok', 'strict'])],
    );
    const failed = async (policy: string) => {
      const dial = policies.route(policy)?.outbound.dialStream(to, dialOptions());
      const error = await dial?.then(() => undefined).catch((caught: unknown) => caught);
      const { code, details, message } = error as { code: string; details: unknown; message: string };
      return [code, details, message.split(':')[0]];
    };
    expect(await failed('1')).toEqual(['DIAL_PROXY_REFUSED', { node: 'dead' }, 'hop 1 of 2 ("dead")']);
    expect(await failed('2')).toEqual(['DIAL_PROXY_REFUSED', { node: 'h' }, 'hop 2 of 2 ("h")']);
    expect(await failed('3')).toEqual(['DIAL_PROXY_AUTH', { node: 'strict' }, 'hop 2 of 2 ("strict")']);
  });
});
