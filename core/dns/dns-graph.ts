/**
 * Wires the DNS side of one configuration: who is asked about what, the router, and the address resolvers for rules and
 * outbounds. A reload builds a new graph and gives its router to the `DnsServer`; pool, log and server outlive it.
 */
import { type Ip, parseIp } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { isLoopbackName } from '../base/special-names.ts';
import type { DnsConfig, UpstreamConfig } from '../contract/dns-config.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { Network } from '../flow/metadata.ts';
import type { StreamDialer } from '../outbound/dialer.ts';
import type { FakeIp6Range } from './fake-ip/fake-ip6-range.ts';
import type { DnsInForce, LastingDns } from './lasting-dns.ts';
import type { AddressMemory } from './names/address-memory.ts';
import { FakeIpFilter } from './names/filter.ts';
import { HostTable } from './names/hosts.ts';
import type { MissingNames } from './names/missing-names.ts';
import { type NameSets, noNameSets } from './names/name-sets.ts';
import { NetworkNames } from './names/network-names.ts';
import { hasPrivateAddress } from './names/private-address.ts';
import type { SearchList } from './names/search-list.ts';
import type { SystemHosts } from './names/system-hosts.ts';
import type { AskedNames } from './resolver/asked-names.ts';
import type { Resolver } from './resolver/resolver.ts';
import type { BaseResolver } from './resolver/system-resolver.ts';
import { NameserverPolicy, NetworkResolver, PolicyResolver } from './router/chosen-resolver.ts';
import { DnsAddressResolver } from './router/dns-address-resolver.ts';
import { DnsRouter, type NamePool } from './router/dns-router.ts';
import { FallbackResolver } from './router/fallback-resolver.ts';
import type { NamePolicies } from './router/name-ways.ts';
import type { UpstreamOpener, UpstreamServices } from './upstream/upstream.ts';
import { Upstreams } from './upstreams.ts';

export interface DnsGraphOptions {
  readonly config: DnsConfig;
  /** What is older than this graph, and will be there after it. */
  readonly lasting: LastingDns;
  readonly pool: NamePool;
  readonly fake6: FakeIp6Range | undefined;
  /** `Egress` fits. */
  readonly opener: UpstreamOpener;
  /** The servers that this machine used before us. */
  readonly base: () => Promise<BaseResolver>;
  /** The domains that this machine's resolvers try behind a name. */
  readonly searchList: SearchList;
  /** What a policy leads to now; undefined when there is none of this name. Asked anew for each question that goes there. */
  readonly outbound: (policy: string) => (StreamDialer & { readonly tag: string }) | undefined;
  /** How each outbound is configured, by its tag: what was learnt through it holds as long as that is the same. */
  readonly outboundTexts: ReadonlyMap<string, string>;
  /** The way that the rules choose for a connection to a nameserver. Throws DNS_NO_UPSTREAM where they reject it. */
  readonly route: (to: Endpoint, network: Network) => StreamDialer | 'direct';
  /** Names of our own servers and proxies: they never get fake addresses. */
  readonly ownNames: readonly string[];
  readonly policies: NamePolicies;
  /** The search list names a domain that the internet knows. */
  readonly onPublicSearchDomain: (domain: string) => void;
  readonly missing: MissingNames;
  readonly memory: AddressMemory;
  /** The machine's own hosts file. */
  readonly systemHosts: SystemHosts | undefined;
  /** What is in the sets that the configuration names. */
  readonly sets?: NameSets;
  /** Whether IPv6 destinations can be reached now. */
  readonly ipv6: () => boolean;
  /** Answers of this plain UDP server were seen to be forged on the way, `count` times so far. */
  readonly onForged: (server: string, count: number) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class DnsGraph implements DnsInForce {
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
  readonly #upstreams: Upstreams;
  /** Questions of our own outlive who caused them. */
  readonly #life = new AbortController();
  readonly #hosts: HostTable;

  /** Throws CONFIG_INVALID with the entry named for a wrong pattern, address or outbound. Opens no socket. */
  constructor(options: DnsGraphOptions) {
    const { config, pool, clock, logger, sets = noNameSets } = options;
    this.#options = options;
    this.#hosts = new HostTable(config.hosts, config.systemHosts ? options.systemHosts : undefined);
    const hosts = this.#hosts;
    const upstreams = new Upstreams({
      ...options,
      isFake: (ip) => pool.contains(ip),
      lookup: (name, signal) => servers.resolve(name, signal),
    });
    this.#upstreams = upstreams;
    const { system } = upstreams;
    const addressesBy = (resolver: Resolver): DnsAddressResolver =>
      new DnsAddressResolver({
        resolver,
        hosts,
        ipv6: options.ipv6,
        isFake: (ip) => pool.contains(ip),
        clock,
        isAbsent: (name) => this.router.isAbsent(name),
        expand: (name, signal) => this.network.expansionsOf(name, signal),
      });
    const servers = addressesBy(upstreams.cached(upstreams.bootstrap(), { use: 'servers', servers: config.bootstrap }));
    const networkResolver = upstreams.cached(system, { use: 'network' });
    this.network = new NetworkNames({
      searchList: options.searchList,
      ruling: (name) => {
        const { named, way } = options.policies.of(name);
        return named ? (way === 'direct' ? 'direct' : 'proxied') : undefined;
      },
      isDirect: (name) => options.policies.of(name).way === 'direct',
      policyRevision: () => options.policies.revision,
      isPublic: (domain) => this.#isPublic(domain, believed),
      hasPrivateAddress: (name, signal) => hasPrivateAddress(networkResolver, name, signal),
      onPublic: options.onPublicSearchDomain,
      clock,
    });
    const { network } = this;
    const believedBy = (change: Partial<UpstreamServices>): Resolver => {
      const usual = upstreams.race(config.nameserver, change);
      if (config.fallback.length === 0) return usual;
      return new FallbackResolver(usual, upstreams.race(config.fallback, change), config.fallbackFilter, clock);
    };
    const believed = believedBy({});
    const policy = new NameserverPolicy(config.nameserverPolicy, sets);
    const sorted = (others: Resolver): Resolver => new NetworkResolver(others, system, network);
    const { nameserver, fallback, fallbackFilter, nameserverPolicy, directNameserver, proxyServerNameserver } = config;
    const usesSets = nameserverPolicy.some((entry) => entry.sets !== undefined);
    const usualServers = [nameserver, fallback, fallbackFilter, nameserverPolicy, usesSets ? sets.identity : ''];
    const usualList = [...nameserver, ...fallback, ...nameserverPolicy.flatMap((entry) => entry.servers)];
    const policedBy = (use: string, usually: Resolver, change: Partial<UpstreamServices>): Resolver =>
      upstreams.cached(new PolicyResolver(usually, policy, ({ servers: list }) => upstreams.race(list, change)), {
        use,
        servers: usualServers,
        byRules: isAskedByRules(usualList),
      });
    const resolver = policedBy('usual', sorted(believed), {});
    const direct =
      directNameserver.length === 0
        ? resolver
        : upstreams.cached(sorted(upstreams.race(directNameserver)), {
            use: 'direct',
            servers: directNameserver,
            byRules: isAskedByRules(directNameserver),
          });
    // Who names a server so wants it asked for, whatever its name says.
    const own: ReadonlySet<string> = new Set([...options.ownNames, ...namesOf(config)]);
    this.router = new DnsRouter({
      pool,
      fake6: options.fake6,
      hosts,
      filter: new FakeIpFilter(config.fakeIpFilter, [...own], sets),
      network,
      resolver,
      directResolver: direct,
      mode: options.lasting.modeOver(config.mode),
      truthful: config.truthful,
      policies: options.policies,
      hasServers: (name) => policy.entryOf(name) !== undefined || own.has(name),
      answersByCode: (name) => policy.answersByCode(name),
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
    const directly = { route: undefined };
    if (proxyServerNameserver.length > 0) {
      const list = upstreams.race(proxyServerNameserver, directly);
      this.proxyServers = addressesBy(upstreams.cached(list, { use: 'proxies', servers: proxyServerNameserver }));
    } else if (isAskedByRules(usualList)) {
      this.proxyServers = addressesBy(policedBy('proxies', sorted(believedBy(directly)), directly));
    } else this.proxyServers = this.matching;
  }

  /** Names that servers are being asked for. */
  get asked(): AskedNames {
    return this.#upstreams.asked;
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
  remote(outbound: StreamDialer & { readonly tag: string }): Resolver | undefined {
    return this.#upstreams.remote(outbound);
  }

  /** This graph is in force from now on. */
  takeOver(): void {
    this.#options.lasting.use(this);
  }

  remembersAs(key: string): boolean {
    return this.#upstreams.remembersAs(key);
  }

  isRuled(name: string): boolean {
    return this.network.concerns(name);
  }

  isFake(ip: Ip): boolean {
    return this.#options.pool.contains(ip);
  }

  /** Forgets what upstreams have answered; returns how many answers. */
  flush(): number {
    return this.#options.lasting.flush() + this.#options.missing.clear();
  }

  /** The network has changed: answers are forgotten, connections to servers made and the system's servers read anew. */
  reset(): void {
    this.#upstreams.reset();
    this.network.reset();
  }

  /**
   * The address that the network has for a name of its own; undefined for another's name, of which nobody is told. Rejects
   * with DIAL_NAME_NOT_FOUND where it has none, and as `AddressResolver` does.
   */
  async addressInNetwork(name: string, signal: AbortSignal): Promise<Ip | undefined> {
    if (!(await this.network.isOwn(name, signal))) return undefined;
    return (await this.matching.resolve(name, signal))[0];
  }

  /** Asks for the domain where its names go, and never the network itself. Undefined when it cannot be told. */
  async #isPublic(domain: string, usual: Resolver): Promise<boolean | undefined> {
    const { config, policies } = this.#options;
    const { way, tag } = policies.of(domain);
    // Where the network's servers are asked about everything, nothing is taken from anybody.
    if (way === 'direct' && config.nameserver.some(({ kind }) => kind === 'system')) return false;
    const resolver = way === 'direct' ? usual : way === 'proxied' ? this.#remoteBy(tag) : undefined;
    // Some servers deny a name of which they only have addresses for every other type.
    const answer = await resolver?.query({ name: domain, type: 'A' }, this.#life.signal).catch(() => undefined);
    if (answer?.message.rcode === 'NOERROR') return true;
    return answer?.message.rcode === 'NXDOMAIN' ? false : undefined;
  }

  #remoteBy(tag: string): Resolver | undefined {
    const outbound = this.#options.outbound(tag);
    return outbound === undefined ? undefined : this.remote(outbound);
  }
}

/** Whether the rules say how one of them is reached. */
function isAskedByRules(servers: readonly UpstreamConfig[]): boolean {
  return servers.some((server) => 'byRules' in server && server.byRules === true);
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
