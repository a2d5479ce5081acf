/** The monitor against the real `ip monitor`. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { systemClock } from '../../../../core/base/clock.ts';
import { silentLogger } from '../../../../core/base/logger.ts';
import { NetworkMonitor } from '../../../../core/system/linux/network-monitor.ts';
import { eventually } from '../../../support/eventually.ts';
import { Lab, type Machine } from '../../../support/lab.ts';
import { describeInLab } from '../../../support/tier.ts';
import { MachineCommandRunner } from '../machine-command-runner.ts';

describeInLab('network monitor', () => {
  let lab: Lab;
  let client: Machine;
  let monitor: NetworkMonitor;
  const changes = vi.fn<() => void>();

  beforeAll(async () => {
    lab = new Lab();
    client = await lab.machine('client');
    const router = await lab.machine('router');
    await lab.link(client, '10.20.0.2/24', router, '10.20.0.1/24');
    await lab.link(client, '10.30.0.2/24', router, '10.30.0.1/24');
    await client.sh('ip route add default via 10.20.0.1; ip -6 addr add fd00:20::2/64 dev eth0 nodad');
    monitor = new NetworkMonitor({
      runner: new MachineCommandRunner(client),
      clock: systemClock,
      logger: silentLogger,
      isOwn: (device) => device === 'mirage0',
    });
    await monitor.start();
    monitor.onChange(changes);
  });
  afterAll(async () => {
    await monitor?.stop();
    await lab?.[Symbol.asyncDispose]();
  });

  test('knows the machine', () => {
    expect(monitor.deviceFor('10.20.0.2')).toBeNull();
    expect(monitor.deviceFor('10.30.0.77')).toBe('eth1');
    expect(monitor.deviceFor('203.0.113.1')).toBe('eth0');
    expect(monitor.deviceFor('fd00:20::1')).toBe('eth0');
    expect(monitor.deviceFor('2001:db8::1')).toBeUndefined();
  });

  test('sees the default route move', async () => {
    await client.sh('ip route replace default via 10.30.0.1');
    await eventually(() => expect(monitor.deviceFor('203.0.113.1')).toBe('eth1'));
    expect(changes).toHaveBeenCalled();
  });

  test('does not take our own device and routes for a change', async () => {
    // What the kernel still tells of the change before has been looked at.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await monitor.refresh();
    changes.mockClear();
    await client.sh(
      'ip tuntap add mode tun name mirage0; ip addr add 198.18.0.1/32 dev mirage0; ip link set mirage0 up; ip route add default dev mirage0 table 5380; ip route add 203.0.113.0/24 dev mirage0',
    );
    await monitor.refresh();
    expect(changes).not.toHaveBeenCalled();
    expect(monitor.deviceFor('203.0.113.1')).toBe('eth1');
    expect(monitor.deviceFor('198.18.0.1')).toBeNull();
  });

  test('sees a link go away', async () => {
    await client.sh('ip link set eth1 down');
    await eventually(() => expect(monitor.deviceFor('203.0.113.1')).toBeUndefined());
  });
});
