/** The steps of a start as the machine takes them, each with what undoes it. Their order is the machine's. */
import type { Logger } from '../base/logger.ts';
import type { TunInbound } from '../inbound/tun-inbound.ts';
import type { ConfigGraph } from './config-graph.ts';
import type { DeviceRoutes } from './device-routes.ts';
import type { DnsDesk } from './dns-desk.ts';
import type { FakeIpPools } from './fake-ip-pools.ts';
import type { NetworkWatch } from './network-watch.ts';
import type { TunnelSteps } from './tunnel-machine.ts';
import { type TunnelServices, tunPrefix6 } from './tunnel-services.ts';

export interface TunnelParts extends Pick<TunnelServices, 'systemDns' | 'flushCaches' | 'destroySockets'> {
  /** In force. */
  readonly graph: () => ConfigGraph;
  readonly watch: NetworkWatch;
  readonly inbound: TunInbound;
  readonly routes: DeviceRoutes;
  readonly mappings: FakeIpPools;
  /** The name of our interface, while there is one. */
  readonly nameDevice: (name: string | undefined) => void;
  readonly device: () => string;
  readonly desk: DnsDesk;
  readonly log: Logger;
}

export function tunnelSteps(parts: TunnelParts): TunnelSteps {
  const { graph, watch, inbound, routes, mappings, desk, systemDns } = parts;
  return {
    steps: {
      tun: {
        begin: async () => {
          await watch.start();
          // While it was off, nobody told of what other programs wrote.
          await watch.readAnew();
          parts.nameDevice(graph().config.tun.device);
          await inbound.start();
        },
        undo: async () => {
          await inbound.stop();
          parts.nameDevice(undefined);
        },
      },
      'dns-server': {
        begin: async () => {
          mappings.start();
          desk.start();
        },
        undo: async () => {
          desk.stop();
          mappings.stop();
        },
      },
      routes: {
        begin: (_signal, { autoRoute }) => routes.apply(autoRoute),
        undo: () => routes.undo(),
      },
      'system-dns': {
        begin: () => systemDns.apply({ server: graph().pool.range.dnsAddress }),
        undo: () => systemDns.apply(undefined),
      },
    },
    destroySockets: async (which) => {
      const fake = mappings.ranges();
      const { tunAddress } = mappings.current.range;
      const count = parts.destroySockets([...fake, `${tunAddress}/32`, tunPrefix6], which === 'all' ? [] : fake);
      parts.log.debug('connections through the TUN ended', { which, count });
    },
    flushCaches: async () => void (await parts.flushCaches()),
    device: parts.device,
  };
}
