/** Many connections: at once, one after the other, and what they leave behind. Throughput is printed, not judged. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInLab } from '../support/tier.ts';
import { device, direct, NativeWorld, proxy } from './support/native-world.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';

describeInLab('load', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
    await world.client.sh('echo "1024 65000" > /proc/sys/net/ipv4/ip_local_port_range');
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test('200 connections at once', async () => {
    await world.rules({ verdict: direct });
    const { failures } = await world.programs.call<{ failures: string[] }>('many', {
      host,
      port: ports.echo,
      count: 200,
      parallel: 200,
    });
    expect(failures).toEqual([]);
    expect(await world.reasons(200)).toEqual(Array.from({ length: 200 }, () => 'done'));
  });

  test('5,000 short connections, closed by either side, leave no descriptor and no flow', async () => {
    await world.rules({ verdict: direct });
    const before = await world.engine.call<number>('descriptors');
    const first = await world.programs.call<{ failures: string[]; ms: number }>('many', {
      host,
      port: ports.echo,
      count: 3_000,
      parallel: 16,
    });
    expect(first.failures).toEqual([]);
    const second = await world.programs.call<{ failures: string[] }>('manyClosedByServer', {
      host,
      port: ports.close,
      count: 2_000,
      parallel: 16,
    });
    expect(second.failures).toEqual([]);
    expect(await world.reasons(5_000)).toHaveLength(5_000);
    // Empty pipes are kept for reuse, so a few descriptors may stay.
    await expect.poll(() => world.engine.call<number>('descriptors')).toBeLessThan(before + 8);
    expect(await world.engine.call('metrics')).toMatchObject({ tcpFlows: 0, held: 0 });
    console.log(`connect, exchange, close: ${Math.round(3_000 / (first.ms / 1000))} a second`);
  });

  test('ports that the program reuses at once are connected at once', async () => {
    await world.rules({ verdict: direct });
    // Few ports, so that each is used many times; the server closes first, so that they are free at once.
    await world.client.sh('echo "40000 40063" > /proc/sys/net/ipv4/ip_local_port_range');
    const { failures } = await world.programs.call<{ failures: string[] }>('manyClosedByServer', {
      host: '10.99.0.2',
      port: ports.close,
      count: 1_000,
      parallel: 4,
    });
    await world.client.sh('echo "1024 65000" > /proc/sys/net/ipv4/ip_local_port_range');
    expect(failures).toEqual([]);
  });

  test('throughput', async () => {
    await world.rules({ verdict: direct });
    world.server.spawn('iperf3', ['-s']);
    await world.startDante(1090);
    const measure = async (...args: string[]) => {
      const { stdout } = await world.client.run('iperf3', ['-c', host, '-t', '2', '-J', ...args]);
      const result = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } };
      return (result.end.sum_received.bits_per_second / 1e9).toFixed(1);
    };
    console.log(`direct, Gbit/s: up ${await measure()}, down ${await measure('-R')}, up 10 ${await measure('-P10')}`);
    const hops = [{ address: proxy, device }];
    await world.rules({ verdict: { kind: 'proxy', protocol: 'socks5', hops, port: 1090, timeoutMs: 2_000 } });
    console.log(`dante, Gbit/s: up ${await measure()}, down ${await measure('-R')}`);
    expect(await world.engine.call('metrics')).toMatchObject({ held: 0 });
  });
});
