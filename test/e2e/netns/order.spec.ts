/**
 * Turning off and on, changing the device, changing the range, losing the device, and a death, under load: nothing leaves that
 * the rules send elsewhere, and nothing ever has the TUN's source address. 10 cycles here; `MIRAGE_CYCLES=200` for a night's worth.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Snapshot } from '../../../core/contract/status.ts';
import type { Running } from '../../support/lab.ts';
import { LeakWatch, type Packet } from '../../support/leak-watch.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const cycles = Number(process.env['MIRAGE_CYCLES'] ?? 10);
/** The TUN's addresses and all fake ones, of every range that is used here. */
const tunSource = /^IP6? (?:198\.1[89]\.|28\.|fdfe:dcba:9876:)/;

describeInLab('order is safety', () => {
  let world: World;
  let mirage: Mirage;
  let load: Running;
  let watch: LeakWatch;
  let before: string;
  /** While it is being turned off, is off, or is being turned on, what goes directly is right. */
  const off: { from: number; to: number }[] = [];
  let variant = 0;

  const config = (mtu: number, range: string) =>
    profile(['MATCH,dante'], `ipv6: true\ntun: { mtu: ${mtu}, strict-route: true }`, { 'fake-ip-range': range });
  const ranges = ['198.18.0.0/15', '28.0.0.0/8'];
  let range = ranges[0] ?? '';
  let mtu = 9000;
  const running = async (): Promise<void> => {
    await expect.poll(async () => (await mirage.json<Snapshot>('status')).tunnel.kind).toBe('running');
  };
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  const actions: Record<string, () => Promise<void>> = {
    'off and on': async () => {
      const from = Date.now();
      await mirage.off();
      await mirage.enhanced(config(mtu, range));
      off.push({ from, to: Date.now() });
    },
    'another MTU': async () => {
      mtu = 1300 + 100 * (variant++ % 20);
      await mirage.enhanced(config(mtu, range));
    },
    'another range': async () => {
      range = ranges[variant++ % 2] ?? '';
      await mirage.enhanced(config(mtu, range));
    },
    'the device deleted by another program': async () => {
      await world.client.sh('ip link del mirage0');
      // Until it is seen, the state is still "running".
      await expect.poll(() => world.client.sh('ip link show mirage0').catch(() => '')).toContain('UP');
    },
    'a death, and the next helper': async () => {
      await mirage.kill9();
      await pause(100);
      await mirage.start();
    },
  };

  beforeAll(async () => {
    world = await World.create();
    const { client, router } = world;
    await client.sh('ip addr add fd00:20::2/64 dev eth0 nodad; ip -6 route add default via fd00:20::1 dev eth0');
    await router.sh('ip addr add fd00:20::1/64 dev eth0 nodad; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding');
    const elsewhere = await world.lab.machine('elsewhere');
    await world.lab.link(client, '10.30.0.2/24', elsewhere, '10.30.0.1/24');
    await world.startWeb();
    await world.startDante(1080);
    before = await client.networkState();
    mirage = new Mirage(client);
    await mirage.start();
    await mirage.enhanced(config(mtu, range));
    // The helper's own: to the proxy, by TCP and to its UDP relays.
    const proxy = 'ip and dst host 10.20.0.1 and (tcp dst port 1080 or (udp and not dst port 53))';
    watch = await LeakWatch.start(client, ['eth0', 'eth1'], proxy);
    load = client.spawn(process.execPath, [
      new URL('../../support/busy-programs.ts', import.meta.url).pathname,
      '203.0.113.80',
      '203.0.113.1',
    ]);
    await load.printed(/ready/);
    await pause(500);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const isOff = ({ time }: Packet) => off.some(({ from, to }) => time >= from && time <= to);
  /** The two ends: what was opened while it was off goes on directly, as before any other start. */
  const conversation = ({ text }: Packet) => text.split(': ')[0] ?? '';
  /** The kernel's word to who still answers a socket that is closed. */
  const portIsClosed = ({ text }: Packet) => /: ICMP \S+ udp port \d+ unreachable/.test(text);
  /** A program's search list made it a name of the network, which the helper asks the network's own server about. */
  const isOfTheNetwork = ({ text }: Packet) => /> 10\.20\.0\.1\.53: .*\.lan\.example\. /i.test(text);
  const offenders = (packets: readonly Packet[]): Packet[] => {
    const opened = new Set(packets.filter(isOff).map(conversation));
    return packets.filter(
      (packet) =>
        tunSource.test(packet.text) ||
        !(isOff(packet) || portIsClosed(packet) || isOfTheNetwork(packet) || opened.has(conversation(packet))),
    );
  };

  test(`${cycles} cycles`, { timeout: 600_000 + cycles * 6_000 }, async () => {
    const names = Object.keys(actions);
    const marks: { time: number; name: string }[] = [];
    for (let i = 0; i < cycles; i++) {
      const name = names[i % names.length] ?? '';
      marks.push({ time: Date.now(), name: `${i} ${name}` });
      await actions[name]?.();
      await running();
      await pause(300);
    }
    const found = offenders(watch.packets()).map((packet) => {
      const at = marks.findLast(({ time }) => time <= packet.time);
      return `${at?.name} +${Math.round(packet.time - (at?.time ?? 0))} ms ${packet.link} ${packet.text}\n${packet.hex}`;
    });
    expect(found.length, found.slice(0, 5).join('\n')).toBe(0);
  });

  test('off with connections open: the TUN is gone, nothing has its source afterwards, nothing is left', async () => {
    const from = Date.now();
    await mirage.off();
    off.push({ from, to: Number.POSITIVE_INFINITY });
    await pause(1_500);
    const sources = await world.client.sh('ss -Htanu | grep -E "198\\.1[89]\\.|fdfe:dcba" | grep -v TIME-WAIT || true');
    await load.stop('SIGTERM');
    const { answers, connected } = JSON.parse(load.output.split('\n').at(-2) ?? '{}') as Record<string, number>;
    expect(
      [answers, connected].every((count) => (count ?? 0) > 50),
      load.output,
    ).toBe(true);
    const leaked = (await watch.stop()).filter(({ text }) => tunSource.test(text));
    expect(leaked.length, JSON.stringify(leaked[0])).toBe(0);
    expect(sources).toBe('');
    expect(await world.client.networkState()).toBe(before);
  });
});
