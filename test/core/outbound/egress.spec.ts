import { type ChildProcess, spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import type { NativeDialFailure } from '../../../core/outbound/dial-error.ts';
import { Egress } from '../../../core/outbound/egress.ts';
import type { SocketOpener, StreamOutcome } from '../../../core/outbound/socket-opener.ts';
import { noSockets } from '../../support/no-sockets.ts';
import { Loopback, readAll } from '../net/loopback.ts';
import { dialOptions, routes } from './doubles.ts';

const https = { network: 'tcp', port: 443 } as const;
const failing = (failure: NativeDialFailure) => () =>
  Promise.resolve({ ok: false, failure, message: failure } as const);
const withTcp = (openStream: SocketOpener['openStream']): Egress =>
  new Egress(noSockets({ openStream, openUdp: () => -1 }), routes, 0x4d49);

test('hops keep their order, each with its interface; addresses without a route are left out', () => {
  const egress = withTcp(failing('io'));
  expect(egress.hopsFor(['198.51.100.1', '192.0.2.1', '2001:db8::1', '127.0.0.1'], https)).toEqual([
    { address: '192.0.2.1', device: 'eth0' },
    { address: '2001:db8::1', device: 'eth1' },
    { address: '127.0.0.1', device: null },
  ]);
});

test('by one interface: routes do not matter, own addresses stay unbound', () => {
  const egress = withTcp(failing('io')).by('wg0');
  expect(egress.hopsFor(['198.51.100.1', '192.0.2.1', '127.0.0.1'], https)).toEqual([
    { address: '198.51.100.1', device: 'wg0' },
    { address: '192.0.2.1', device: 'wg0' },
    { address: '127.0.0.1', device: null },
  ]);
});

test('knows the machine’s own addresses', () => {
  const egress = withTcp(failing('io'));
  expect(['127.0.0.1', '192.0.2.1', '198.51.100.1'].map((each) => egress.isLocal(each))).toEqual([true, false, false]);
});

describe('connecting', () => {
  test('asks for hops, port, mark and time', async () => {
    const calls: unknown[] = [];
    const egress = withTcp((...call: unknown[]) => {
      calls.push(call);
      return failing('refused')();
    });
    await expect(egress.connectTcp(['192.0.2.1'], 80, dialOptions(1234))).rejects.toMatchObject({
      code: 'DIAL_REFUSED',
    });
    const hops = [{ address: '192.0.2.1', device: 'eth0' }];
    expect(calls).toEqual([[{ hops, port: 80, layers: [], timeoutMs: 1234, associate: false }, 0x4d49]]);
  });

  test('an argument that native code refuses is a rejection with a code', async () => {
    const egress = withTcp(() => {
      throw Object.assign(new Error('port'), { code: 'EINVAL' });
    });
    await expect(egress.connectTcp(['192.0.2.1'], 0, dialOptions())).rejects.toMatchObject({ code: 'DIAL_IO' });
  });

  test('without a route nothing is opened', async () => {
    const egress = withTcp(failing('io'));
    await expect(egress.connectTcp(['198.51.100.1'], 80, dialOptions())).rejects.toMatchObject({
      code: 'DIAL_NETWORK_UNREACHABLE',
    });
    expect(() => egress.openUdp('198.51.100.1', 53)).toThrow(/no route/);
  });

  test('given up: it rejects at once, and a descriptor that comes too late is closed', async () => {
    const opening = Promise.withResolvers<StreamOutcome>();
    const egress = withTcp(() => opening.promise);
    const life = new AbortController();
    const dial = egress.connectTcp(['192.0.2.1'], 80, { signal: life.signal, timeoutMs: 1000 });
    life.abort();
    await expect(dial).rejects.toMatchObject({ code: 'DIAL_IO' });
    const fd = fs.openSync('/dev/null', 'r');
    opening.resolve({ ok: true, fd, address: '192.0.2.1', local: '192.0.2.9' });
    await expect.poll(() => fs.existsSync(`/proc/self/fd/${fd}`)).toBe(false);
  });

  test('given up before it began: nothing is opened', async () => {
    let opened = 0;
    const egress = withTcp(() => {
      opened += 1;
      return failing('io')();
    });
    const options = { signal: AbortSignal.abort(), timeoutMs: 1 };
    await expect(egress.connectTcp(['192.0.2.1'], 80, options)).rejects.toMatchObject({ code: 'DIAL_IO' });
    expect(opened).toBe(0);
  });
});

describe('adopted descriptors', () => {
  const loopback = new Loopback();
  const udpSockets: dgram.Socket[] = [];
  let child: ChildProcess | undefined;
  afterEach(async () => {
    child?.kill();
    for (const socket of udpSockets.splice(0)) await socket[Symbol.asyncDispose]();
    await loopback.closeAll();
  });

  const udpSocket = async (): Promise<dgram.Socket> => {
    const socket = dgram.createSocket('udp4');
    udpSockets.push(socket);
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return socket;
  };

  test('TCP keeps half-close, UDP sends and receives on the descriptor it was given', async () => {
    const [mine, accepted] = await loopback.pair();
    const echo = await udpSocket();
    echo.on('message', (message, from) => echo.send(`pong to ${message.toString()}`, from.port, from.address));
    const given = await udpSocket();
    const script = fileURLToPath(new URL('egress-child.ts', import.meta.url));
    const args = [script, String(given.address().port), String(echo.address().port)];
    child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', mine, descriptorOf(given)] });
    // Both processes would read from the same socket.
    given.close();
    const output = readAll(child.stdout as NodeJS.ReadableStream);
    mine.destroy();
    accepted.end('question and FIN');
    expect((await readAll(accepted)).toString()).toBe('answer after the FIN');
    expect((await output).toString()).toBe('tcp 127.0.0.1 question and FIN\nudp its port pong to ping\n');
  });
});

/** Node has no public way to ask; passing a socket to a child needs it. */
function descriptorOf(socket: dgram.Socket): number {
  const state = Object.getOwnPropertySymbols(socket)
    .map((symbol) => (socket as unknown as Record<symbol, unknown>)[symbol])
    .find(
      (value): value is { handle: { fd: number } } => typeof value === 'object' && value !== null && 'handle' in value,
    );
  if (state === undefined) throw new Error('no descriptor');
  return state.handle.fd;
}
