/** The addon's functions beside the engine: outward sockets, processes, peers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { findRoute } from '../../native/index.d.ts';
import { describeInLab } from '../support/tier.ts';
import { NativeWorld, proxy } from './support/native-world.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';

describeInLab('functions', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test('openStream takes the address that answers and says why none did', async () => {
    const open = (addresses: string[], port: number, timeoutMs = 1_000, device: string | null = 'eth0') => {
      const hops = addresses.map((address) => ({ address, device }));
      return world.engine.call<string>('openStream', { hops, port, timeoutMs });
    };
    expect(await open(['10.97.0.1', host], ports.echo)).toBe('ping');
    expect(await open([host], ports.nobody)).toBe('refused');
    expect(await open(['10.98.0.1'], 80)).toBe('host-unreachable');
    expect(await open(['10.97.0.1'], 80, 300)).toBe('timeout');
    expect(await open(['192.0.2.1'], 80, 1_000, null)).toBe('network-unreachable');
    await expect(open(['what'], 80)).rejects.toMatchObject({ code: 'EINVAL' });
    const many = await Promise.all(Array.from({ length: 100 }, () => open([host], ports.echo)));
    expect(many).toEqual(Array.from({ length: 100 }, () => 'ping'));
  });

  test('openUdp gives a socket', async () => {
    expect(await world.engine.call('openUdp', { family: 4, device: 'eth0' })).toMatch(/^socket:/);
    expect(await world.engine.call('openUdp', { family: 6, device: null })).toMatch(/^socket:/);
  });

  test('findRoute is told the way by whoever has made rules', async () => {
    await world.client.sh(`
      ip link add way1 type dummy || ip tuntap add mode tun name way1; ip link set way1 up; ip addr add 10.66.0.2/32 dev way1
      ip route add default dev way1 table 51820
      ip route add 10.98.7.0/24 dev way1 table 52
      ip rule add pref 201 fwmark 9 lookup 51820
      ip rule add pref 202 ipproto udp dport 4433 lookup 51820
      ip rule add pref 203 uidrange 65534-65534 lookup 51820
      ip rule add pref 204 lookup 52
      ip rule add pref 205 to 10.98.8.0/24 prohibit
      ip -6 addr add fd66::2/64 dev way1 nodad; ip -6 route add unreachable 2001:db8:dead::/48`);
    const ask = async (...question: Parameters<typeof findRoute>) => await world.engine.call('findRoute', question);
    const way1 = { local: false, device: 'way1', source: '10.66.0.2' };
    expect(await ask(host, 0)).toMatchObject({ local: false, device: 'tun9' });
    expect(await ask(host, 9)).toEqual(way1);
    expect(await ask(host, 0, 'udp', 4433)).toEqual(way1);
    expect(await ask(host, 0, 'tcp', 4433)).toMatchObject({ device: 'tun9' });
    expect(await ask(host, 0, 'tcp', 443, 65_534)).toEqual(way1);
    expect(await ask('10.98.7.1', 0)).toEqual(way1);
    expect(await ask('10.98.8.1', 0)).toBeNull();
    expect(await ask('192.0.2.1', 7)).toBeNull();
    expect(await ask('127.0.0.9', 9)).toMatchObject({ local: true, device: 'lo' });
    expect(await ask('10.66.0.2', 9)).toMatchObject({ local: true });
    expect(await ask('fd66::9', 0)).toEqual({ local: false, device: 'way1', source: 'fd66::2' });
    expect(await ask('2001:db8:dead::1', 0)).toBeNull();
    await expect(ask('what', 0)).rejects.toMatchObject({ code: 'EINVAL' });
    await world.client.sh('for p in 201 202 203 204 205; do ip rule del pref $p; done; ip link del way1');
    expect(await ask(host, 9)).toMatchObject({ device: 'tun9' });
  });

  test('findProcess knows who is behind a held flow', async () => {
    await world.rules();
    const connecting = world.programs.call('connect', { host, port: 80 });
    const [open] = await world.events('open');
    if (open?.kind !== 'open') throw new Error('no open');
    const { network, source, destination } = open;
    const owner = await world.engine.call<{ pid: number; name: string; path: string }>('findProcess', {
      network,
      source,
      destination,
    });
    expect(owner).toMatchObject({ pid: world.programs.pid, uid: 0 });
    expect(owner.path).toMatch(/\/node$/);
    await world.engine.call('close', { id: open.id, how: 'reset' });
    await connecting;

    const asking = world.programs.call('datagrams', { host, port: 81, messages: ['x'], waitMs: 5_000, connect: false });
    // The end of the first flow may come before.
    const udp = (await world.events('open')).find((event) => event.kind === 'open');
    if (udp === undefined) throw new Error('no open');
    const asker = await world.engine.call('findProcess', {
      network: udp.network,
      source: udp.source,
      destination: udp.destination,
    });
    expect(asker).toMatchObject({ pid: world.programs.pid });
    const { source: from, destination: to } = udp;
    expect(await world.engine.call('socketUid', { source: from, destination: to })).toBe(0);
    const unused = { address: from.address, port: 1 };
    expect(await world.engine.call('socketUid', { source: unused, destination: to })).toBe(-1);
    await asking;
    const nobody = {
      network: 'tcp',
      source: { address: '172.30.0.1', port: 1 },
      destination: { address: host, port: 2 },
    };
    expect(await world.engine.call('findProcess', nobody)).toBe(null);
  });

  test('findListeners, parentOf, peerCredentials', async () => {
    const proxyProcess = world.client.spawn('microsocks', ['-i', '127.0.0.1', '-p', '1085']);
    await world.client.sh(
      'for i in $(seq 1200); do ss -ltnH "sport = :1085" | grep -q . && exit 0; sleep 0.05; done; exit 1',
    );
    const found = await world.engine.call<{ pid: number; name: string }[]>('findListeners', {
      address: '127.0.0.1',
      port: 1085,
    });
    expect(found).toMatchObject([{ pid: proxyProcess.pid, name: 'microsocks' }]);
    expect(await world.engine.call('findListeners', { address: '127.0.0.1', port: 1086 })).toEqual([]);
    expect(await world.engine.call('parentOf', { pid: proxyProcess.pid })).toBe(process.pid);
    expect(await world.engine.call('parentOf', { pid: 4_000_000 })).toBe(0);
    const { credentials, pid } = await world.engine.call<{ credentials: object; pid: number }>('peerCredentials', {
      path: `${world.client.directory}/peer.sock`,
    });
    expect(credentials).toEqual({ pid, uid: 0, gid: 0 });
  });

  test('destroySockets ends connections to a prefix and no others', async () => {
    // Accepted and no more, so that no outward socket of the engine has this remote address as well.
    await world.rules({ verdict: { kind: 'peek', atLeast: 1, timeoutMs: 60_000 } });
    await world.programs.call('open', { name: 'a', host, port: ports.watch });
    await world.client.sh(`ip route replace ${proxy} dev eth0`);
    await world.programs.call('open', { name: 'b', host: proxy, port: ports.watch });
    expect(await world.engine.call('destroySockets', { prefixes: ['10.99.0.0/24', '2001:db8::/32'] })).toBe(1);
    await expect.poll(() => world.programs.call('state', { name: 'a' })).toMatchObject({ ended: 'ECONNABORTED' });
    expect(await world.programs.call('state', { name: 'b' })).toMatchObject({ ended: 'open' });
    expect(await world.engine.call('destroySockets', { prefixes: ['192.0.2.0/24'] })).toBe(0);
  });
});
