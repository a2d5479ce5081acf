/** TCP flows dialled directly: bytes, half-closes and resets, and what connect() sees of the far side. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInLab } from '../support/tier.ts';
import type { Rule } from './support/engine-agent.ts';
import { type DialVerdict, direct, NativeWorld } from './support/native-world.ts';
import { patternHash } from './support/pattern.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';
const size = 100 * 1024 * 1024;

describeInLab('TCP, direct', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test('a connection is announced, dialled, relayed and closed once, with its bytes', async () => {
    await world.rules({ verdict: direct });
    const text = await world.programs.call('exchange', { host, port: ports.echo, text: 'hello engine' });
    expect(text).toBe('hello engine');
    const events = await world.events('close');
    expect(events.map((event) => event.kind)).toEqual(['open', 'dialed', 'close']);
    expect(events[0]).toMatchObject({
      network: 'tcp',
      source: { address: '172.30.0.1' },
      destination: { address: host, port: ports.echo },
    });
    expect(events[1]).toMatchObject({ ok: true, address: host });
    expect(events[1]).not.toHaveProperty('attempts');
    expect(events[2]).toMatchObject({ up: 12, down: 12, firstByteMs: expect.any(Number), reason: 'done' });
  });

  test('100 MiB arrive unharmed in each direction', async () => {
    await world.rules({ verdict: direct });
    const hash = patternHash(size);
    const down = await world.programs.call('download', { host, port: ports.source, bytes: size });
    expect(down).toEqual({ hash, count: size });
    const up = await world.programs.call('upload', { host, port: ports.sink, bytes: size });
    expect(up).toBe(hash);
    const closes = (await world.events('close', 2)).filter((event) => event.kind === 'close');
    expect(closes[0]).toMatchObject({ down: size, reason: 'done' });
    expect(closes[1]).toMatchObject({ up: size, reason: 'done' });
  });

  test('a server that sends FIN first still gets everything the program sends', async () => {
    await world.rules({ verdict: direct });
    await world.servers.call('seen');
    const first = await world.programs.call('sendAfterEnd', { host, port: ports.halfClose, text: 'and this is mine' });
    expect(first).toBe('that is all from me\n');
    expect(await world.reasons()).toEqual(['done']);
    expect(await world.servers.call('seen')).toMatchObject([{ bytes: 16, ended: 'end' }]);
  });

  test('a reset of the server is a reset for the program', async () => {
    await world.rules({ verdict: direct });
    await world.programs.call('open', { name: 'a', host, port: ports.reset });
    await world.programs.call('write', { name: 'a', text: 'x' });
    expect(await world.reasons()).toEqual(['reset-by-remote']);
    expect(await world.programs.call('state', { name: 'a' })).toMatchObject({ ended: 'ECONNRESET' });
  });

  test('a reset of the program is a reset for the server', async () => {
    await world.rules({ verdict: direct });
    await world.servers.call('seen');
    await world.programs.call('open', { name: 'b', host, port: ports.watch });
    await expect.poll(() => world.programs.call('state', { name: 'b' })).toMatchObject({ received: 'hello\n' });
    await world.programs.call('reset', { name: 'b' });
    expect(await world.reasons()).toEqual(['reset-by-client']);
    await expect.poll(() => world.servers.call('seen')).toMatchObject([{ ended: 'ECONNRESET' }]);
  });

  test('refused, unreachable and silent far sides are seen as they are', async () => {
    const rule = { verdict: { ...direct, timeoutMs: 500 } };
    const connect = (host: string, port: number) =>
      world.programs.call<{ code: string; ms: number }>('connect', { host, port });
    await world.rules(rule);
    await world.withoutRepeatedSyn(() => connect(host, ports.nobody));
    await world.rules(rule);
    expect((await connect(host, ports.nobody)).code).toBe('ECONNREFUSED');
    expect((await connect('10.98.0.1', 80)).code).toBe('EHOSTUNREACH');
    const silent = await connect('10.97.0.1', 80);
    expect(silent.code).toBe('EHOSTUNREACH');
    expect(silent.ms).toBeGreaterThan(450);
    const failures = (await world.events('close', 3)).flatMap((event) =>
      event.kind === 'dialed' && !event.ok ? [event.failure] : [],
    );
    expect(failures).toEqual(['refused', 'host-unreachable', 'timeout']);
  });

  test('a failed dial leaves the flow held for the next verdict', async () => {
    const dead: DialVerdict = {
      kind: 'dial',
      layers: [],
      hops: [{ address: host, device: 'eth0' }],
      port: 9998,
      timeoutMs: 500,
    };
    await world.rules({ verdict: dead, otherwise: { ...dead, port: ports.echo } });
    expect(await world.programs.call('exchange', { host, port: 4444, text: 'second try' })).toBe('second try');
    const dialed = (await world.events('close')).flatMap((event) => (event.kind === 'dialed' ? [event.ok] : []));
    expect(dialed).toEqual([false, true]);
  });

  test('of several addresses the one that answers is taken', async () => {
    const hops = ['10.97.0.1', host].map((address) => ({ address, device: 'eth0' }));
    await world.rules({ verdict: { kind: 'dial', layers: [], hops, port: ports.echo, timeoutMs: 3_000 } });
    expect(await world.programs.call('exchange', { host: '10.99.0.9', port: 80, text: 'who' })).toBe('who');
    const dialed = (await world.events('close')).find((event) => event.kind === 'dialed');
    expect(dialed).toMatchObject({ ok: true, address: host });
    const { ms, attempts } = dialed?.kind === 'dialed' ? dialed : { ms: 0, attempts: [] };
    expect(ms).toBeGreaterThanOrEqual(250);
    expect(attempts).toMatchObject([
      { address: '10.97.0.1', begun: 0, end: 'unanswered' },
      { address: host, end: 'connected' },
    ]);
    const { begun, took } = attempts?.[1] ?? { begun: 0, took: ms };
    expect(begun).toBeGreaterThanOrEqual(250);
    // Its own time, without what went before it; each is rounded.
    expect(begun + took).toBeLessThanOrEqual(ms + 1);
  });

  test('rejected: reset is refused at once, unreachable is no route to host, drop is silence with one event', async () => {
    const rules: Rule[] = (['reset', 'unreachable', 'drop', 'no-route'] as const).map((how, i) => ({
      port: i + 1,
      verdict: { kind: 'reject', how },
    }));
    const connect = (port: number) =>
      world.programs.call<{ code: string; ms: number }>('connect', { host, port, timeoutMs: 3_500 });
    await world.rules(...rules);
    for (const port of [1, 2]) await world.withoutRepeatedSyn(() => connect(port));
    await world.rules(...rules);
    expect((await connect(1)).code).toBe('ECONNREFUSED');
    expect((await connect(2)).code).toBe('EHOSTUNREACH');
    expect((await connect(3)).code).toBe('NO_ANSWER');
    expect((await connect(4)).code).toBe('ENETUNREACH');
    const events = await world.events('close', 4);
    expect(events.filter((event) => event.kind === 'open')).toHaveLength(4);
    expect(events.flatMap((event) => (event.kind === 'close' ? [event.reason] : []))).toEqual([
      'rejected',
      'rejected',
      'rejected',
      'rejected',
    ]);
  });

  test('a held flow waits through repeated SYNs and is one flow', async () => {
    await world.rules();
    const waiting = world.programs.call('exchange', { host, port: ports.echo, text: 'patience' });
    const [open] = await world.events('open');
    if (open?.kind !== 'open') throw new Error('no open');
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await world.engine.call('events')).toEqual([]);
    expect(await world.engine.call('metrics')).toMatchObject({ held: 1, tcpFlows: 1 });
    const hops = [{ address: host, device: 'eth0' }];
    await world.engine.call('decide', {
      id: open.id,
      verdict: { kind: 'dial', layers: [], hops, port: ports.echo, timeoutMs: 1_000 },
    });
    expect(await waiting).toBe('patience');
    expect(await world.reasons()).toEqual(['done']);
    expect(await world.engine.call('metrics')).toMatchObject({ held: 0, tcpFlows: 0 });
  });

  test('a connect given up while it is dialled ends the flow as abandoned', async () => {
    await world.rules({ verdict: { ...direct, timeoutMs: 60_000 } });
    await world.programs.call('abandon', { host: '10.97.0.1', port: 80, afterMs: 100 });
    expect(await world.reasons()).toEqual(['abandoned']);
    const sockets = await world.client.sh('ss -tnH state syn-sent');
    expect(sockets).toBe('');
  });

  test('close: graceful delivers and ends both ways, reset breaks both', async () => {
    await world.rules({ verdict: direct });
    for (const [how, name, programEnd, serverEnd] of [
      ['graceful', 'c', 'end', 'end'],
      ['reset', 'd', 'ECONNRESET', 'ECONNRESET'],
    ] as const) {
      await world.servers.call('seen');
      await world.programs.call('open', { name, host, port: ports.watch });
      await expect.poll(() => world.programs.call('state', { name })).toMatchObject({ received: 'hello\n' });
      const [open] = await world.events('dialed');
      if (open?.kind !== 'open') throw new Error('no open');
      expect(await world.engine.call('counters', { slot: open.slot })).toEqual([0, 6]);
      await world.engine.call('close', { id: open.id, how });
      await expect.poll(() => world.programs.call('state', { name })).toMatchObject({ ended: programEnd });
      await world.programs.call('finish', { name });
      expect(await world.reasons()).toEqual(['closed']);
      await expect.poll(() => world.servers.call('seen')).toMatchObject([{ ended: serverEnd }]);
    }
  });

  test('beyond maxHeld the oldest flow gives way', async () => {
    await using small = await NativeWorld.create({ maxHeld: 3 });
    await small.rules();
    const connecting: Promise<{ code: string }>[] = [];
    for (let port = 1; port <= 5; port++) {
      connecting.push(small.programs.call('connect', { host, port, timeoutMs: 800 }));
      await small.events('open');
    }
    expect(await small.engine.call('metrics')).toMatchObject({ held: 3 });
    const outcomes = await Promise.all(connecting);
    expect(new Set(outcomes.map((outcome) => outcome.code))).toEqual(new Set(['NO_ANSWER']));
  });
});
