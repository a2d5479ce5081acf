import dgram from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { type Clock, systemClock } from '../../../core/base/clock.ts';
import type { Endpoint } from '../../../core/contract/flow.ts';
import type { DialPlan } from '../../../core/flow/dial-plan.ts';
import type { UdpWayHandlers, UdpWays } from '../../../core/flow/udp-way.ts';
import type { DialOutcome } from '../../../core/inbound/flow-engine.ts';
import type { HeldFlow, InboundFlow } from '../../../core/inbound/inbound.ts';
import { AssociationShares, maxFlows, maxFlowsInAll, UdpAssociation } from '../../../core/inbound/udp-association.ts';
import { encodeSocksDatagram, parseSocksDatagram } from '../../../core/net/socks5-udp.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Told {
  readonly flow: HeldFlow;
  dialed?: DialOutcome;
  ended?: { up: number; down: number; reason: string };
}

/** Ways that keep what is sent, and answer when the test does. */
class MemoryWays implements UdpWays {
  readonly sent: { key: string; to: Endpoint; text: string }[] = [];
  readonly open_: { key: string; handlers: UdpWayHandlers; closed: boolean }[] = [];
  failure: AppError | undefined;

  keyOf({ layers: [layer] }: DialPlan): string {
    return layer?.protocol ?? 'direct';
  }

  targetOf({ hops, port, layers, target }: DialPlan): Endpoint {
    return layers.length > 0 ? target : { host: hops[0]?.address ?? '', port };
  }

  async open(dial: DialPlan, handlers: UdpWayHandlers) {
    if (this.failure !== undefined) throw this.failure;
    const key = this.keyOf(dial);
    const entry = { key, handlers, closed: false };
    this.open_.push(entry);
    return {
      send: (to: Endpoint, data: Uint8Array) => void this.sent.push({ key, to, text: String(data) }),
      close: () => {
        entry.closed = true;
      },
    };
  }
}

const direct = (address: string, port: number): DialPlan => ({
  kind: 'dial',
  hops: [{ address, device: null }],
  port,
  layers: [],
  target: { host: address, port },
  udp: true,
  timeoutMs: 1000,
});

interface AssociationOptions {
  readonly shares?: AssociationShares;
  readonly name?: string;
  readonly clock?: Clock;
}

async function association(answer: (flow: HeldFlow) => void = () => undefined, options: AssociationOptions = {}) {
  const { name = 'user 1000', clock = systemClock } = options;
  const { shares = new AssociationShares(clock) } = options;
  const ways = new MemoryWays();
  const told: Told[] = [];
  const dispatch = (flow: InboundFlow) => {
    if (flow.kind !== 'held') throw new Error('no held flow');
    const entry: Told = { flow };
    told.push(entry);
    queueMicrotask(() => answer(flow));
    return {
      dialed: (outcome: DialOutcome) => {
        entry.dialed = outcome;
      },
      ended: (end: { up: number; down: number; reason: string }) => {
        entry.ended = end;
      },
    };
  };
  const door = { type: 'SOCKS5', port: 7890, user: 'me' } as const;
  const ours = new UdpAssociation(
    { endpoint: { host: '127.0.0.1', port: 0 }, name, door },
    '127.0.0.1',
    { dispatcher: { dispatch }, ways, clock },
    shares,
  );
  const { port } = await ours.start('127.0.0.1');
  closing.push(() => ours.stop());
  return { ours, ways, told, port };
}

async function client(port: number) {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closing.push(() => socket.close());
  const got: { peer: Endpoint | undefined; text: string }[] = [];
  socket.on('message', (bytes) => {
    const datagram = parseSocksDatagram(bytes);
    got.push({ peer: datagram?.peer, text: String(datagram?.data) });
  });
  const send = (host: string, to: number, text: string) =>
    socket.send(encodeSocksDatagram({ peer: { host, port: to }, data: Buffer.from(text) }), port, '127.0.0.1');
  return { socket, got, send };
}
const settled = () => new Promise((resolve) => setTimeout(resolve, 100));

test('a flow for each target, by the way its plan says; what waits is sent in order', async () => {
  const { told, ways, port } = await association();
  const { send } = await client(port);
  send('a.example', 53, '1');
  send('a.example', 53, '2');
  send('192.0.2.9', 53, '3');
  await expect.poll(() => told.length).toBe(2);
  await settled();
  expect(told[0]?.flow.metadata).toMatchObject({
    network: 'udp',
    inbound: 'mixed',
    destination: { host: 'a.example', port: 53 },
    domainSource: 'inbound',
  });
  expect(told[1]?.flow.metadata.domainSource).toBeUndefined();
  told[0]?.flow.decide({ kind: 'dial', dial: direct('192.0.2.1', 53) });
  await expect.poll(() => ways.sent.map(({ text }) => text)).toEqual(['1', '2']);
  expect(told[0]?.dialed).toMatchObject({ ok: true, address: '192.0.2.1' });
  expect(told[0]?.flow.carrier.bytes()).toEqual({ up: 2, down: 0 });
});

test('answers: from what was asked, by the address that the client knows; from others with their own', async () => {
  const { told, ways, port } = await association((flow) =>
    flow.decide({ kind: 'dial', dial: direct('192.0.2.1', 53) }),
  );
  const { send, got } = await client(port);
  send('198.18.0.7', 53, 'to a fake address');
  await expect.poll(() => ways.sent.length).toBe(1);
  const handlers = ways.open_[0]?.handlers;
  handlers?.onDatagram({ host: '192.0.2.1', port: 53 }, Buffer.from('answer'));
  handlers?.onDatagram({ host: '192.0.2.1', port: 40_000 }, Buffer.from('from another port'));
  await expect
    .poll(() => got)
    .toEqual([
      { peer: { host: '198.18.0.7', port: 53 }, text: 'answer' },
      { peer: { host: '192.0.2.1', port: 40_000 }, text: 'from another port' },
    ]);
  expect(told[0]?.flow.carrier.bytes()).toEqual({ up: 17, down: 6 });
});

test('a proxy’s answer to a name comes from the address the proxy tells', async () => {
  const target = { host: 'a.example', port: 53 };
  const dial: DialPlan = {
    ...direct('203.0.113.1', 1080),
    layers: [{ protocol: 'socks5', node: 'far', target }],
    target,
  };
  const { told, ways, port } = await association((flow) => flow.decide({ kind: 'dial', dial }));
  const { send, got } = await client(port);
  send('a.example', 53, 'hi');
  await expect.poll(() => ways.sent).toEqual([{ key: 'socks5', to: { host: 'a.example', port: 53 }, text: 'hi' }]);
  ways.open_[0]?.handlers.onDatagram({ host: '192.0.2.7', port: 53 }, Buffer.from('ho'));
  await expect.poll(() => got).toEqual([{ peer: { host: '192.0.2.7', port: 53 }, text: 'ho' }]);
  expect(told[0]?.flow.carrier.bytes().down).toBe(2);
});

test('refused flows drop what comes, without a flow for each datagram', async () => {
  const { told, ways, port } = await association((flow) => flow.decide({ kind: 'reject', how: 'reset' }));
  const { send } = await client(port);
  for (let i = 0; i < 5; i++) send('a.example', 53, String(i));
  await expect.poll(() => told.length).toBe(1);
  await settled();
  expect(told).toHaveLength(1);
  expect(told[0]?.ended).toEqual({ up: 0, down: 0, reason: 'rejected' });
  expect(ways.sent).toEqual([]);
});

test('a dial that fails is told, and may be decided again', async () => {
  const { told, ways, port } = await association();
  const { send } = await client(port);
  ways.failure = new AppError('DIAL_PROXY_FAILED', 'no relay');
  send('a.example', 53, 'hi');
  await expect.poll(() => told.length).toBe(1);
  told[0]?.flow.decide({ kind: 'dial', dial: direct('192.0.2.1', 53) });
  await expect.poll(() => told[0]?.dialed).toMatchObject({ ok: false, code: 'DIAL_PROXY_FAILED' });
  ways.failure = undefined;
  told[0]?.flow.decide({ kind: 'dial', dial: direct('192.0.2.2', 53) });
  await expect.poll(() => ways.sent.map(({ to }) => to.host)).toEqual(['192.0.2.2']);
});

test('fragments and what is none are dropped; another program’s datagrams are not taken', async () => {
  const { told, port } = await association();
  const { socket, send } = await client(port);
  socket.send(Buffer.from([0, 0, 1, 1, 192, 0, 2, 1, 0, 53, 1]), port, '127.0.0.1');
  socket.send(Buffer.from('nonsense'), port, '127.0.0.1');
  send('192.0.2.1', 53, 'mine');
  await expect.poll(() => told.length).toBe(1);
  (await client(port)).send('192.0.2.2', 53, 'a stranger');
  await settled();
  expect(told.map(({ flow }) => flow.metadata.destination.host)).toEqual(['192.0.2.1']);
});

test('first bytes can be looked at before the verdict', async () => {
  const { told, port } = await association();
  const { send } = await client(port);
  send('192.0.2.1', 443, 'one');
  await expect.poll(() => told.length).toBe(1);
  const two = told[0]?.flow.peek(2, 5_000);
  send('192.0.2.1', 443, 'two');
  expect(await two).toMatchObject({ reason: 'bytes', chunks: [Buffer.from('one'), Buffer.from('two')] });
  expect(await told[0]?.flow.peek(9, 20)).toMatchObject({ reason: 'timeout' });
});

test('bounds: flows of one client, datagrams that wait', async () => {
  const { told, ways, port } = await association();
  const { send } = await client(port);
  for (let i = 0; i < 100; i++) send('192.0.2.1', 1000, String(i));
  send('192.0.2.2', 1000, 'behind them');
  await expect.poll(() => told.length).toBe(2);
  told[0]?.flow.decide({ kind: 'dial', dial: direct('192.0.2.1', 1000) });
  await expect.poll(() => ways.sent.length).toBe(16);
  for (let i = 0; i < maxFlows + 50; i++) {
    send('192.0.2.1', 2000 + i, 'x');
    if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await expect.poll(() => told.length).toBe(maxFlows);
  await settled();
  expect(told).toHaveLength(maxFlows);
});

test('a way that ends takes its flows along; the next datagram opens anew', async () => {
  const { told, ways, port } = await association((flow) =>
    flow.decide({ kind: 'dial', dial: direct('192.0.2.1', 53) }),
  );
  const { send } = await client(port);
  send('192.0.2.1', 53, '1');
  await expect.poll(() => ways.sent.length).toBe(1);
  ways.open_[0]?.handlers.onEnd('reset-by-remote');
  await expect.poll(() => told[0]?.ended?.reason).toBe('reset-by-remote');
  send('192.0.2.1', 53, '2');
  await expect.poll(() => ways.sent.map(({ text }) => text)).toEqual(['1', '2']);
  expect(ways.open_).toHaveLength(2);
});

test('a way that the kernel would no longer take is left, and the next datagram opens another', async () => {
  const { told, ways, port } = await association((flow) =>
    flow.decide({ kind: 'dial', dial: direct('192.0.2.1', 53) }),
  );
  const { send } = await client(port);
  send('192.0.2.1', 53, '1');
  await expect.poll(() => ways.sent.length).toBe(1);
  const [first] = ways.open_;
  first?.handlers.onEnd('dropped');
  await expect.poll(() => first?.closed).toBe(true);
  expect(told[0]?.ended?.reason).toBe('dropped');
  send('192.0.2.1', 53, '2');
  await expect.poll(() => ways.open_.length).toBe(2);
});

test('stopping ends flows and ways, also one that is being opened', async () => {
  const { ours, told, ways, port } = await association((flow) =>
    flow.decide({ kind: 'dial', dial: direct('192.0.2.1', 53) }),
  );
  const { send } = await client(port);
  send('192.0.2.1', 53, '1');
  await expect.poll(() => ways.sent.length).toBe(1);
  ours.stop();
  ours.stop();
  expect(told[0]?.ended?.reason).toBe('done');
  await expect.poll(() => ways.open_[0]?.closed).toBe(true);
});

test('new targets of a client have a pace, in all its associations; what is open goes on', async () => {
  const clock = new ManualClock();
  const shares = new AssociationShares(clock, { perSecond: 10, burst: 3 });
  const [one, another, honest] = await Promise.all(
    ['user 1001', 'user 1001', 'user 1000'].map((name) => association(undefined, { shares, clock, name })),
  );
  if (one === undefined || another === undefined || honest === undefined) throw new Error('no association');
  const { send } = await client(one.port);
  for (const host of [1, 2, 1, 2]) send(`192.0.2.${host}`, 9, 'x');
  await expect.poll(() => one.told.length).toBe(2);
  const second = await client(another.port);
  for (const host of [3, 4, 5]) second.send(`192.0.2.${host}`, 9, 'x');
  await expect.poll(() => another.told.length).toBe(1);
  (await client(honest.port)).send('192.0.2.1', 9, 'x');
  await expect.poll(() => honest.told.length).toBe(1);
  expect([one.told.length, another.told.length]).toEqual([2, 1]);
  clock.run(100);
  send('192.0.2.7', 9, 'x');
  await expect.poll(() => one.told.length).toBe(3);
});

test('one client, with however many associations, leaves others their share; what ends is given back', async () => {
  const shares = new AssociationShares(systemClock, { perSecond: 1e6, burst: 1e6 });
  const reject = (flow: HeldFlow) => flow.decide({ kind: 'reject', how: 'drop' });
  const greedy = await Promise.all(
    Array.from({ length: 10 }, () => association(reject, { shares, name: 'user 1001' })),
  );
  for (const { port } of greedy) {
    const { send } = await client(port);
    for (let i = 0; i < maxFlows; i++) {
      send('192.0.2.1', 2000 + i, 'x');
      if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  // Datagrams may be lost on the way; but for the share there would be far more of them.
  await expect.poll(() => shares.flows.heldBy('user 1001')).toBeGreaterThan(maxFlowsInAll / 4);
  await settled();
  expect(shares.flows.heldBy('user 1001')).toBeLessThanOrEqual(maxFlowsInAll / 2);
  const honest = await association(reject, { shares });
  (await client(honest.port)).send('192.0.2.1', 53, 'mine');
  await expect.poll(() => honest.told.length).toBe(1);
  for (const { ours } of [...greedy, honest]) ours.stop();
  expect(shares.flows.used).toBe(0);
});

test('ways are shared likewise: whoever has too many gets no other, until one is closed', async () => {
  const shares = new AssociationShares(systemClock);
  while (shares.ways.take('user 1001'));
  const dial = { kind: 'dial', dial: direct('192.0.2.1', 53) } as const;
  const greedy = await association((flow) => flow.decide(dial), { shares, name: 'user 1001' });
  (await client(greedy.port)).send('192.0.2.1', 53, '1');
  await expect.poll(() => greedy.told[0]?.dialed).toMatchObject({ ok: false, code: 'DIAL_IO' });
  const honest = await association((flow) => flow.decide(dial), { shares });
  (await client(honest.port)).send('192.0.2.1', 53, '1');
  await expect.poll(() => honest.told[0]?.dialed).toMatchObject({ ok: true });
  expect([greedy.ways.open_.length, shares.ways.heldBy('user 1000')]).toEqual([0, 1]);
  honest.ways.open_[0]?.handlers.onEnd('reset-by-remote');
  honest.ways.open_[0]?.handlers.onEnd('reset-by-remote');
  await expect.poll(() => shares.ways.heldBy('user 1000')).toBe(0);
});

test('a way is closed when its last flow has gone idle, not before', async () => {
  const clock = new ManualClock();
  const shares = new AssociationShares(systemClock);
  const { told, ways, port } = await association(
    (flow) => flow.decide({ kind: 'dial', dial: direct('192.0.2.1', 53) }),
    { clock, shares },
  );
  const { send } = await client(port);
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      await clock.advance(1_000);
    }
  };
  send('192.0.2.1', 53, '1');
  await expect.poll(() => ways.sent.length).toBe(1);
  await pass(30);
  send('192.0.2.1', 54, '2');
  await expect.poll(() => ways.sent.length).toBe(2);
  await pass(58);
  expect([told[0]?.ended?.reason, told[1]?.ended, ways.open_[0]?.closed]).toEqual(['idle', undefined, false]);
  await pass(5);
  expect([told[1]?.ended?.reason, ways.open_[0]?.closed, shares.ways.used]).toEqual(['idle', true, 0]);
  send('192.0.2.1', 53, '3');
  await expect.poll(() => ways.open_.length).toBe(2);
});
