/** UDP flows: direct, through a SOCKS5 association, refused; large datagrams; never a black hole. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EngineMetrics } from '../../native/index.d.ts';
import { describeInLab } from '../support/tier.ts';
import { device, direct, NativeWorld, proxy, user } from './support/native-world.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';
const through = (port: number, more: object = {}) => ({
  kind: 'proxy' as const,
  protocol: 'socks5' as const,
  hops: [{ address: proxy, device }],
  port,
  timeoutMs: 3_000,
  ...more,
});
interface Answer {
  code: string;
  replies: { length: number; text: string; from: string }[];
}

describeInLab('UDP', () => {
  let world: NativeWorld;
  const ask = (args: object) => world.programs.call<Answer>('datagrams', { host, port: ports.echo, ...args });

  beforeAll(async () => {
    world = await NativeWorld.create();
    await world.startDante(1090);
    await world.startDante(1091, true);
    await world.startMicrosocks(1080);
    await world.server.write('/etc/hosts', '127.0.0.1 localhost\n10.99.0.7 only-there.example\n');
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test('direct: answers come from the address that was asked', async () => {
    await world.rules({ verdict: direct });
    for (const connect of [true, false]) {
      const answer = await ask({ messages: ['one', 'two', 'three'], connect });
      expect(answer.code).toBe('OK');
      expect(answer.replies.map((reply) => reply.text)).toEqual(['one', 'two', 'three']);
      expect(new Set(answer.replies.map((reply) => reply.from))).toEqual(new Set([`${host}:${ports.echo}`]));
    }
    const events = await world.events('dialed', 2);
    expect(events.map((event) => event.kind)).toEqual(['open', 'dialed', 'open', 'dialed']);
    expect(events[0]).toMatchObject({ network: 'udp', destination: { address: host, port: ports.echo } });
    const [open] = events;
    expect(await world.engine.call('counters', { slot: open?.kind === 'open' ? open.slot : -1 })).toEqual([11, 11]);
  });

  test('datagrams larger than the MTU, both ways', async () => {
    await world.rules({ verdict: direct });
    const answer = await ask({ sizes: [1_472, 1_473, 3_000, 9_000, 65_000] });
    expect(answer.code).toBe('OK');
    expect(answer.replies.map((reply) => reply.length)).toEqual([1_472, 1_473, 3_000, 9_000, 65_000]);
  });

  test.each([
    ['direct', direct],
    ['by UDP ASSOCIATE', through(1090)],
  ])('bursts of many sizes, some too large for the path, to two destinations in turn: %s', async (_name, verdict) => {
    await world.rules({ verdict });
    const sizes = [
      ...Array(40).fill(1_200),
      300,
      ...Array(20).fill(1_450),
      1_200,
      1_472,
      1_473,
      2_500,
      2_500,
      2_500,
      ...Array(20).fill(64),
      1,
      0,
      5,
    ];
    // From one socket, without a pause; every fifth goes elsewhere. Prints what has come back wrongly, or not.
    const script = `
import os, socket
wanted = {'${host}': [], '10.99.0.7': []}
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
client.settimeout(3)
for to in wanted: client.sendto(b'first', (to, ${ports.echo})); client.recv(9)
for number, size in enumerate(${JSON.stringify(sizes)}):
    to = list(wanted)[number % 5 == 4]
    wanted[to].append(os.urandom(size))
    client.sendto(wanted[to][-1], (to, ${ports.echo}))
came = {to: [] for to in wanted}
try:
    for _ in range(${sizes.length}):
        data, peer = client.recvfrom(65536)
        came[peer[0]].append(data)
except TimeoutError: pass
for to in wanted:
    print(to, len(wanted[to]), sum(a == b for a, b in zip(wanted[to], came[to])), len(came[to]))`;
    await world.client.write('/tmp/burst.py', script);
    const setMtu = async (mtu: number) => {
      for (const machine of [world.client, world.server]) await machine.sh(`ip link set eth0 mtu ${mtu}`);
    };
    await setMtu(1_400);
    const elsewhere = sizes.filter((_, number) => number % 5 === 4).length;
    const all = (count: number) => `${count} ${count} ${count}`;
    const result = await world.client.sh('python3 /tmp/burst.py');
    await setMtu(1_500);
    expect(result).toBe(`${host} ${all(sizes.length - elsewhere)}\n10.99.0.7 ${all(elsewhere)}\n`);
  });

  test('datagrams sent before the verdict are kept, up to a limit', async () => {
    await world.rules();
    const messages = Array.from({ length: 20 }, (_, index) => `early ${index}`);
    const packetsIn = async () => (await world.engine.call<EngineMetrics>('metrics')).packetsIn;
    const before = await packetsIn();
    const answering = ask({ messages, waitMs: 4_000 });
    const [open] = await world.events('open');
    if (open?.kind !== 'open') throw new Error('no open');
    await expect.poll(packetsIn).toBeGreaterThanOrEqual(before + messages.length);
    const hops = [{ address: host, device }];
    await world.engine.call('decide', {
      id: open.id,
      verdict: { kind: 'dial', layers: [], hops, port: ports.echo, timeoutMs: 1_000 },
    });
    const { replies } = await answering;
    expect(replies.map((reply) => reply.text)).toEqual(messages.slice(0, 16));
  });

  test('rejected: a connected socket is told, and how', async () => {
    await world.rules({ verdict: { kind: 'reject', how: 'reset' } });
    expect((await ask({ messages: ['x'] })).code).toBe('ECONNREFUSED');
    expect(await world.reasons()).toEqual(['rejected']);
    await world.rules({ verdict: { kind: 'reject', how: 'unreachable' } });
    expect((await ask({ messages: ['x'] })).code).toBe('EHOSTUNREACH');
    await world.rules({ verdict: { kind: 'reject', how: 'no-route' } });
    expect((await ask({ messages: ['x'] })).code).toBe('ENETUNREACH');
    await world.rules({ verdict: { kind: 'reject', how: 'drop' } });
    expect((await ask({ messages: ['x', 'y'], waitMs: 300 })).code).toBe('NO_ANSWER');
    expect(await world.events('close')).toHaveLength(2);
  });

  test('a closed port of the far side is told the program', async () => {
    await world.rules({ verdict: direct });
    expect((await ask({ port: ports.nobody, messages: ['x'] })).code).toBe('ECONNREFUSED');
    expect((await ask({ port: ports.echo, messages: ['still alive'] })).code).toBe('OK');
  });

  test.each([
    ['dante', 1090, {}],
    ['dante with login', 1091, user],
  ])('by UDP ASSOCIATE: %s', async (_name, port, login) => {
    await world.rules({ verdict: through(port, login) });
    const answer = await ask({ messages: ['a', 'b', 'c'] });
    expect(answer.code).toBe('OK');
    expect(answer.replies.map((reply) => reply.text).sort()).toEqual(['a', 'b', 'c']);
    expect(answer.replies[0]?.from).toBe(`${host}:${ports.echo}`);
    const dialed = (await world.events('dialed')).find((event) => event.kind === 'dialed');
    expect(dialed).toMatchObject({ ok: true, address: proxy });
  });

  test('by UDP ASSOCIATE to a name only the proxy knows', async () => {
    const verdict = through(1090, { targetHost: 'only-there.example', targetPort: ports.echo });
    await world.rules({ verdict });
    const answer = await ask({ host: '10.99.0.250', port: 123, messages: ['by name'] });
    expect(answer.code).toBe('OK');
    expect(answer.replies[0]).toMatchObject({ text: 'by name', from: '10.99.0.250:123' });
  });

  test('a proxy without UDP is a failure the program sees', async () => {
    const otherwise = { kind: 'reject', how: 'reset' } as const;
    await world.rules({ verdict: through(1080), otherwise });
    expect((await ask({ messages: ['x'] })).code).toBe('ECONNREFUSED');
    const dialed = (await world.events('close')).find((event) => event.kind === 'dialed');
    expect(dialed).toMatchObject({ ok: false, failure: 'proxy-failed' });
  });

  test('the end of the control connection ends the flow', async () => {
    await world.rules({ verdict: through(1090) });
    expect((await ask({ messages: ['x'] })).code).toBe('OK');
    await world.events('dialed');
    await world.client.sh(`ss -K dst ${proxy} dport = :1090`);
    // Earlier associations of this file end with it.
    expect(new Set(await world.reasons())).toEqual(new Set(['reset-by-remote']));
  });

  test('echo requests: the peer answers, refused ones are told at once', async () => {
    const script = fileURLToPath(new URL('support/ping.pl', import.meta.url));
    await world.client.sh('ip route add 172.30.0.2 dev tun9');
    expect(await world.client.sh(`perl ${script} 172.30.0.2`)).toBe('0 0\n');
    expect(await world.client.sh(`perl ${script} ${host}`)).toBe('3 13\n');
  });
});
