/**
 * Wires the DNS side of one configuration: who is asked about what, the router, and the address resolvers for rules and
 * outbounds. A reload builds a new graph and gives its router to the `DnsServer`; pool, log and server outlive it.
 */
import type { Duplex } from 'node:stream';
import { formatEndpoint, type Ip, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { parseCidr } from '../base/cidr.ts';
import type { Clock } from '../base/clock.ts';
import { DomainTrie } from '../base/domain.ts';
import type { Logger } from '../base/logger.ts';
import { isLoopbackName } from '../base/special-names.ts';
import type { DnsConfig, DnsMode, UpstreamConfig } from '../contract/config.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { Network } from '../flow/metadata.ts';
import type { StreamDialer } from '../outbound/dialer.ts';
import type { AddressMemory } from './address-memory.ts';
import { AliasResolver } from './alias-resolver.ts';
import { AnswerJudge } from './answer-suspicion.ts';
import { CachedResolver } from './cached-resolver.ts';
import { NetworkResolver, PolicyResolver } from './chosen-resolver.ts';
import { DnsAddressResolver } from './dns-address-resolver.ts';
import { DnsRouter, type NamePool } from './dns-router.ts';
import type { FakeIp6Range } from './fake-ip6-range.ts';
import { FallbackResolver } from './fallback-resolver.ts';
import { FakeIpFilter } from './filter.ts';
import { HostTable } from './hosts.ts';
import type { MissingNames } from './missing-names.ts';
import type { NamePolicy } from './name-ways.ts';
import { NetworkNames } from './network-names.ts';
import { hasPrivateAddress } from './private-address.ts';
import { RaceResolver } from './race-resolver.ts';
import type { Resolver } from './resolver.ts';
import type { SearchList } from './search-list.ts';
import type { SystemHosts } from './system-hosts.ts';
import { type BaseResolver, SystemResolver } from './system-resolver.ts';
import { resolverOf, type UpstreamOpener, type UpstreamServices } from './upstream.ts';

export interface DnsGraphOptions {
  readonly config: DnsConfig;
  /** In force instead of the configuration's. */
  readonly mode: DnsMode;
  readonly pool: NamePool;
  readonly fake6: FakeIp6Range | undefined;
  /** `Egress` fits. */
  readonly opener: UpstreamOpener;
  /** The servers that this machine used before us. */
  readonly base: () => Promise<BaseResolver>;
  /** The domains that this machine's resolvers try behind a name. */
  readonly searchList: SearchList;
  /** The outbound of this name; undefined when there is none. Asked when a question goes there. */
  readonly outbound: (tag: string) => StreamDialer | undefined;
  /** The way that the rules choose for a connection to a nameserver. Throws DNS_NO_UPSTREAM where they reject it. */
  readonly route: (to: Endpoint, network: Network) => StreamDialer | 'direct';
  /** Names of our own servers and proxies: they never get fake addresses. */
  readonly ownNames: readonly string[];
  readonly policyOf: (name: string) => NamePolicy;
  /** The search list names a domain that the internet knows. */
  readonly onPublicSearchDomain: (domain: string) => void;
  readonly missing: MissingNames;
  readonly memory: AddressMemory;
  /** The machine's own hosts file. */
  readonly systemHosts: SystemHosts | undefined;
  /** Whether IPv6 destinations can be reached now. */
  readonly ipv6: () => boolean;
  /** Answers of this plain UDP server were seen to be forged on the way, `count` times so far. */
  readonly onForged: (server: string, count: number) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const dnsPort = 53;

export class DnsGraph {
  readonly router: DnsRouter;
  /** Which names are the network's. */
  readonly network: NetworkNames;
  /** Real addresses for DIRECT connections; these three implement the `AddressResolver` of core/outbound. */
  readonly addresses: DnsAddressResolver;
  /** For IP rules. */
  readonly matching: DnsAddressResolver;
  /** For the names of proxy servers. */
  readonly proxyServers: DnsAddressResolver;
  readonly #options: DnsGraphOptions;
  readonly #services: UpstreamServices;
  readonly #connections = new Set<Duplex>();
  /** Questions of our own outlive who caused them. */
  readonly #life = new AbortController();
  readonly #caches: CachedResolver[] = [];
  readonly #system: SystemResolver;
  /** The same, remembered. */
  readonly #networkResolver: Resolver;
  readonly #hosts: HostTable;
  readonly #remotes = new WeakMap<StreamDialer, Resolver>();
  /** By address and port: several lists may have the same server. */
  readonly #judges = new Map<string, AnswerJudge>();

  /** Throws CONFIG_INVALID with the entry named for a wrong pattern, address or outbound. Opens no socket. */
  constructor(options: DnsGraphOptions) {
    const { config, pool, opener, clock, logger } = options;
    this.#options = options;
    this.#system = new SystemResolver({
      base: options.base,
      connect: ({ address, zone }, { tcp }) => {
        const device = zone === undefined ? {} : { device: zone };
        const server = { port: dnsPort, ...device };
        return resolverOf(
          tcp ? { kind: 'tcp', host: address, ...server } : { kind: 'udp', address, ...server },
          this.#services,
        );
      },
      clock,
    });
    this.#networkResolver = this.#cached(this.#system);
    const bootstrap = this.#cached(
      config.bootstrap.length === 0
        ? this.#system
        : this.#race(config.bootstrap, {
            opener,
            system: this.#system,
            outbound: options.outbound,
            lookup: async (name) => {
              throw new AppError(
                'DNS_NO_UPSTREAM',
                `"${name}" cannot be looked up by bootstrap servers that are names`,
              );
            },
            judgeOf: (...server) => this.#judgeOf(...server),
            connections: this.#connections,
            clock,
          }),
    );
    this.#hosts = new HostTable(config.hosts, config.systemHosts ? options.systemHosts : undefined);
    const hosts = this.#hosts;
    const addressesBy = (resolver: Resolver): DnsAddressResolver =>
      new DnsAddressResolver({
        resolver,
        hosts,
        ipv6: options.ipv6,
        isFake: (ip) => pool.contains(ip),
        clock,
        isAbsent: (name) => this.router.isAbsent(name),
        expand: (name, signal) => this.#expand(name, signal),
      });
    const servers = addressesBy(bootstrap);
    this.#services = {
      opener,
      system: this.#system,
      outbound: options.outbound,
      lookup: (name, signal) => servers.resolve(name, signal),
      judgeOf: (...server) => this.#judgeOf(...server),
      connections: this.#connections,
      clock,
      route: options.route,
    };
    this.network = new NetworkNames({
      searchList: options.searchList,
      ruling: (name) => {
        const { named, outcome } = options.policyOf(name);
        return named ? (outcome === 'direct' ? 'direct' : 'proxied') : undefined;
      },
      isDirect: (name) => options.policyOf(name).outcome === 'direct',
      isPublic: (domain) => this.#isPublic(domain, believed),
      onPublic: options.onPublicSearchDomain,
      clock,
    });
    const { network } = this;
    const believedBy = (services: UpstreamServices): Resolver => {
      const usual = this.#race(config.nameserver, services);
      if (config.fallback.length === 0) return usual;
      return new FallbackResolver(usual, this.#race(config.fallback, services), config.fallbackFilter, clock);
    };
    const believed = believedBy(this.#services);
    const policed = new DomainTrie<true>();
    for (const { patterns } of config.nameserverPolicy) for (const pattern of patterns) policed.insert(pattern, true);
    const sorted = (others: Resolver): Resolver => new NetworkResolver(others, this.#system, network);
    const policedBy = (usually: Resolver, services: UpstreamServices): Resolver => {
      const policy = config.nameserverPolicy.map((entry) => ({
        ...entry,
        resolver: this.#race(entry.servers, services),
      }));
      return this.#cached(policy.length === 0 ? usually : new PolicyResolver(usually, policy));
    };
    const resolver = policedBy(sorted(believed), this.#services);
    const { directNameserver } = config;
    const direct =
      directNameserver.length === 0 ? resolver : this.#cached(sorted(this.#race(directNameserver, this.#services)));
    // Who names a server so wants it asked for, whatever its name says.
    const own: ReadonlySet<string> = new Set([...options.ownNames, ...namesOf(config)]);
    this.router = new DnsRouter({
      pool,
      fake6: options.fake6,
      hosts,
      filter: new FakeIpFilter(config.fakeIpFilter, [...own, ...blockedBy(config)]),
      network,
      networkResolver: this.#networkResolver,
      resolver,
      directResolver: direct,
      mode: options.mode,
      truthful: config.truthful,
      policyOf: options.policyOf,
      hasServers: (name) => policed.lookup(name) === true || own.has(name),
      missing: options.missing,
      remote: (tag) => this.#remoteBy(tag),
      memory: options.memory,
      blockDoh: config.blockDoh,
      ipv6: config.ipv6,
      ttl: config.fakeIpTtl,
      clock,
      logger,
    });
    this.matching = addressesBy(resolver);
    this.addresses = direct === resolver ? this.matching : addressesBy(direct);
    // Where the rules lead to a proxy, its own name cannot be asked for through it.
    const directly = { ...this.#services, route: undefined };
    const { proxyServerNameserver } = config;
    if (proxyServerNameserver.length > 0)
      this.proxyServers = addressesBy(this.#cached(this.#race(proxyServerNameserver, directly)));
    else if (isAskedByRules(config)) this.proxyServers = addressesBy(policedBy(sorted(believedBy(directly)), directly));
    else this.proxyServers = this.matching;
  }

  /** Whether a normalised name may stand for this machine or a neighbour on the link: localhost, a name of `hosts` or of the network. */
  isNear(name: string): boolean {
    return isLoopbackName(name) || this.#hosts.follow(name) !== undefined || this.network.standing(name) === 'own';
  }

  /** Where the aliases of `hosts` lead from a normalised name; the name itself without any. */
  nameBehind(name: string): string {
    return this.#hosts.follow(name)?.names.at(-1) ?? name;
  }

  /** The `remote-nameserver`s, asked through this outbound; undefined when there are none. */
  remote(outbound: StreamDialer): Resolver | undefined {
    const { remoteNameserver } = this.#options.config;
    if (remoteNameserver.length === 0) return undefined;
    const known = this.#remotes.get(outbound);
    if (known !== undefined) return known;
    const through = { ...this.#services, outbound: () => outbound };
    const servers = remoteNameserver.map((server) =>
      resolverOf(server.kind === 'system' || server.kind === 'rcode' ? server : { ...server, via: 'remote' }, through),
    );
    const resolver = this.#cached(new RaceResolver(servers, this.#options.clock));
    this.#remotes.set(outbound, resolver);
    return resolver;
  }

  /** Forgets what upstreams have answered; answers how many. */
  flush(): number {
    return this.#caches.reduce((sum, cache) => sum + cache.flush(), 0) + this.#options.missing.clear();
  }

  /** The network has changed: answers are forgotten, connections to servers made and the system's servers read anew. */
  reset(): void {
    for (const cache of this.#caches) cache.reset();
    for (const judge of this.#judges.values()) judge.reset();
    this.#system.reset();
    this.network.reset();
    for (const connection of this.#connections) connection.destroy();
  }

  /**
   * The address that the network has for a name of its own; undefined for another's name, of which nobody is told. Rejects
   * with DIAL_NAME_NOT_FOUND where it has none, and as `AddressResolver` does.
   */
  async addressInNetwork(name: string, signal: AbortSignal): Promise<Ip | undefined> {
    const standing = await this.network.settle(name);
    if (standing === 'other') return undefined;
    if (standing === 'unsure' && !(await hasPrivateAddress(this.#networkResolver, name, signal))) return undefined;
    return (await this.matching.resolve(name, signal))[0];
  }

  async #expand(name: string, signal: AbortSignal): Promise<string[]> {
    const kept: string[] = [];
    for (const { name: full, standing } of await this.network.expansionsOf(name)) {
      if (standing === 'own') kept.push(full);
      else if (standing === 'unsure' && (await hasPrivateAddress(this.#networkResolver, full, signal))) kept.push(full);
    }
    return kept;
  }

  /** Asks for the domain where its names go, and never the network itself. Undefined when it cannot be told. */
  async #isPublic(domain: string, usual: Resolver): Promise<boolean | undefined> {
    const { config, policyOf } = this.#options;
    const { outcome, tag } = policyOf(domain);
    // Where the network's servers are asked about everything, nothing is taken from anybody.
    if (outcome === 'direct' && config.nameserver.some(({ kind }) => kind === 'system')) return false;
    const resolver = outcome === 'direct' ? usual : outcome === 'proxied' ? this.#remoteBy(tag) : undefined;
    // Some servers deny a name of which they only have addresses for every other type.
    const answer = await resolver?.query({ name: domain, type: 'A' }, this.#life.signal).catch(() => undefined);
    if (answer?.message.rcode === 'NOERROR') return true;
    return answer?.message.rcode === 'NXDOMAIN' ? false : undefined;
  }

  #remoteBy(tag: string): Resolver | undefined {
    const outbound = this.#options.outbound(tag);
    return outbound === undefined ? undefined : this.remote(outbound);
  }

  #judgeOf(address: Ip, port: number): AnswerJudge {
    const { config, pool, onForged, logger } = this.#options;
    const server = `udp://${formatEndpoint({ host: address, port })}`;
    const known = this.#judges.get(server);
    if (known !== undefined) return known;
    let count = 0;
    const judge = new AnswerJudge({
      isFake: (ip) => pool.contains(ip),
      unreal: config.fallbackFilter.ipcidr.flatMap((text) => parseCidr(text) ?? []),
      onForged: ({ name, given }) => {
        count += 1;
        if (count === 1) logger.child('dns').warning('answers of a server are forged on the way', { server, name });
        onForged(server, count);
        // What was believed wrongly is not told again.
        if (given) for (const cache of this.#caches) cache.flush();
      },
    });
    this.#judges.set(server, judge);
    return judge;
  }

  #race(list: readonly UpstreamConfig[], services: UpstreamServices): Resolver {
    return new RaceResolver(
      list.map((server) => resolverOf(server, services)),
      this.#options.clock,
    );
  }

  #cached(inner: Resolver): CachedResolver {
    const cache = new CachedResolver(new AliasResolver(inner), this.#options.clock, this.#options.config.cacheSize);
    this.#caches.push(cache);
    return cache;
  }
}

/** Whether a server for usual names is. */
function isAskedByRules({ nameserver, fallback, nameserverPolicy }: DnsConfig): boolean {
  const all = [...nameserver, ...fallback, ...nameserverPolicy.flatMap(({ servers }) => servers)];
  return all.some((server) => 'byRules' in server && server.byRules === true);
}

/** Names that the policy answers with a code: whoever writes that wants them answered so, not with fake addresses. */
function blockedBy({ nameserverPolicy }: DnsConfig): string[] {
  return nameserverPolicy.flatMap(({ patterns, servers }) =>
    servers.every(({ kind }) => kind === 'rcode') ? patterns : [],
  );
}

/** Names of the nameservers themselves. */
function namesOf(config: DnsConfig): string[] {
  const { nameserver, fallback, nameserverPolicy, proxyServerNameserver, directNameserver } = config;
  const all = [
    ...nameserver,
    ...fallback,
    ...nameserverPolicy.flatMap(({ servers }) => servers),
    ...proxyServerNameserver,
    ...directNameserver,
  ];
  return all.flatMap((server) => ('host' in server && parseIp(server.host) === undefined ? [server.host] : []));
}
