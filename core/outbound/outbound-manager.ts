/** The outbounds of one configuration by tag: the built-in ones and the configured proxies. Replaced whole on reload. */
import type { Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { parseScopedIp } from '../base/scoped-address.ts';
import { unreachable } from '../base/unreachable.ts';
import type { ProxyConfig } from '../contract/config.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { AddressResolver, Outbound } from './dialer.ts';
import { DirectOutbound } from './direct.ts';
import type { Egress } from './egress.ts';
import { loopbackOfName } from './loopback-name.ts';
import { RejectOutbound } from './reject.ts';
import { Socks5Outbound } from './socks5-outbound.ts';

export interface OutboundServices {
  readonly egress: Egress;
  /** Resolves what DIRECT connects to. */
  readonly resolver: AddressResolver;
  /** Resolves the names of proxy servers. */
  readonly proxyServers: AddressResolver;
  readonly isFake: (address: Ip) => boolean;
  /** Whether a name may stand for this machine or a neighbour on the link. */
  readonly isNear: (name: string) => boolean;
  readonly clock: Clock;
  /** Milliseconds for a dial that the data plane does. */
  readonly timeoutMs: number;
}

/** The outbound that carries a policy, and the names passed on the way to it. */
export interface Route {
  readonly outbound: Outbound;
  /** From the leaf outbound to the outermost group. */
  readonly chain: readonly string[];
}

/** What of ours runs on this machine, as believed until a time (monotonic milliseconds). */
interface Local {
  readonly until: number;
  readonly proxies: readonly Endpoint[];
  readonly servers: readonly Endpoint[];
}

export const builtInTags = ['DIRECT', 'REJECT', 'REJECT-DROP'] as const;

export class OutboundManager {
  readonly #outbounds = new Map<string, Outbound>();
  readonly #proxies: readonly ProxyConfig[];
  readonly #servers: () => readonly Endpoint[];
  readonly #egress: Egress;
  readonly #clock: Clock;
  #local: Local | undefined;

  /**
   * `servers`: other servers of ours, by address or name; one of them may be a program here that asks further on (a resolver that
   * encrypts). Throws CONFIG_INVALID when two outbounds have the same name.
   */
  constructor(
    proxies: readonly ProxyConfig[],
    services: OutboundServices,
    servers: () => readonly Endpoint[] = () => [],
  ) {
    this.#proxies = proxies;
    this.#servers = servers;
    this.#egress = services.egress;
    this.#clock = services.clock;
    for (const tag of builtInTags) this.#add(builtIn(tag, services));
    for (const proxy of proxies) this.#add(configured(proxy, services));
  }

  get(tag: string): Outbound | undefined {
    return this.#outbounds.get(tag);
  }

  /** What a rule's policy leads to; undefined for a name that nothing has. */
  route(policy: string): Route | undefined {
    const outbound = this.#outbounds.get(policy);
    return outbound && { outbound, chain: [outbound.tag] };
  }

  /** Built-in outbounds first, then in the order of the configuration. */
  tags(): string[] {
    return [...this.#outbounds.keys()];
  }

  /**
   * Proxies and servers that run on this machine: their own connections must not be sent to them again. Asked for every flow, so what
   * was found is believed for a second; the machine's addresses seldom change.
   */
  localProxies(): readonly Endpoint[] {
    return this.#findLocal().proxies;
  }

  /** Of those the servers that answer DNS questions. */
  localServers(): readonly Endpoint[] {
    return this.#findLocal().servers;
  }

  /** Other servers are ours from now on: they are looked at anew. */
  forgetLocal(): void {
    this.#local = undefined;
  }

  #findLocal(): Local {
    const now = this.#clock.monotonic();
    if (this.#local === undefined || this.#local.until <= now) {
      const servers = this.#onThisMachine(this.#servers());
      const proxies = this.#proxies.flatMap((proxy) =>
        proxy.type === 'socks5' ? [{ host: proxy.server, port: proxy.port }] : [],
      );
      this.#local = { until: now + 1000, proxies: [...this.#onThisMachine(proxies), ...servers], servers };
    }
    return this.#local;
  }

  #onThisMachine(servers: readonly Endpoint[]): Endpoint[] {
    return servers.flatMap(({ host: name, port }) => {
      const host = parseScopedIp(name)?.address ?? loopbackOfName(name);
      return host !== undefined && this.#egress.isLocal(host) ? [{ host, port }] : [];
    });
  }

  #add(outbound: Outbound): void {
    if (this.#outbounds.has(outbound.tag)) {
      throw new AppError('CONFIG_INVALID', `there are two outbounds named "${outbound.tag}"`, {
        expected: 'one name each',
      });
    }
    this.#outbounds.set(outbound.tag, outbound);
  }
}

function builtIn(tag: (typeof builtInTags)[number], services: OutboundServices): Outbound {
  switch (tag) {
    case 'DIRECT':
      return new DirectOutbound(tag, services);
    case 'REJECT':
      return new RejectOutbound(tag, { drop: false, clock: services.clock });
    case 'REJECT-DROP':
      return new RejectOutbound(tag, { drop: true, clock: services.clock });
    default:
      return unreachable(tag);
  }
}

function configured(proxy: ProxyConfig, services: OutboundServices): Outbound {
  switch (proxy.type) {
    case 'socks5':
      return new Socks5Outbound(proxy, { ...services, resolver: services.proxyServers });
    case 'direct':
      return new DirectOutbound(proxy.name, services);
    case 'reject':
      return new RejectOutbound(proxy.name, { drop: proxy.drop, clock: services.clock });
    default:
      return unreachable(proxy);
  }
}
