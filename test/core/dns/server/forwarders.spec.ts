import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Asker } from '../../../../core/dns/server/dns-log.ts';
import { Forwarders, type ForwardersOptions } from '../../../../core/dns/server/forwarders.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';

const question = Uint8Array.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, 0, 0, 1, 0, 1]);
const stopped = new AbortController();
let clock: ManualClock;
let server: dgram.Socket;
let cleanUp: (() => void)[];

const askerOf = (network: Asker['network'], port: number, host = '127.0.0.1'): Asker => ({
  network,
  source: { host: '198.18.0.1', port: 40_000 },
  destination: { host, port },
});
const create = (options: Partial<ForwardersOptions> = {}): Forwarders =>
  new Forwarders({
    expected: () => true,
    isForwarder: async () => true,
    isOurs: (address) => address === '198.18.0.2',
    isAsked: (name) => name === 'asked.example',
    opener: {
      openUdp: () => dgram.createSocket('udp4'),
      connectTcp: async ([host], port) => {
        const socket = net.connect(port, host);
        await once(socket, 'connect');
        return socket;
      },
    },
    clock,
    ...options,
  });

beforeEach(async () => {
  clock = new ManualClock();
  server = dgram.createSocket('udp4');
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp = [() => server.close()];
});
afterEach(() => {
  for (const each of cleanUp) each();
});

test('who asks decides, and whom it asks', async () => {
  expect(await create().standing(askerOf('udp', 53, '10.20.0.1'))).toBe('relayed');
  expect(await create().standing(askerOf('udp', 53, '198.18.0.2'))).toBe('loop');
  const other = create({ isForwarder: async () => false });
  expect(await other.standing(askerOf('udp', 53, '198.18.0.2'))).toBeUndefined();
});

test.each<[string, string | undefined, boolean]>([
  ['10.20.0.1', 'www.example', true],
  ['10.20.0.1', undefined, true],
  ['198.18.0.2', 'asked.example', true],
  ['198.18.0.2', 'www.example', false],
  ['198.18.0.2', undefined, false],
])('a question to %s about %s is checked: %s', (destination, name, expected) => {
  expect(create().mayBeTheirs(destination, name)).toBe(expected);
});

describe('by UDP', () => {
  test('the answer comes back as it is; those to other questions are passed over', async () => {
    server.on('message', (message, from) => {
      server.send(Buffer.from([0, 0, ...message.subarray(2)]), from.port, from.address);
      server.send(Buffer.from([...message, 0xff]), from.port, from.address);
    });
    const answer = await create().relay(question, askerOf('udp', server.address().port), stopped.signal);
    expect([...answer]).toEqual([...question, 0xff]);
  });

  test('a server that is silent is given up, and so are all at the stop', async () => {
    const life = new AbortController();
    const codeOf = async (): Promise<string> => {
      const asker = askerOf('udp', server.address().port);
      return await create()
        .relay(question, asker, life.signal)
        .then(
          () => '',
          (error: { code: string }) => error.code,
        );
    };
    const late = codeOf();
    await clock.advance(5_000);
    expect(await late).toBe('DNS_TIMEOUT');
    const ended = codeOf();
    life.abort(new Error('over'));
    expect(await ended).toBe('DNS_IO');
  });

  test('no more than 256 are under way', async () => {
    const forwarders = create();
    const asker = askerOf('udp', server.address().port);
    const all = Array.from({ length: 256 }, () =>
      forwarders.relay(question, asker, stopped.signal).catch(() => 'late'),
    );
    await expect(forwarders.relay(question, asker, stopped.signal)).rejects.toThrow('too many');
    await clock.advance(5_000);
    await settle();
    expect(new Set(await Promise.all(all))).toEqual(new Set(['late']));
  });
});

describe('by TCP', () => {
  const listen = async (onQuestion: (socket: net.Socket) => void): Promise<number> => {
    const tcp = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => onQuestion(socket));
    });
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    cleanUp.push(() => tcp.close());
    return (tcp.address() as net.AddressInfo).port;
  };

  test('an answer in pieces', async () => {
    const port = await listen((socket) => {
      socket.write(Buffer.from([0]));
      setTimeout(() => socket.write(Buffer.from([4, 1, 2])), 20);
      setTimeout(() => socket.write(Buffer.from([3, 4, 9, 9])), 40);
    });
    expect([...(await create().relay(question, askerOf('tcp', port), stopped.signal))]).toEqual([1, 2, 3, 4]);
  });

  test('one that ends before it', async () => {
    const port = await listen((socket) => socket.end(Buffer.from([0, 9, 1])));
    await expect(create().relay(question, askerOf('tcp', port), stopped.signal)).rejects.toMatchObject({
      code: 'DNS_IO',
    });
  });
});
