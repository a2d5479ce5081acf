import { createHash, randomBytes } from 'node:crypto';
import type net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { type RelayOptions, relayStreams } from '../../../core/net/relay-streams.ts';
import { SocketStream } from '../../../core/net/socket-stream.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { memoryStreams } from '../../support/memory-flow-engine.ts';
import { errnoOfEnd, Loopback, readAll } from './loopback.ts';

const options = (over: Partial<RelayOptions> = {}): RelayOptions => ({
  onBytes: () => undefined,
  signal: new AbortController().signal,
  clock: systemClock,
  idleMs: 60_000,
  halfCloseMs: 60_000,
  ...over,
});

describe('over real sockets', () => {
  const loopback = new Loopback();
  let application: net.Socket;
  let client: net.Socket;
  let remote: net.Socket;
  let server: net.Socket;

  beforeEach(async () => {
    [application, client] = await loopback.pair();
    [remote, server] = await loopback.pair();
  });
  afterEach(() => loopback.closeAll());

  const relay = (over: Partial<RelayOptions> = {}) =>
    relayStreams(new SocketStream(client), new SocketStream(remote), options(over));

  test('carries bytes both ways unchanged, counts them, and ends by FIN both ways', async () => {
    const up = randomBytes(8_000_000);
    const down = randomBytes(5_000_000);
    const counts: [number, number][] = [];
    const result = relay({ onBytes: (sent, received) => counts.push([sent, received]) });
    application.end(up);
    server.end(down);
    const [heardUp, heardDown] = await Promise.all([readAll(server), readAll(application)]);
    expect(sha256(heardUp)).toBe(sha256(up));
    expect(sha256(heardDown)).toBe(sha256(down));
    expect(await result).toEqual({ up: up.length, down: down.length, reason: 'done' });
    expect(counts.at(-1)).toEqual([up.length, down.length]);
  });

  test.each(['application', 'server'])('FIN of the %s leaves the way back open', async (first) => {
    const result = relay();
    const [ender, other] = first === 'application' ? [application, server] : [server, application];
    ender.end('question');
    expect((await readAll(other)).toString()).toBe('question');
    other.end('answer');
    expect((await readAll(ender)).toString()).toBe('answer');
    expect((await result).reason).toBe('done');
  });

  test('RST of the application reaches the server', async () => {
    const result = relay();
    const seen = errnoOfEnd(server);
    application.resetAndDestroy();
    expect(await seen).toBe('ECONNRESET');
    expect((await result).reason).toBe('reset-by-client');
  });

  test('RST of the server reaches the application', async () => {
    const result = relay();
    const seen = errnoOfEnd(application);
    server.resetAndDestroy();
    expect(await seen).toBe('ECONNRESET');
    expect((await result).reason).toBe('reset-by-remote');
  });

  test('a reader that does not read stops the other side from being read', async () => {
    let received = 0;
    void relay({ onBytes: (_up, down) => (received = down) });
    server.write(Buffer.alloc(200_000_000));
    await eventually(async () => {
      const before = received;
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(before).toBeGreaterThan(0);
      expect(received).toBe(before);
    });
    expect(received).toBeLessThan(50_000_000);
    application.resume();
    await expect.poll(() => received, { timeout: 60_000 }).toBe(200_000_000);
  });

  test('aborting resets both sides', async () => {
    const stop = new AbortController();
    const result = relay({ signal: stop.signal });
    const ends = Promise.all([errnoOfEnd(application), errnoOfEnd(server)]);
    stop.abort();
    expect(await ends).toEqual(['ECONNRESET', 'ECONNRESET']);
    expect((await result).reason).toBe('closed');
  });

  test('a FIN that came before the relay began is carried on', async () => {
    const seen = new Promise((resolve) => client.once('end', resolve));
    application.end();
    client.resume();
    await seen;
    void relay();
    expect((await readAll(server)).length).toBe(0);
  });

  test('a side that was gone before the relay began resets the other', async () => {
    client.destroy();
    const seen = errnoOfEnd(server);
    expect((await relay()).reason).toBe('reset-by-client');
    expect(await seen).toBe('ECONNRESET');
  });
});

describe('timers', () => {
  test('without a byte for its time the relay ends, and every byte begins the time anew', async () => {
    const clock = new ManualClock();
    const [application, client] = memoryStreams();
    const [remote] = memoryStreams();
    const result = relayStreams(client, remote, options({ clock, idleMs: 1000 }));
    await clock.advance(900);
    application.writable.write('x');
    await clock.advance(900);
    expect(application.readable.destroyed).toBe(false);
    await clock.advance(200);
    expect(await result).toEqual({ up: 1, down: 0, reason: 'idle' });
    expect(application.readable.destroyed).toBe(true);
  });

  test('a half-closed connection has its own time, from the moment of the FIN', async () => {
    const clock = new ManualClock();
    const [application, client] = memoryStreams();
    const [remote, server] = memoryStreams();
    server.readable.resume();
    const result = relayStreams(client, remote, options({ clock, idleMs: 100_000, halfCloseMs: 500 }));
    await clock.advance(5000);
    const heard = new Promise((resolve) => server.readable.once('end', resolve));
    application.writable.end();
    await heard;
    await clock.advance(400);
    expect(application.readable.destroyed).toBe(false);
    await clock.advance(200);
    expect((await result).reason).toBe('idle');
  });
});

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
