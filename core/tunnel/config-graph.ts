/** Everything that one configuration decides, built whole or not at all: rules, outbounds, DNS. Replaced together. */
import type { Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { parseCidr } from '../base/cidr.ts';
import type { Clock } from '../base/clock.ts';
import { normaliseDomain } from '../base/domain.ts';
import type { Logger } from '../base/logger.ts';
import { parseScopedIp } from '../base/scoped-address.ts';
import type { Config, DnsConfig, DnsMode } from '../contract/config.ts';
import type { Endpoint, RuleTrace } from '../contract/flow.ts';
import type { AddressMemory } from '../dns/address-memory.ts';
import { DnsGraph } from '../dns/dns-graph.ts';
import type { FakeIpPool } from '../dns/fake-ip-pool.ts';
import { FakeIp6Range } from '../dns/fake-ip6-range.ts';
import type { MissingNames } from '../dns/missing-names.ts';
import type { NamePolicy } from '../dns/name-ways.ts';
import type { SearchList } from '../dns/search-list.ts';
import type { SystemHosts } from '../dns/system-hosts.ts';
import type { BaseResolver } from '../dns/system-resolver.ts';
import type { Metadata, Network } from '../flow/metadata.ts';
import type { Outbound, StreamDialer } from '../outbound/dialer.ts';
import type { Egress } from '../outbound/egress.ts';
import { OutboundManager } from '../outbound/outbound-manager.ts';
import { RuleEngine } from '../rule/rule-engine.ts';
import { Sniffer } from '../sniff/sniffer.ts';
import type { FakeIpView } from './enrich.ts';
import type { DispatchPolicy } from './name-search.ts';

export interface ConfigGraphServices {
  /** Which names do not exist, and which name an address was answered for: older than one configuration. */
  readonly missing: MissingNames;
  readonly memory: AddressMemory;
  /** Chosen instead of the configuration's; null = as it says. */
  readonly dnsMode: DnsMode | null;
  readonly egress: Egress;
  /** All fake addresses that are understood, of former ranges too. */
  readonly fakeIp: FakeIpView;
  /** The DNS servers that this machine used before us. */
  readonly base: () => Promise<BaseResolver>;
  readonly searchList: SearchList;
  /** The machine's own hosts file. */
  readonly systemHosts: SystemHosts;
  /** Whether IPv6 destinations can be reached now. */
  readonly ipv6: () => boolean;
  /** Whether programs of this machine can use IPv6 at all. */
  readonly hasIpv6: boolean;
  /** Answers of this plain UDP server were seen to be forged on the way, `count` times so far. */
  readonly onForged: (server: string, count: number) => void;
  /** The search list names a domain that the internet knows; its names are left to the rules. */
  readonly onPublicSearchDomain: (domain: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Milliseconds for a dial that the data plane does. */
const dialMs = 10_000;
const dnsPort = 53;

export class ConfigGraph implements DispatchPolicy {
  readonly config: Config;
  /** Where names get their addresses from. */
  readonly pool: FakeIpPool;
  /** IPv6 addresses to go with them; undefined = none. */
  readonly fake6: FakeIp6Range | undefined;
  readonly rules: RuleEngine;
  readonly outbounds: OutboundManager;
  readonly dns: DnsGraph;
  readonly sniffer: Sniffer;
  #base: readonly Endpoint[] = [];

  /** Throws CONFIG_INVALID for what cannot be put in force. Opens nothing. */
  constructor(config: Config, pool: FakeIpPool, services: ConfigGraphServices) {
    const { egress, fakeIp, base, ipv6, hasIpv6, missing, memory, dnsMode, onForged, clock, log } = services;
    const { fakeIpRange6 } = config.dns;
    this.fake6 = fakeIpRange6 === null || !hasIpv6 ? undefined : new FakeIp6Range(fakeIpRange6);
    const isFake = (ip: Ip) => this.fake6?.embeddedIn(ip) !== undefined || pool.contains(ip) || fakeIp.contains(ip);
    this.config = config;
    this.pool = pool;
    this.rules = new RuleEngine(config.rules);
    this.sniffer = new Sniffer(config.sniffer);
    this.dns = new DnsGraph({
      config: config.dns,
      mode: dnsMode ?? config.dns.mode,
      pool: {
        allocateAll: (requests) => pool.allocateAll(requests),
        answerKnown: (name) => pool.answerKnown(name),
        lookup: (ip) => pool.lookup(ip) ?? fakeIp.lookup(ip),
        contains: isFake,
      },
      fake6: this.fake6,
      opener: egress,
      base,
      searchList: services.searchList,
      systemHosts: services.systemHosts,
      outbound: (tag) => this.outbounds.get(tag),
      route: (to, network) => this.#routeOf(to, network),
      ownNames: config.proxies.flatMap((proxy) =>
        proxy.type === 'socks5' && parseScopedIp(proxy.server) === undefined ? [normaliseDomain(proxy.server)] : [],
      ),
      policyOf: (name) => this.#policyOf(name),
      onPublicSearchDomain: services.onPublicSearchDomain,
      missing,
      memory,
      ipv6,
      onForged,
      clock,
      logger: log,
    });
    const { addresses: resolver, proxyServers } = this.dns;
    const isNear = (name: string) => this.dns.isNear(normaliseDomain(name));
    const outboundServices = { egress, resolver, proxyServers, isFake, isNear, clock, timeoutMs: dialMs };
    this.outbounds = new OutboundManager(config.proxies, outboundServices, () => [
      ...serversOf(config.dns),
      ...this.#baseServers(base),
    ]);
    this.#checkPolicies();
    this.#checkExcluded();
  }

  /** The machine's own servers as they were read last; they are read anew meanwhile. */
  #baseServers(base: ConfigGraphServices['base']): readonly Endpoint[] {
    void this.#readBase(base);
    return this.#base;
  }

  async #readBase(base: ConfigGraphServices['base']): Promise<void> {
    try {
      const servers = (await base()).servers.map((host) => ({ host, port: dnsPort }));
      if (JSON.stringify(servers) === JSON.stringify(this.#base)) return;
      this.#base = servers;
      this.outbounds.forgetLocal();
    } catch {
      // Who cannot be told cannot be asked either.
    }
  }

  nameBehind(name: string): string {
    return this.dns.nameBehind(name);
  }

  isOfNetwork(name: string): boolean {
    const standing = this.dns.network.standing(normaliseDomain(name));
    return standing === 'own' || standing === 'unsure';
  }

  addressInNetwork(name: string, signal: AbortSignal): Promise<Ip | undefined> {
    return this.dns.addressInNetwork(normaliseDomain(name), signal);
  }

  /** What would become of a flow to this host, with every rule tested on the way. */
  async explain(metadata: Metadata, signal: AbortSignal): Promise<RuleTrace> {
    const resolveIp = async (name: string) => (await this.dns.matching.resolve(name, signal))[0];
    const { rule, steps, resolved } = await this.rules.explain(metadata, resolveIp);
    return {
      host: metadata.destination.host,
      port: metadata.destination.port,
      network: metadata.network,
      steps,
      ...(resolved === undefined ? {} : { resolved }),
      rule,
      chain: [...(this.outbounds.route(rule.policy)?.chain ?? [])],
    };
  }

  /** What the rules say about a name, whatever connection comes to it. */
  #policyOf(name: string): NamePolicy {
    const { policy, named, before } = this.rules.byName(name);
    const isDirect = (possible: string): boolean => this.outbounds.route(possible)?.outbound.kind === 'direct';
    const surelyDirect = isDirect(policy) && before.every(isDirect);
    const outbound = this.outbounds.route(policy)?.outbound;
    return { surelyDirect, outcome: outcomeOf(outbound?.kind), tag: outbound?.tag ?? policy, named };
  }

  /** As a connection of ours to it would go. A name is not looked up for the rules: that would ask the very server. */
  #routeOf(to: Endpoint, network: Network): StreamDialer | 'direct' {
    const source = { host: '0.0.0.0', port: 0 };
    const facts = { network, inbound: 'mixed', source, destination: to, originalDestination: to } as const;
    const outbound = this.outbounds.route(this.rules.withoutLookup(facts))?.outbound;
    if (outbound === undefined || outbound.kind === 'reject')
      throw new AppError('DNS_NO_UPSTREAM', `the rules refuse connections to the nameserver ${to.host}`);
    return outbound.kind === 'direct' ? 'direct' : outbound;
  }

  #checkExcluded(): void {
    for (const [index, prefix] of this.config.tun.routeExclude.entries()) {
      const cidr = parseCidr(prefix);
      if (cidr !== undefined && cidr.prefix > 0) continue;
      const what = cidr === undefined ? 'not an address prefix' : 'every address';
      throw new AppError('CONFIG_INVALID', `tun.routeExclude[${index}]: "${prefix}" is ${what}`, {
        expected: 'prefixes of a part of the addresses, such as 192.0.2.0/24 or 2001:db8::/32',
      });
    }
  }

  #checkPolicies(): void {
    for (const tag of viaOf(this.config.dns)) {
      if (this.outbounds.get(tag) !== undefined) continue;
      throw new AppError('CONFIG_INVALID', `dns: there is no outbound named "${tag}"`);
    }
    for (const [index, { policy }] of this.config.rules.entries()) {
      if (this.outbounds.get(policy) !== undefined) continue;
      throw new AppError('CONFIG_INVALID', `rules[${index}]: there is no outbound named "${policy}"`, {
        expected: `one of ${this.outbounds.tags().slice(0, 20).join(', ')}`,
      });
    }
  }
}

function outcomeOf(kind: Outbound['kind'] | undefined): NamePolicy['outcome'] {
  return kind === 'direct' || kind === 'reject' ? kind : 'proxied';
}

/** The outbounds that questions go through. */
function viaOf(dns: DnsConfig): Set<string> {
  return new Set(serversOf(dns).flatMap((server) => server.via ?? []));
}

/** Nameservers that are reached by a connection. */
function serversOf(dns: DnsConfig): { host: string; port: number; via?: string | undefined }[] {
  const all = [
    ...dns.nameserver,
    ...dns.fallback,
    ...dns.nameserverPolicy.flatMap((entry) => entry.servers),
    ...dns.proxyServerNameserver,
    ...dns.directNameserver,
    ...dns.bootstrap,
  ];
  return all.flatMap((server) => {
    if (server.kind === 'system' || server.kind === 'rcode') return [];
    const { port, via } = server;
    return [{ host: server.kind === 'udp' ? server.address : server.host, port, via }];
  });
}
