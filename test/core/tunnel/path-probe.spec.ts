import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../core/base/clock.ts';
import type { Endpoint } from '../../../core/contract/flow.ts';
import { responseTo } from '../../../core/net/dns-message.ts';
import { SocketProbe, type SocketProbeOptions } from '../../../core/tunnel/path-probe.ts';
import { type Behaviour, FakeUpstream, LoopbackOpener } from '../dns/upstream/fake-upstream.ts';

let server: FakeUpstream;
let opener: LoopbackOpener;
let at: Endpoint;
const networks = ['udp', 'tcp'] as const;
const nowhere = () => null;
const probeOf = (
  natTarget: SocketProbeOptions['natTarget'] = nowhere,
  clock: Clock = systemClock,
  hasOutputNat = async () => true,
) => new SocketProbe({ asProgram: opener, asOurselves: opener, natTarget, hasOutputNat, clock });
/** Whoever waits gives up soon. */
const hasty: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic(),
  after: (ms, run) => systemClock.after(ms / 20, run),
  every: (ms, run) => systemClock.every(ms / 20, run),
};
/** As our DNS server answers what the probe asks. */
const ours =
  (probe: SocketProbe): Behaviour =>
  ({ query }) => [responseTo(query, probe.isOurs(query.questions[0]?.name ?? '') ? 'NOERROR' : 'NXDOMAIN')];

beforeEach(async () => {
  opener = new LoopbackOpener();
  server = await FakeUpstream.start(() => []);
  at = { host: '127.0.0.1', port: server.port };
});
afterEach(async () => {
  await server.stop();
  await expect.poll(() => opener.open).toBe(0);
});

test.each(networks)('%s: our DNS server knows the name, and forgets it', async (network) => {
  const probe = probeOf();
  server.behaviour = ours(probe);
  expect(await probe.greet(at, network)).toBe('here');
  const name = server.received[0]?.query.questions[0]?.name ?? '';
  expect(name).toMatch(/^[0-9a-f]{16}\.mirage-check\.invalid$/);
  expect(probe.isOurs(name)).toBe(false);
});

test.each(networks)('%s: somebody else does not know it', async (network) => {
  server.behaviour = ({ query }) => [responseTo(query, 'NXDOMAIN')];
  expect(await probeOf().greet(at, network)).toBe('elsewhere');
});

test.each(networks)('%s: somebody else who has asked us is not us', async (network) => {
  const asked: unknown[] = [];
  const probe = probeOf((...question) => {
    asked.push(question);
    return { address: '127.0.0.1', port: 5353 };
  });
  server.behaviour = ours(probe);
  expect(await probe.greet(at, network)).toBe('elsewhere');
  const local = { address: '127.0.0.1', port: expect.any(Number) };
  expect(asked).toEqual([[network, local, { address: at.host, port: at.port }]]);
});

test.each(networks)('%s: nobody answers, after a second try', async (network) => {
  expect(await probeOf(nowhere, hasty).greet(at, network)).toBe('lost');
  expect(server.received.map((each) => each.network)).toEqual([network, network]);
});

test('nobody is there', async () => {
  const gone = await FakeUpstream.start(() => []);
  const { port } = gone;
  await gone.stop();
  for (const network of networks) expect(await probeOf().greet({ host: '127.0.0.1', port }, network)).toBe('lost');
});

test('where a server is led, by an empty datagram; a firewall that cannot be asked leads nowhere', async () => {
  server.behaviour = () => [];
  const resolver = { address: '127.0.0.1', port: 5353 };
  // An empty datagram is no question: the server must not hear one.
  const silent = { host: '127.0.0.1', port: 9 };
  expect(await probeOf(() => resolver).trace(silent)).toEqual({ host: '127.0.0.1', port: 5353 });
  expect(await probeOf().trace(silent)).toBeUndefined();
  const quiet = probeOf(
    () => expect.unreachable('nothing was sent'),
    systemClock,
    async () => false,
  );
  expect(await quiet.trace(silent)).toBeUndefined();
  const deaf = probeOf(() => {
    throw new Error('EPERM');
  });
  expect(await deaf.trace(silent)).toBeUndefined();
});
