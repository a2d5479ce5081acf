/**
 * Wires the DNS side of one configuration: resolvers, router, and the address resolver for rules and outbounds. A reload
 * builds a new graph and gives its router to the `DnsServer`; pool, log and server outlive it.
 */
import type { Ip } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { unreachable } from '../base/unreachable.ts';
import type { DnsConfig, UpstreamConfig } from '../contract/config.ts';
import { CachedResolver } from './cached-resolver.ts';
import { DnsAddressResolver } from './dns-address-resolver.ts';
import { DnsRouter, type NamePool } from './dns-router.ts';
import { FakeIpFilter } from './filter.ts';
import { HostTable } from './hosts.ts';
import { RaceResolver } from './race-resolver.ts';
import type { Resolver } from './resolver.ts';
import { SystemResolver } from './system-resolver.ts';
import type { TcpOpener } from './tcp-exchange.ts';
import { type UdpOpener, UdpResolver } from './udp-resolver.ts';

export interface DnsGraphOptions {
  readonly config: DnsConfig;
  readonly pool: NamePool;
  /** `Egress` fits. */
  readonly opener: UdpOpener & TcpOpener;
  /** The servers that this machine used before us. */
  readonly baseServers: () => Promise<readonly Ip[]>;
  /** Whether IPv6 destinations can be reached now. */
  readonly ipv6: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

const dnsPort = 53;

export class DnsGraph {
  readonly router: DnsRouter;
  /** Real addresses; implements the `AddressResolver` of core/outbound. */
  readonly addresses: DnsAddressResolver;
  readonly #cache: CachedResolver;
  readonly #system: SystemResolver;

  /** Throws CONFIG_INVALID with the entry named for a wrong pattern or address. Opens no socket. */
  constructor(options: DnsGraphOptions) {
    const { config, pool, opener, clock, logger } = options;
    const connect = (address: Ip, port: number): Resolver => new UdpResolver({ address, port, opener, clock });
    this.#system = new SystemResolver({
      baseServers: options.baseServers,
      connect: (address) => connect(address, dnsPort),
      clock,
    });
    const upstream = (server: UpstreamConfig): Resolver => {
      switch (server.kind) {
        case 'udp':
          return connect(server.address, server.port);
        case 'system':
          return this.#system;
        default:
          return unreachable(server);
      }
    };
    this.#cache = new CachedResolver(new RaceResolver(config.nameserver.map(upstream), clock), clock);
    const hosts = new HostTable(config.hosts);
    this.router = new DnsRouter({
      pool,
      hosts,
      filter: new FakeIpFilter(config.fakeIpFilter),
      resolver: this.#cache,
      ttl: config.fakeIpTtl,
      clock,
      logger,
    });
    this.addresses = new DnsAddressResolver({
      resolver: this.#cache,
      hosts,
      ipv6: options.ipv6,
      isFake: (ip) => pool.contains(ip),
    });
  }

  /** The network has changed: answers are forgotten, the system's servers read anew. */
  reset(): void {
    this.#cache.reset();
    this.#system.reset();
  }
}
