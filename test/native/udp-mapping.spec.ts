/** UDP sockets towards the network: one for all destinations (RFC 4787), told apart, bounded, and gone with their network. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EngineMetrics } from '../../native/index.d.ts';
import { describeInLab } from '../support/tier.ts';
import { device, direct, NativeWorld, proxy } from './support/native-world.ts';
import { ports } from './support/ports.ts';

const at = (host: string, port: number = ports.mapping) => ({ host, port });
const hosts = ['10.99.0.1', '10.99.0.2', '10.99.0.3'];
const hop = (address: string) => ({ address, device });
/** A destination by name: the program asks for one address, and another is dialled. */
const byName = (asked: string, ...real: string[]) => ({
  address: asked,
  verdict: { kind: 'named' as const, hops: real.map(hop) },
});
const through = (port: number) => ({
  kind: 'proxy' as const,
  protocol: 'socks5' as const,
  hops: [hop(proxy)],
  port,
  timeoutMs: 20_000,
});

/**
 * A SOCKS5 proxy whose relay is not there: `silent` says nothing more, `chatting` never stops talking on its connections. Prints
 * how many associations it has opened.
 */
const oddProxy = (port: number, kind: 'silent' | 'chatting') => `
import itertools, socket, threading
def chat(connection):
    try:
        while ${kind === 'chatting' ? 'True' : 'False'}: connection.sendall(b'x' * 65536)
    except OSError: connection.close()
server = socket.create_server(('${proxy}', ${port}), backlog=512)
print('ready', flush=True)
kept = []
for count in itertools.count(1):
    connection, _ = server.accept()
    connection.recv(100); connection.sendall(bytes([5, 0]))
    connection.recv(300); connection.sendall(bytes([5, 0, 0, 1, *socket.inet_aton('${proxy}'), ${ports.nobody >> 8}, ${ports.nobody & 255}]))
    print('opened', count, flush=True)
    kept.append(connection)
    threading.Thread(target=chat, args=[connection], daemon=True).start()`;

describeInLab('UDP mapping', () => {
  let world: NativeWorld;
  let serial = 0;
  let socket = '';

  const metrics = () => world.engine.call<EngineMetrics>('metrics');
  const open = (options: object = {}) => world.programs.call<number>('udpOpen', { name: socket, ...options });
  const send = (...to: { host: string; port: number }[]) => world.programs.call('udpSend', { name: socket, to });
  const received = (count = 1, waitMs = 15_000) =>
    world.programs.call<string[]>('udpReceived', { name: socket, count, waitMs });
  const say = (from: string, port: number, to: string, text: string, waitMs = 0) => {
    const [host = '', toPort] = to.split(/:(?=\d+$)/);
    return world.servers.call<string[]>('say', { from: at(from, port), to: at(host, Number(toPort)), text, waitMs });
  };
  /** What a server saw as the source, by its answers. */
  const outward = (answers: string[]) => [...new Set(answers.map((answer) => answer.split(' ')[0] ?? ''))];

  /** Gives the client another address in place of the one it has. */
  const moveTo = (next: string, last: string) =>
    world.client.sh(`echo 1 > /proc/sys/net/ipv4/conf/${device}/promote_secondaries
      ip addr add ${next}/24 dev ${device}; ip addr del ${last}/24 dev ${device}
      ip route replace default via 10.77.0.2 table 70
      for prefix in 10.99.0.0/24 10.98.0.0/24 10.97.0.0/24; do ip route replace $prefix via 10.77.0.2 dev ${device} metric 100; done`);

  beforeAll(async () => {
    world = await NativeWorld.create({ mark: 7 });
    // What leads our own sockets past the routes into the TUN.
    await world.client.sh('ip rule add pref 5 fwmark 7 lookup 70; ip route add default via 10.77.0.2 table 70');
    await world.startDante(1090);
    // Every datagram to a closed port is answered, not one a second.
    await world.server.sh('echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; ip -6 address add fd99::2/64 dev lo nodad');
  });
  beforeEach(() => {
    socket = `socket ${serial++}`;
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  describe('direct', () => {
    test('one socket, three destinations: one outward port', async () => {
      await world.rules({ verdict: direct });
      await open();
      const before = await metrics();
      await send(...hosts.map((host) => at(host)));
      const answers = await received(3);
      expect(answers.map((answer) => answer.split(' from ')[1] ?? '').toSorted()).toEqual(
        hosts.map((host) => `${host}:${ports.mapping}`),
      );
      expect(outward(answers)).toHaveLength(1);
      expect((await metrics()).udpSockets - before.udpSockets).toBe(1);
    });

    test('IPv6 alike', async () => {
      await world.engine.call('carry6', ['fd99::/64']);
      await world.rules({ verdict: direct });
      await open({ family: 6 });
      const before = await metrics();
      await send(at('fd99::1'), at('fd99::1', ports.echo));
      const answers = await received(2);
      expect(answers).toContain(`hello from fd99::1:${ports.echo}`);
      expect((await metrics()).udpSockets - before.udpSockets).toBe(1);
      const [mapped] = outward(answers.filter((answer) => !answer.startsWith('hello')));
      await say('fd99::2', 5_002, mapped ?? '', 'stranger');
      expect(await received()).toEqual(['stranger from fd99::2:5002']);
    });

    test("the program's port is kept if it is free", async () => {
      await world.rules({ verdict: direct });
      const port = await open({ to: at('10.99.0.2') });
      await world.programs.call('udpSend', { name: socket });
      expect(await received()).toEqual([`10.77.0.1:${port} from 10.99.0.2:${ports.mapping}`]);
    });

    test('a datagram from elsewhere comes with its own source, and an answer to it leaves by the same port', async () => {
      await world.rules({ verdict: direct });
      await open();
      await send(at('10.99.0.1'));
      const [mapped = ''] = outward(await received());
      for (const [host, port] of [
        ['10.99.0.1', 5_001],
        ['10.99.0.77', 5_077],
      ] as const) {
        await say(host, port, mapped, 'hi');
        expect(await received()).toEqual([`hi from ${host}:${port}`]);
      }
      await send(at('10.99.0.2'));
      expect(outward(await received())).toEqual([mapped]);
    });

    test('a name and an address share a port, and a name that shares a host with either has its own', async () => {
      await world.rules(byName('10.99.0.250', '10.99.0.1'), byName('10.99.0.251', '10.99.0.1'), { verdict: direct });
      await open();
      await send(at('10.99.0.250'), at('10.99.0.2'));
      const first = await received(2);
      expect(first.map((answer) => answer.split(' from ')[1] ?? '').toSorted()).toEqual([
        `10.99.0.250:${ports.mapping}`,
        `10.99.0.2:${ports.mapping}`,
      ]);
      expect(outward(first)).toHaveLength(1);
      await send(at('10.99.0.251'));
      const second = await received();
      expect(second[0]).toContain(`from 10.99.0.251:${ports.mapping}`);
      expect(outward(second)).not.toEqual(outward(first));
      await send(at('10.99.0.1'));
      expect((await received())[0]).toContain(`from 10.99.0.1:${ports.mapping}`);
    });

    test('a named server that answers from another port is still the name, whichever of its addresses it is', async () => {
      const server = byName('10.99.0.250', '10.99.0.2', '10.99.0.1');
      await world.rules({ ...server, port: ports.mapping }, byName('10.99.0.250', '10.99.0.1', '10.99.0.2'));
      await open();
      await send(at('10.99.0.250'));
      const [mapped = ''] = outward(await received());
      const answering = say('10.99.0.2', 6_969, mapped, 'block 1', 700);
      expect(await received()).toEqual(['block 1 from 10.99.0.250:6969']);
      await send(at('10.99.0.250', 6_969));
      expect(await answering).toEqual([`hello from ${mapped}`]);
    });

    test('what a flow that goes another way would be answered with is not believed from elsewhere', async () => {
      await world.rules({ address: '10.99.0.3', verdict: { kind: 'reject', how: 'drop' } }, { verdict: direct });
      await open();
      await send(at('10.99.0.1'), at('10.99.0.3', 5_003));
      const [mapped = ''] = outward(await received());
      await say('10.99.0.3', 5_003, mapped, 'forged');
      await say('10.99.0.3', 5_004, mapped, 'own');
      expect([...(await received()), ...(await received(1, 300))]).toEqual(['own from 10.99.0.3:5004']);
    });

    test('the refused destination of several is the one that is told', async () => {
      await world.rules({ verdict: direct });
      await open();
      await send(at('10.99.0.1'), at('10.99.0.1', ports.nobody), at('10.99.0.2'));
      expect(outward(await received(2))).toHaveLength(1);
      const answer = await world.programs.call<{ code: string }>('datagrams', {
        ...at('10.99.0.1', ports.nobody),
        messages: ['x'],
      });
      expect(answer.code).toBe('ECONNREFUSED');
      await send(at('10.99.0.2'));
      expect(await received()).toHaveLength(1);
    });

    test('segments of one call arrive as they were sent', async () => {
      expect((await metrics()).offloads).toMatch(/uso4/);
      await world.rules({ verdict: direct });
      const sender = `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(('10.99.0.1', ${ports.echo}))
s.send(b'first'); s.recv(100)
s.setsockopt(17, 103, 1000)
s.send(b''.join(bytes([n]) * 1000 for n in range(20)) + b'tail')
got = [s.recv(4000) for _ in range(21)]
print(sorted((len(each), each[0]) for each in got) == sorted([(1000, n) for n in range(20)] + [(4, ord('t'))]))`;
      expect((await world.client.run('python3', ['-c', sender])).stdout).toBe('True\n');
    });

    test('a source address that is gone ends the flow, and the next datagram leaves from what there is then', async () => {
      await world.rules({ verdict: direct });
      await open();
      await send(at('10.99.0.1'));
      expect(outward(await received())[0]).toMatch(/^10\.77\.0\.1:/);
      await world.events('open');
      await moveTo('10.77.0.3', '10.77.0.1');
      await send(at('10.99.0.1'));
      expect(await world.reasons()).toContain('rerouted');
      await send(at('10.99.0.1'));
      expect(outward(await received())[0]).toMatch(/^10\.77\.0\.3:/);
      await moveTo('10.77.0.1', '10.77.0.3');
    });
  });

  test('after a change of the network flows end whose way is another now, and only those', async () => {
    await world.rules({ verdict: direct });
    await open();
    await send(at('10.99.0.1'), at('10.99.0.3'));
    const before = outward(await received(2));
    const opened = (await world.events('open', 2)).flatMap((event) => (event.kind === 'open' ? [event] : []));
    await world.client.sh(`ip link add other0 type veth peer name other1; ip link set other0 up
      ip route add 10.99.0.3/32 dev other0 table 70`);
    await world.engine.call('review');
    const closed = (await world.events('close')).flatMap((event) => (event.kind === 'close' ? [event] : []));
    expect(new Set(closed.map((event) => event.reason))).toEqual(new Set(['rerouted']));
    const ended = opened.filter((open) => closed.some((close) => close.id === open.id));
    expect(ended.map((open) => open.destination.address)).toEqual(['10.99.0.3']);
    await world.client.sh('ip link del other0');
    await send(at('10.99.0.1'));
    expect(outward(await received())).toEqual(before);
  });

  describe('by SOCKS5', () => {
    test('one association for all addresses of a socket, and one more for a name that cannot be told apart', async () => {
      const named = { ...through(1090), targetHost: 'localhost.example', targetPort: ports.mapping };
      await world.server.write('/etc/hosts', '127.0.0.1 localhost\n10.99.0.1 localhost.example\n');
      await world.rules({ address: '10.99.0.250', verdict: named }, { verdict: through(1090) });
      await open();
      const before = await metrics();
      await send(...hosts.map((host) => at(host)), at('10.99.0.1', ports.echo));
      const answers = await received(4);
      expect(answers.map((answer) => answer.split(' from ')[1] ?? '').toSorted()).toEqual(
        [`10.99.0.1:${ports.echo}`, ...hosts.map((host) => `${host}:${ports.mapping}`)].toSorted(),
      );
      expect((await metrics()).udpSockets - before.udpSockets).toBe(2);
      await send(at('10.99.0.250'));
      expect((await received())[0]).toContain(`from 10.99.0.250:${ports.mapping}`);
      expect((await metrics()).udpSockets - before.udpSockets).toBe(4);
    });

    test('flows are told once that the port of their relay is closed, and then ask for another', async () => {
      const dead = world.server.spawn('python3', ['-c', oddProxy(1098, 'silent')]);
      await dead.printed(/ready/);
      await world.rules({ verdict: through(1098) });
      await open();
      const to = Array.from({ length: 120 }, (_, index) => at('10.99.0.1', 20_000 + index));
      const before = await metrics();
      for (let round = 0; round < 5; round++) {
        await send(...to);
        await sleep(200);
      }
      const told = (await metrics()).packetsOut - before.packetsOut;
      expect(told).toBeGreaterThan(0);
      expect(told).toBeLessThanOrEqual(5 * 120);
      await dead.printed(/opened 2/);
      expect(new Set(await world.reasons(120))).toEqual(new Set(['reset-by-remote']));
    });

    test('a proxy that talks on its control connection loses the association', async () => {
      const chatting = world.server.spawn('python3', ['-c', oddProxy(1097, 'chatting')]);
      await chatting.printed(/ready/);
      await world.rules({ address: '10.99.0.3', verdict: through(1097) }, { verdict: direct });
      await open();
      await send(at('10.99.0.3'));
      expect(await world.reasons()).toEqual(['reset-by-remote']);
      await send(at('10.99.0.1'));
      expect(await received()).toHaveLength(1);
    });

    test('4,000 flows to a silent proxy, which is what one user may have, cost little, and others go on', async () => {
      const silent = world.server.spawn('python3', [
        '-c',
        `import socket, time\ns = socket.create_server(('${proxy}', 1099), backlog=4096)\nprint('ready', flush=True)\nkept = []\nwhile True: kept.append(s.accept())`,
      ]);
      await silent.printed(/ready/);
      await world.rules({ verdict: through(1099), otherwise: { kind: 'reject', how: 'drop' } });
      await open();
      await world.engine.call('collectGarbage');
      const [before, sockets] = [await world.engine.call<number>('memory'), (await metrics()).udpSockets];
      const to = Array.from({ length: 4_000 }, (_, index) => at(`10.99.1.${index % 250}`, 1_024 + index));
      await world.client.sh('ip route add 10.99.1.0/24 dev tun9');
      for (let round = 0; round < 10; round++) await world.programs.call('udpSend', { name: socket, to, size: 1_400 });
      const grown = (await world.engine.call<number>('memory')) - before;
      const now = await metrics();
      expect(now.udpFlows).toBeGreaterThanOrEqual(4_000);
      expect(now.udpSockets - sockets).toBe(2);
      expect(grown / 1024 / 1024).toBeLessThan(40);
      await world.rules({ verdict: direct });
      const other = await world.programs.call<{ code: string }>('datagrams', {
        ...at('10.99.0.1', ports.echo),
        messages: ['x'],
      });
      expect(other.code).toBe('OK');
    });
  });

  test('20,000 destinations of one program take one descriptor, give way to newer ones, and leave TCP alone', async () => {
    await world.rules({ verdict: direct });
    await open();
    await send(at('10.99.0.1'));
    const [mapped] = outward(await received());
    const before = await metrics();
    const descriptors = await world.engine.call<number>('descriptors');
    const to = Array.from({ length: 20_000 }, (_, index) => at(`10.97.0.${index % 250}`, 1_024 + index));
    const flood = world.programs.call('udpSend', { name: socket, to });
    const connects: string[] = [];
    for (let i = 0; i < 10; i++) {
      connects.push(
        await world.programs.call<string>('exchange', { ...at('10.99.0.1', ports.echo), text: `tcp ${i}` }),
      );
    }
    await flood;
    expect(connects).toEqual(Array.from({ length: 10 }, (_, i) => `tcp ${i}`));
    const now = await metrics();
    expect(now.udpFlows).toBeLessThanOrEqual(8_192);
    expect(now.udpGaveWay).toBeGreaterThan(before.udpGaveWay + 1_000);
    expect(now.udpSockets).toBeLessThanOrEqual(before.udpSockets + 1);
    expect(await world.engine.call<number>('descriptors')).toBeLessThan(descriptors + 20);
    // The mapping has outlived it, and so has the answered destination.
    // What is left of the flood may still stand before a datagram: said again until it is heard.
    const heard = async () => {
      await send(at('10.99.0.2'));
      return outward((await received(1, 2_000)).filter((answer) => answer.includes('10.99.0.2')));
    };
    await expect.poll(heard).toEqual([mapped]);
  });
});
