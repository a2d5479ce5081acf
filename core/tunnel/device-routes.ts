/** What is led into our device, by the configuration in force and the network as it is; decides nothing about flows. */
import type { ConfigGraph } from './config-graph.ts';
import type { FakeIpPools } from './fake-ip-pools.ts';
import type { KernelRouteView } from './kernel-route-view.ts';
import type { NativeFlowEngine } from './native-flow-engine.ts';
import type { Unredirected } from './path-check.ts';
import { SparedPrograms } from './spared-programs.ts';
import { ipv6Probe, socketMark, sparedMark, type TunnelServices, tunPrefix6 } from './tunnel-services.ts';

export interface DeviceRoutesOptions
  extends Pick<TunnelServices, 'network' | 'routes' | 'loopGuard' | 'spareProcesses' | 'clock' | 'log'> {
  /** In force. */
  readonly graph: () => ConfigGraph;
  readonly engine: Pick<NativeFlowEngine, 'carry6' | 'device'>;
  readonly mappings: FakeIpPools;
  readonly ways: Pick<KernelRouteView, 'deviceFor'>;
  /** Redirects of others that are kept from questions. */
  readonly unredirected: () => Unredirected;
}

export class DeviceRoutes {
  readonly #options: DeviceRoutesOptions;
  readonly #spared: SparedPrograms;

  constructor(options: DeviceRoutesOptions) {
    this.#options = options;
    this.#spared = new SparedPrograms({
      findListeners: (...at) => options.loopGuard.findListeners(...at),
      spare: options.spareProcesses,
      clock: options.clock,
      log: options.log.child('spared'),
    });
  }

  /** IPv6 prefixes: fake addresses in any case; others by the configuration, and where they are not, never around us either. */
  carried6(): string[] {
    const { graph, mappings, ways } = this.#options;
    const { ipv6 } = graph().config;
    const others = ipv6 === 'always' || (ipv6 === 'auto' && ways.deviceFor(ipv6Probe) !== undefined);
    return [...mappings.ranges6(), ...(others ? ['::/0'] : [])];
  }

  /** Rejects as `Routes.apply` does. */
  apply(autoRoute: boolean): Promise<void> {
    const { network, routes, engine, mappings } = this.#options;
    const { config, pool } = this.#options.graph();
    const ipv6 = network.ipv6Available();
    engine.carry6(this.carried6());
    if (autoRoute && config.tun.strictRoute) void this.#spared.watch(() => this.#options.graph().ownServers.all());
    else this.#spared.stop();
    return routes.apply({
      capture: autoRoute ? 'everything' : 'fake-ranges',
      device: engine.device(),
      tunAddress4: pool.range.tunAddress,
      mark: socketMark,
      otherDevices: network.devicesWithIpv4(),
      ...(ipv6 ? { tunPrefix6 } : {}),
      fakeRanges: mappings.ranges(),
      exclude: config.tun.routeExclude,
      ipv6,
      strict: config.tun.strictRoute,
      sparedMark,
      unredirected: this.#options.unredirected(),
    });
  }

  undo(): Promise<void> {
    this.#spared.stop();
    return this.#options.routes.apply(undefined);
  }
}
