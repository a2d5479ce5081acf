import dgram from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import type { Ip } from '../../../core/base/address.ts';
import type { Endpoint } from '../../../core/contract/flow.ts';
import type { DialPlan } from '../../../core/flow/dial-plan.ts';
import { encodeSocksDatagram, parseSocksDatagram } from '../../../core/net/socks5-udp.ts';
import { EgressUdpWays } from '../../../core/outbound/egress-udp-ways.ts';
import { Loopback } from '../net/loopback.ts';
import { LoopbackEgress } from './doubles.ts';

const loopback = new Loopback();
const sockets: dgram.Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  await loopback.closeAll();
});

/** Its UDP sockets are Node's own, too. */
class UdpLoopbackEgress extends LoopbackEgress {
  /** By which device the kernel sends, and how often it was asked. */
  device: string | null = null;
  asked = 0;

  override hopsFor(addresses: readonly Ip[]) {
    this.asked += 1;
    return addresses.map((address) => ({ address, device: this.device }));
  }

  override openUdp(to: Ip): dgram.Socket {
    const socket = dgram.createSocket(to.includes(':') ? 'udp6' : 'udp4');
    socket.bind();
    return socket;
  }
}
const egress = new UdpLoopbackEgress();
const ways = new EgressUdpWays(egress);
const signal = new AbortController().signal;

async function udp(onMessage: (socket: dgram.Socket, data: Buffer, from: dgram.RemoteInfo) => void): Promise<number> {
  const socket = dgram.createSocket('udp4');
  sockets.push(socket);
  socket.on('message', (data, from) => onMessage(socket, data, from));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket.address().port;
}
const echo = () => udp((socket, data, from) => socket.send(data, from.port, from.address));

/** Everything that came back, and whether the way has ended. */
function heard() {
  const got: { from: Endpoint; text: string }[] = [];
  const state: { got: typeof got; ended: boolean; reasons: string[] } = { got, ended: false, reasons: [] };
  return {
    state,
    handlers: {
      onDatagram: (from: Endpoint, data: Uint8Array) => void got.push({ from, text: String(data) }),
      onEnd: (reason: string) => {
        state.ended = true;
        state.reasons.push(reason);
      },
    },
  };
}

/** A proxy that grants an association with this reply and then says nothing; returns its port and how to end it. */
async function proxy(reply: (relayPort: number) => number[], relayPort: number) {
  let end = (): void => undefined;
  const port = await loopback.listen((socket) => {
    end = () => socket.destroy();
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]));
      socket.once('data', (request) => {
        expect([...request.subarray(0, 2)]).toEqual([5, 3]);
        socket.write(Buffer.from(reply(relayPort)));
      });
    });
  });
  return { port, end: () => end() };
}
const relay = () =>
  udp((socket, bytes, from) => {
    const datagram = parseSocksDatagram(bytes);
    if (datagram === undefined) return;
    const answer = encodeSocksDatagram({ peer: { host: '192.0.2.7', port: datagram.peer.port }, data: datagram.data });
    socket.send(answer, from.port, from.address);
  });
const via = (port: number): DialPlan => ({
  kind: 'dial',
  hops: [{ address: '127.0.0.1', device: null }],
  port,
  layers: [{ protocol: 'socks5', node: 'far', target: { host: 'a.example', port: 53 } }],
  target: { host: 'a.example', port: 53 },
  udp: true,
  timeoutMs: 2000,
});
const direct = (port: number): DialPlan => ({
  kind: 'dial',
  hops: [{ address: '127.0.0.1', device: null }],
  port,
  layers: [],
  target: { host: 'a.example', port },
  udp: true,
  timeoutMs: 2000,
});

test('direct: one port for all targets, and answers from wherever they come', async () => {
  const seen: number[] = [];
  const other = dgram.createSocket('udp4');
  sockets.push(other);
  const [one, two] = [
    await echo(),
    await udp((_socket, data, from) => {
      seen.push(from.port);
      other.send(data, from.port, from.address);
    }),
  ];
  const { state, handlers } = heard();
  expect(ways.keyOf(direct(one))).toBe(ways.keyOf(direct(two)));
  const way = await ways.open(direct(one), handlers, signal);
  way.send(ways.targetOf(direct(one)), Buffer.from('1'));
  way.send(ways.targetOf(direct(two)), Buffer.from('2'));
  await expect.poll(() => state.got.map(({ text }) => text).toSorted()).toEqual(['1', '2']);
  expect(state.got.find(({ text }) => text === '2')?.from).toEqual({ host: '127.0.0.1', port: other.address().port });
  expect(state.got.find(({ text }) => text === '1')?.from).toEqual({ host: '127.0.0.1', port: one });
  way.close();
  way.close();
  way.send({ host: '127.0.0.1', port: one }, Buffer.from('late'));
});

test.each([
  ['its address', (port: number) => [5, 0, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]],
  ['no address', (port: number) => [5, 0, 0, 1, 0, 0, 0, 0, port >> 8, port & 255]],
  ['an address of its own link', (port: number) => [5, 0, 0, 1, 169, 254, 7, 7, port >> 8, port & 255]],
  ['IPv6 without an address', (port: number) => [5, 0, 0, 4, ...Array<number>(16).fill(0), port >> 8, port & 255]],
  ['a name', (port: number) => [5, 0, 0, 3, 2, 97, 98, port >> 8, port & 255]],
])('through a proxy that says %s', async (_what, reply) => {
  const { port } = await proxy(reply, await relay());
  const { state, handlers } = heard();
  const way = await ways.open(via(port), handlers, signal);
  way.send(ways.targetOf(via(port)), Buffer.from('hi'));
  await expect.poll(() => state.got).toEqual([{ from: { host: '192.0.2.7', port: 53 }, text: 'hi' }]);
  way.close();
});

test('the way ends with the proxy’s connection', async () => {
  const { port, end } = await proxy(
    (relayPort) => [5, 0, 0, 1, 0, 0, 0, 0, relayPort >> 8, relayPort & 255],
    await relay(),
  );
  const { state, handlers } = heard();
  await ways.open(via(port), handlers, signal);
  end();
  await expect.poll(() => state.ended).toBe(true);
});

test.each([
  ['refuses', [5, 7, 0, 1, 0, 0, 0, 0, 0, 0]],
  ['says an address of no known type', [5, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
])('a proxy that %s is a failure', async (_what, reply) => {
  const { port } = await proxy(() => reply, 0);
  await expect(ways.open(via(port), heard().handlers, signal)).rejects.toMatchObject({ code: 'DIAL_PROXY_FAILED' });
});

test('nobody else is believed to be the relay', async () => {
  const strangers: number[] = [];
  const relayPort = await udp((_socket, _bytes, from) => {
    strangers.push(from.port);
    const stranger = dgram.createSocket('udp4');
    sockets.push(stranger);
    stranger.send(
      encodeSocksDatagram({ peer: { host: '192.0.2.7', port: 53 }, data: Buffer.from('forged') }),
      from.port,
      '127.0.0.1',
    );
  });
  const { port } = await proxy((at) => [5, 0, 0, 1, 127, 0, 0, 1, at >> 8, at & 255], relayPort);
  const { state, handlers } = heard();
  const way = await ways.open(via(port), handlers, signal);
  way.send({ host: 'a.example', port: 53 }, Buffer.from('hi'));
  await expect.poll(() => strangers.length).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(state.got).toEqual([]);
  way.close();
});

test('after a change of the network the ways that lead elsewhere end, and nobody is asked about those that are closed', async () => {
  egress.device = 'eth0';
  const granted = (relayPort: number) => [5, 0, 0, 1, 0, 0, 0, 0, relayPort >> 8, relayPort & 255];
  const { port } = await proxy(granted, await relay());
  const kept = heard();
  const closed = heard();
  const moved = [heard(), heard()] as const;
  const dial = direct(await echo());
  (await ways.open(dial, closed.handlers, signal)).close();
  await ways.open(dial, moved[0].handlers, signal);
  await ways.open(via(port), moved[1].handlers, signal);
  ways.review();
  expect(moved.map(({ state }) => state.reasons)).toEqual([[], []]);
  egress.device = 'wlan0';
  const way = await ways.open(dial, kept.handlers, signal);
  egress.asked = 0;
  ways.review();
  expect(egress.asked).toBe(3);
  expect(moved.map(({ state }) => state.reasons[0])).toEqual(['dropped', 'dropped']);
  expect([kept.state.ended, closed.state.ended]).toEqual([false, false]);
  way.send(ways.targetOf(dial), Buffer.from('still there'));
  await expect.poll(() => kept.state.got.map(({ text }) => text)).toEqual(['still there']);
  way.close();
  egress.asked = 0;
  ways.review();
  expect(egress.asked).toBe(0);
});
