/** IPv6 flows are carried like those of IPv4, as far as the options say. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInLab } from '../support/tier.ts';
import type { Rule } from './support/engine-agent.ts';
import { device, direct, NativeWorld, proxy } from './support/native-world.ts';
import { patternHash } from './support/pattern.ts';
import { ports } from './support/ports.ts';

const host = 'fd99::1';
const size = 100 * 1024 * 1024;
const ping = fileURLToPath(new URL('support/ping.pl', import.meta.url));

interface Answer {
  code: string;
  ms: number;
  replies: { length: number; text: string; from: string }[];
}

describeInLab('IPv6', () => {
  let world: NativeWorld;
  const connect = (host: string, port: number) => world.programs.call<Answer>('connect', { host, port });
  const datagrams = (args: object) => world.programs.call<Answer>('datagrams', { host, port: ports.echo, ...args });

  beforeAll(async () => {
    world = await NativeWorld.create({ carried6: ['fd90::/12'] });
    await world.startDante(1090);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test('a connection is announced with its own addresses, dialled and closed', async () => {
    await world.rules({ verdict: direct });
    expect(await world.programs.call('exchange', { host, port: ports.echo, text: 'hello engine' })).toBe(
      'hello engine',
    );
    const events = await world.events('close');
    expect(events.map((event) => event.kind)).toEqual(['open', 'dialed', 'close']);
    expect(events[0]).toMatchObject({
      network: 'tcp',
      source: { address: 'fd30::1' },
      destination: { address: host, port: ports.echo },
    });
    expect(events[1]).toMatchObject({ ok: true, address: host });
    expect(events[2]).toMatchObject({ up: 12, down: 12, reason: 'done' });
  });

  test.each([
    ['direct', direct],
    [
      'through SOCKS5, to an IPv4 address',
      {
        kind: 'proxy' as const,
        protocol: 'socks5' as const,
        hops: [{ address: proxy, device }],
        port: 1090,
        targetHost: '10.99.0.1',
        timeoutMs: 5_000,
      },
    ],
  ])('100 MiB arrive unharmed in each direction: %s', async (_name, verdict) => {
    const of = (port: number) => ({
      port,
      verdict: verdict.kind === 'proxy' ? { ...verdict, targetPort: port } : verdict,
    });
    await world.rules(of(ports.source), of(ports.sink));
    const hash = patternHash(size);
    const down = await world.programs.call('download', { host, port: ports.source, bytes: size });
    expect(down).toEqual({ hash, count: size });
    expect(await world.programs.call('upload', { host, port: ports.sink, bytes: size })).toBe(hash);
    const closes = (await world.events('close', 2)).filter((event) => event.kind === 'close');
    expect(closes[0]).toMatchObject({ down: size, reason: 'done' });
    expect(closes[1]).toMatchObject({ up: size, reason: 'done' });
  });

  test('half-closes and resets are passed on', async () => {
    await world.rules({ verdict: direct });
    await world.servers.call('seen');
    const first = await world.programs.call('sendAfterEnd', { host, port: ports.halfClose, text: 'and this is mine' });
    expect(first).toBe('that is all from me\n');
    expect(await world.reasons()).toEqual(['done']);
    expect(await world.servers.call('seen')).toMatchObject([{ bytes: 16, ended: 'end' }]);
    await world.programs.call('open', { name: 'a', host, port: ports.reset });
    await world.programs.call('write', { name: 'a', text: 'x' });
    expect(await world.reasons()).toEqual(['reset-by-remote']);
    expect(await world.programs.call('state', { name: 'a' })).toMatchObject({ ended: 'ECONNRESET' });
  });

  test('500 connections at once', async () => {
    await world.rules({ verdict: direct });
    const { failures } = await world.programs.call<{ failures: string[] }>('many', {
      host,
      port: ports.echo,
      count: 500,
      parallel: 500,
    });
    expect(failures).toEqual([]);
    expect(await world.reasons(500)).toHaveLength(500);
  });

  test('refused and unreachable far sides, and refusals by verdict, are seen as they are', async () => {
    const rules: Rule[] = [
      { port: 1, verdict: { kind: 'reject', how: 'reset' } },
      { port: 2, verdict: { kind: 'reject', how: 'unreachable' } },
      { verdict: direct },
    ];
    await world.rules(...rules);
    for (const port of [1, 2]) await world.withoutRepeatedSyn(() => connect(host, port));
    await world.rules(...rules);
    expect(await connect(host, ports.nobody)).toMatchObject({ code: 'ECONNREFUSED' });
    expect(await connect('fd98::1', 80)).toMatchObject({ code: 'EHOSTUNREACH' });
    const [reset, unreachable] = [await connect(host, 1), await connect(host, 2)];
    expect([reset.code, unreachable.code]).toEqual(['ECONNREFUSED', 'EHOSTUNREACH']);
    const failures = (await world.events('close', 4)).flatMap((event) =>
      event.kind === 'dialed' && !event.ok ? [event.failure] : [],
    );
    expect(failures).toEqual(['refused', 'network-unreachable']);
  });

  test('datagrams of every size, both ways, and refusals of them', async () => {
    await world.rules({ port: 1, verdict: { kind: 'reject', how: 'reset' } }, { verdict: direct });
    const sizes = [1, 1_452, 1_453, 3_000, 9_000, 65_000];
    const answer = await datagrams({ sizes });
    expect(answer.code).toBe('OK');
    expect(answer.replies.map((reply) => reply.length)).toEqual(sizes);
    expect(new Set(answer.replies.map((reply) => reply.from))).toEqual(new Set([`${host}:${ports.echo}`]));
    expect((await datagrams({ port: 1, messages: ['x'] })).code).toBe('ECONNREFUSED');
    expect((await datagrams({ port: ports.nobody, messages: ['x'] })).code).toBe('ECONNREFUSED');
  });

  test('questions to port 53 of any address are answered, by UDP and TCP', async () => {
    await world.rules();
    for (const [network, args] of [
      ['udp', '+notcp'],
      ['tcp', '+tcp'],
    ]) {
      const output = await world.client.sh(`dig +tries=1 +time=12 +noedns ${args} @2001:db8::53 example.com`);
      expect(output).toContain('status: NOERROR');
      // The end of an earlier test's flow may be told with it.
      const asked = (await world.events('dns')).filter((event) => event.kind === 'dns');
      expect(asked).toEqual([{ kind: 'dns', network, destination: '2001:db8::53:53', length: 29 }]);
    }
  });

  test('what is not carried has no route; the far end of the link answers an echo', async () => {
    await world.rules({ verdict: direct });
    const answer = await world.withoutRepeatedSyn(() => connect('2001:db8::1', 443));
    expect(answer.code).toBe('ENETUNREACH');
    expect((await connect('fd30::2', 80)).code).toBe('ENETUNREACH');
    expect(await world.client.sh(`perl ${ping} fd30::2`)).toBe('129 0\n');
    expect(await world.client.sh(`perl ${ping} ${host}`)).toBe('1 1\n');
    expect(await world.engine.call('events')).toMatchObject([{ kind: 'echo', destination: host }]);
  });

  test('the user and the process of a flow are found', async () => {
    await world.rules({ verdict: direct });
    await world.programs.call('open', { name: 'c', host, port: ports.watch });
    const [open] = await world.events('open');
    if (open?.kind !== 'open') throw new Error('no open');
    const { network, source, destination } = open;
    const owner = await world.engine.call('findProcess', { network, source, destination });
    expect(owner).toMatchObject({ pid: world.programs.pid });
    await world.programs.call('reset', { name: 'c' });
  });

  test('what is carried can be changed; what is open goes on', async () => {
    await world.rules({ verdict: direct });
    await world.programs.call('open', { name: 'kept', host, port: ports.echo });
    await world.engine.call('carry6', ['2001:db8::/32']);
    expect((await connect(host, ports.echo)).code).toBe('ENETUNREACH');
    await world.programs.call('write', { name: 'kept', text: 'still here' });
    await expect.poll(() => world.programs.call('state', { name: 'kept' })).toMatchObject({ received: 'still here' });
    await world.programs.call('reset', { name: 'kept' });
    await world.engine.call('carry6', ['::/0']);
    expect((await connect('fd30::2', 80)).code).toBe('ENETUNREACH');
    await world.engine.call('carry6', ['fd90::/12']);
    expect((await connect(host, ports.echo)).code).toBe('OK');
  });

  test('stop resets them', async () => {
    await world.rules({ verdict: direct });
    await world.programs.call('open', { name: 'd', host, port: ports.watch });
    await expect.poll(() => world.programs.call('state', { name: 'd' })).toMatchObject({ received: 'hello\n' });
    await world.engine.call('stop');
    await expect.poll(() => world.programs.call('state', { name: 'd' })).toMatchObject({ ended: 'ECONNRESET' });
  });
});
