/** Beginning and end: what creation sets, what stop does to live connections, and what is left behind. */
import { expect, test } from 'vitest';
import { describeInLab } from '../support/tier.ts';
import { direct, NativeWorld } from './support/native-world.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';

describeInLab('engine life', () => {
  test('the device has its addresses, MTU and queue; arguments are checked; names are not shared', async () => {
    await using world = await NativeWorld.create({ mtu: 9000, queueLength: 2500 });
    const link = await world.client.sh('ip addr show dev tun9');
    expect(link).toMatch(/mtu 9000 .* qlen 2500/);
    expect(link).toContain('inet 172.30.0.1/32');
    expect(link).toContain('inet6 fd30::1/126');
    expect(await world.engine.call('metrics')).toMatchObject({
      offloads: expect.stringMatching(/^csum,tso4,tso6,tso_ecn(,uso4,uso6)?$/),
    });
    expect(await world.engine.call('badCalls')).toEqual({
      noHops: 'EINVAL',
      badKind: 'EINVAL',
      badHow: 'EINVAL',
      badAddress: 'EINVAL',
      unknownFlow: 'no error',
      unknownToken: 'no error',
      brokenAnswers: 'EINVAL',
      badDescriptor: 'EBADF',
      badServers: 'EINVAL',
      badPrefix: 'EINVAL',
      badDevice: 'ENODEV',
      noObject: 'EINVAL',
      nameTaken: 'EBUSY',
      tunTaken: 'EBUSY',
    });
  });

  test('IPv6 is unreachable at once, by TCP and UDP', async () => {
    await using world = await NativeWorld.create();
    const answer = await world.withoutRepeatedSyn(() =>
      world.programs.call<{ code: string }>('connect', { host: '2001:db8::1', port: 443 }),
    );
    expect(answer.code).toBe('ENETUNREACH');
    const before = await world.client.sh("awk '/Icmp6InDestUnreachs/{print $2}' /proc/net/snmp6");
    await world.programs.call('datagrams', { host: '2001:db8::1', port: 443, messages: ['x'], waitMs: 200 });
    const after = await world.client.sh("awk '/Icmp6InDestUnreachs/{print $2}' /proc/net/snmp6");
    expect(Number(after) - Number(before)).toBe(1);
    expect(await world.engine.call('events')).toEqual([]);
  });

  test('stop resets every connection of every kind, closes each flow once, and leaves nothing', async () => {
    await using world = await NativeWorld.create();
    await world.rules(
      { port: 70, verdict: { kind: 'peek', atLeast: 1, timeoutMs: 60_000 } },
      {
        port: 71,
        verdict: {
          kind: 'dial',
          layers: [],
          hops: [{ address: '10.97.0.1', device: 'eth0' }],
          port: 1,
          timeoutMs: 60_000,
        },
      },
      { port: ports.watch, verdict: direct },
      { port: ports.echo, verdict: direct },
    );
    const idle = await world.engine.call<number>('descriptors');
    await world.programs.call('open', { name: 'relay', host, port: ports.watch });
    await world.programs.call('open', { name: 'waiting', host, port: 70 });
    await world.programs.call('write', { name: 'waiting', text: 'x' });
    await world.events('peeked');
    await world.programs.call('datagrams', { host, port: ports.echo, messages: ['x'] });
    const dialing = world.programs.call('connect', { host, port: 71 });
    const held = world.programs.call('connect', { host, port: 72 });
    await world.events('open', 2);

    // Nothing is waited for of what would go on for a minute.
    expect(await world.engine.call<number>('stop')).toBeLessThan(12_000);
    expect(await world.client.sh('ip link')).not.toContain('tun9');
    await expect.poll(() => world.programs.call('state', { name: 'relay' })).toMatchObject({ ended: 'ECONNRESET' });
    await expect.poll(() => world.programs.call('state', { name: 'waiting' })).toMatchObject({ ended: 'ECONNRESET' });
    expect(await dialing).toMatchObject({ code: 'ECONNREFUSED' });
    expect(await held).toMatchObject({ code: 'ECONNREFUSED' });
    await expect.poll(() => world.servers.call('seen')).toMatchObject([{ ended: 'ECONNRESET' }]);
    expect((await world.reasons(5)).sort()).toEqual(['stopped', 'stopped', 'stopped', 'stopped', 'stopped']);
    await expect.poll(() => world.engine.call<number>('descriptors')).toBeLessThan(idle);

    // The same process can begin again, and ends by itself when nothing is left to do.
    await world.engine.call('create');
    await world.engine.call('stop');
    expect(await world.engine.stop()).toBe(0);
  });

  test('engines made and stopped again and again leave no descriptor', async () => {
    await using world = await NativeWorld.create();
    await world.engine.call('stop');
    const before = await world.engine.call<number>('descriptors');
    for (let i = 0; i < 8; i++) {
      await world.engine.call('create');
      await world.engine.call('counters', { slot: 0 });
      await world.engine.call('stop');
    }
    const left = async (): Promise<number> => {
      await world.engine.call('collectGarbage');
      return (await world.engine.call<number>('descriptors')) - before;
    };
    // The newest is still held by the variable that named it.
    await expect.poll(left).toBeLessThanOrEqual(2);
  });

  test('a device taken away is told by one event after the flows', async () => {
    await using world = await NativeWorld.create();
    await world.rules({ verdict: direct });
    await world.programs.call('open', { name: 'a', host, port: ports.watch });
    await world.events('dialed');
    await world.client.sh('ip link delete tun9');
    const events = await world.events('dead');
    expect(events.map((event) => event.kind)).toEqual(['close', 'dead']);
    expect(events[0]).toMatchObject({ reason: 'stopped' });
    await world.engine.call('stop');
  });

  test('a device taken down and brought up again goes on', async () => {
    await using world = await NativeWorld.create();
    await world.rules({ verdict: direct });
    await world.client.sh('ip link set tun9 down; ip link set tun9 up; ip route replace 10.99.0.0/24 dev tun9');
    expect(await world.programs.call('exchange', { host, port: ports.echo, text: 'again' })).toBe('again');
    expect(await world.reasons()).toEqual(['done']);
  });

  test('redirection survives strict reverse path filtering when routes are chosen by source', async () => {
    await using world = await NativeWorld.create();
    const hops = [{ address: '10.77.0.2', device: 'eth0' }];
    await world.rules({ verdict: { kind: 'dial', layers: [], hops, port: ports.echo, timeoutMs: 2_000 } });
    await world.client.sh(`
      for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $f; done
      ip rule add pref 9006 iif lo from 172.30.0.0/30 lookup 77
      ip route add default dev tun9 table 77
    `);
    expect(await world.programs.call('exchange', { host, port: 80, text: 'strictly' })).toBe('strictly');
  });

  test('connections of an earlier engine are reset at their next packet', async () => {
    await using world = await NativeWorld.create();
    await world.rules({ verdict: direct });
    // A second address keeps the program's source valid while the device is away.
    await world.client.sh('ip addr add 172.30.0.1/32 dev lo');
    await world.programs.call('open', { name: 'a', host, port: ports.echo });
    await world.client.sh('ip link delete tun9');
    await world.events('dead');
    await world.engine.call('stop');
    await world.engine.call('create');
    await world.client.sh('ip route add 10.99.0.0/24 dev tun9');
    await world.programs.call('write', { name: 'a', text: 'anyone there?' });
    await expect.poll(() => world.programs.call('state', { name: 'a' })).toMatchObject({ ended: 'ECONNRESET' });
  });
});
