/** Ways are kept between questions, and never longer than the kernel's choice is what it was. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NativeRoute } from '../../native/index.d.ts';
import { Lab, type Machine } from '../support/lab.ts';
import { describeInLab } from '../support/tier.ts';
import { AgentProcess } from './support/agent-process.ts';

const holder = path.resolve(import.meta.dirname, '../support/hold-rtnl.py');
const far = '203.0.113.80';
const far6 = '2001:db8:5::80';

/** Puts back what a case may have changed. */
const ground = `
  for d in vpn0 vpn1 eth0 eth1; do ip link del $d 2>/dev/null || true; done
  while ip rule del pref 100 2>/dev/null || ip -6 rule del pref 100 2>/dev/null; do :; done
  ip route flush table main 2>/dev/null || true; ip route flush table 100 2>/dev/null || true; ip nexthop flush 2>/dev/null || true
  for n in 0 1; do
    ip link add eth$n type veth peer name far$n; ip link set eth$n up; ip link set far$n up
    ip address add 10.$n.0.2/24 dev eth$n; ip -6 address add fd0$n::2/64 dev eth$n nodad
  done
  ip route add default via 10.0.0.1 metric 10; ip route add default via 10.1.0.1 metric 20
  ip -6 route add default via fd00::1 metric 10; ip -6 route add default via fd01::1 metric 20
  ip route add default via 10.1.0.1 table 100; ip -6 route add default via fd01::1 dev eth1 table 100`;

const by = (device: string, source?: string) => expect.objectContaining({ device, ...(source && { source }) });

interface Change {
  readonly what: string;
  readonly before?: string;
  readonly change: string;
  readonly to?: string;
  readonly mark?: number;
  readonly was?: unknown;
  readonly is: unknown;
}

const changes: readonly Change[] = [
  { what: 'a more specific route', change: 'ip route add 203.0.113.0/24 via 10.1.0.1', is: by('eth1', '10.1.0.2') },
  {
    what: 'its end',
    before: 'ip route add 203.0.113.0/24 via 10.1.0.1',
    change: 'ip route del 203.0.113.0/24',
    was: by('eth1'),
    is: by('eth0', '10.0.0.2'),
  },
  { what: 'a pair of halves', change: 'for h in 0 128; do ip route add $h.0.0.0/1 dev eth1; done', is: by('eth1') },
  { what: 'a better metric', change: 'ip route add default via 10.1.0.1 metric 5', is: by('eth1') },
  { what: 'a route replaced', change: 'ip route replace default via 10.1.0.1 metric 10', is: by('eth1') },
  {
    what: 'another source',
    change: 'ip address add 10.0.0.9/24 dev eth0; ip route change default via 10.0.0.1 src 10.0.0.9 metric 10',
    is: by('eth0', '10.0.0.9'),
  },
  { what: 'no route at all', change: 'ip route flush exact default', is: null },
  { what: 'an unreachable one', change: 'ip route add unreachable 203.0.113.80', is: null },
  { what: 'a rule', change: 'ip rule add pref 100 lookup 100', is: by('eth1') },
  {
    what: 'its end',
    before: 'ip rule add pref 100 lookup 100',
    change: 'ip rule del pref 100',
    was: by('eth1'),
    is: by('eth0'),
  },
  { what: 'a rule for another mark', change: 'ip rule add pref 100 not fwmark 7 lookup 100', mark: 7, is: by('eth0') },
  { what: 'a rule for our mark', change: 'ip rule add pref 100 fwmark 7 lookup 100', mark: 7, is: by('eth1') },
  {
    what: 'a route in the table of a rule',
    before: 'ip rule add pref 100 lookup 100',
    change: 'ip route replace default via 10.0.0.1 table 100',
    was: by('eth1'),
    is: by('eth0'),
  },
  {
    what: 'a next hop that is an object',
    before: 'ip nexthop add id 5 via 10.0.0.1 dev eth0; ip route add 203.0.113.0/24 nhid 5',
    change: 'ip nexthop replace id 5 via 10.1.0.1 dev eth1',
    is: by('eth1'),
  },
  { what: 'a device that goes down', change: 'ip link set eth0 down', is: by('eth1') },
  { what: 'a device that is removed', change: 'ip link del eth0', is: by('eth1') },
  {
    what: 'a device renamed',
    change:
      'ip link set eth0 down; ip link set eth0 name vpn0; ip link set vpn0 up; ip route add 203.0.113.0/24 via 10.0.0.1',
    is: by('vpn0'),
  },
  { what: 'an address removed', change: 'ip address del 10.0.0.2/24 dev eth0', is: by('eth1') },
  {
    what: 'an address that becomes ours',
    change: `ip address add ${far}/32 dev eth1`,
    is: expect.objectContaining({ local: true }),
  },
  {
    what: 'a new device with all',
    change:
      'ip link add vpn0 type veth peer name vpn1; ip link set vpn0 up; ip address add 10.8.0.2/32 dev vpn0; ip route add default dev vpn0',
    is: by('vpn0', '10.8.0.2'),
  },
  {
    what: 'a more specific route by IPv6',
    to: far6,
    change: 'ip -6 route add 2001:db8:5::/48 via fd01::1',
    is: by('eth1', 'fd01::2'),
  },
  { what: 'a rule by IPv6', to: far6, change: 'ip -6 rule add pref 100 lookup 100', is: by('eth1') },
  { what: 'a lost link by IPv6', to: far6, change: 'ip link set eth0 down', is: by('eth1') },
  {
    what: 'an address of ours by IPv6',
    to: far6,
    change: `ip -6 address add ${far6}/128 dev eth1 nodad`,
    is: expect.objectContaining({ local: true }),
  },
];

describeInLab('ways', () => {
  let lab: Lab;
  let machine: Machine;
  let agent: AgentProcess;

  beforeAll(async () => {
    lab = new Lab();
    machine = await lab.machine('client');
    agent = await AgentProcess.start(machine, 'engine-agent');
    await machine.sh(ground);
  });

  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  describe('are asked for anew right after', () => {
    test.each(changes)('$what ($change)', async ({ before, change, to = far, mark = 0, was = by('eth0'), is }) => {
      await machine.sh(`${ground}\n${before ?? ''}`);
      const found = await agent.call<{ before: NativeRoute | null; after: NativeRoute | null }>('findRouteAround', {
        question: [to, mark],
        script: change,
      });
      expect(found).toEqual({ before: was, after: is });
    });
  });

  test('are told while another namespace holds the RTNL mutex', async () => {
    await machine.sh(ground);
    const pin = `ip link add v type veth peer name w && exec python3 ${holder} v 5`;
    const pinned = machine.spawn('unshare', ['--net', 'sh', '-c', pin], { stdin: 'pipe' });
    await pinned.printed(/held/);
    const waiting = machine.spawn('ip', ['link', 'set', 'eth1', 'mtu', '1400']);
    const route = agent.call('findRoute', [far, 0]);
    const source = agent.call('sourceTowards', { destination: '198.51.100.7', mark: 0 });
    // A kernel before 6.18 answers after the mutex is free: then this says so soon, and the source address must do.
    expect(await route.catch((error: unknown) => error)).toEqual(
      expect.toSatisfy((told) => told.device === 'eth0' || told.code === 'ETIMEDOUT'),
    );
    expect(await source).toBe('10.0.0.2');
    expect(pinned.output).not.toContain('released');
    // It was held in fact: this waits for it.
    expect(waiting.process.exitCode).toBeNull();
    pinned.process.stdin?.end();
    await pinned.printed(/released/);
    await expect.poll(() => waiting.process.exitCode).toBe(0);
  });

  test('the source of a way: an address, the destination where that is ours, nothing without a way', async () => {
    await machine.sh(`${ground}\nip rule add pref 100 fwmark 7 lookup 100`);
    const sourceOf = async (destination: string, mark = 0) => await agent.call('sourceTowards', { destination, mark });
    expect(await sourceOf(far, 7)).toBe('10.1.0.2');
    expect(await sourceOf(far6)).toBe('fd00::2');
    expect(await sourceOf('10.1.0.2')).toBe('10.1.0.2');
    await machine.sh('ip route flush exact default');
    expect(await sourceOf(far)).toBeNull();
  });
});
