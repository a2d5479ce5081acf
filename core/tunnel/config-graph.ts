/** Everything that one configuration decides, built whole or not at all: rules, outbounds, DNS. Replaced together. */
import { type Ip, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { parseCidr } from '../base/cidr.ts';
import type { Clock } from '../base/clock.ts';
import { normaliseDomain } from '../base/domain.ts';
import type { Logger } from '../base/logger.ts';
import { parseScopedIp } from '../base/scoped-address.ts';
import type { Config } from '../contract/config.ts';
import type { DnsConfig } from '../contract/dns-config.ts';
import type { Endpoint, RuleTrace } from '../contract/flow.ts';
import type { RuleRow } from '../contract/rpc.ts';
import { DnsGraph } from '../dns/dns-graph.ts';
import type { FakeIpPool } from '../dns/fake-ip/fake-ip-pool.ts';
import { FakeIp6Range } from '../dns/fake-ip/fake-ip6-range.ts';
import type { BaseResolver } from '../dns/resolver/system-resolver.ts';
import type { Metadata, Network } from '../flow/metadata.ts';
import { ConfiguredPolicies } from '../outbound/configured-policies.ts';
import type { StreamDialer } from '../outbound/dialer.ts';
import type { Egress } from '../outbound/egress.ts';
import { LocalServers } from '../outbound/local-servers.ts';
import { ownServersOf } from '../outbound/own-servers.ts';
import { RuleEngine } from '../rule/rule-engine.ts';
import type { RuleSets } from '../rule/rule-set.ts';
import { Sniffer } from '../sniff/sniffer.ts';
import type { FakeIpView } from './enrich.ts';
import type { LastingState } from './lasting-state.ts';
import type { DispatchPolicy } from './name-search.ts';
import { passesOn } from './policy.ts';
import { RuledNameSets } from './ruled-name-sets.ts';
import { RuledNames } from './ruled-names.ts';
import { RulesByMode } from './rules-by-mode.ts';

export interface ConfigGraphServices {
  /** What is older than this configuration, and outlives it. */
  readonly lasting: LastingState;
  /** What is in the sets that its rules name. */
  readonly sets: RuleSets;
  readonly egress: Egress;
  /** All fake addresses that are understood, of former ranges too. */
  readonly fakeIp: FakeIpView;
  /** The DNS servers that this machine used before us. */
  readonly base: () => Promise<BaseResolver>;
  /** Whether IPv6 destinations can be reached now. */
  readonly ipv6: () => boolean;
  /** Whether programs of this machine can use IPv6 at all. */
  readonly hasIpv6: boolean;
  /** Whether anything leads to IPv4 destinations now. */
  readonly hasIpv4: boolean;
  /** Answers of this plain UDP server were seen to be forged on the way, `count` times so far. */
  readonly onForged: (server: string, count: number) => void;
  /** The search list names a domain that the internet knows; its names are left to the rules. */
  readonly onPublicSearchDomain: (domain: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Milliseconds for a dial that the data plane does. */
const dialMs = 10_000;
const usualFakeRange6 = 'fdfe:dcba:9877::/96';
const dnsPort = 53;

export class ConfigGraph implements DispatchPolicy {
  readonly config: Config;
  /** Where names get their addresses from. */
  readonly pool: FakeIpPool;
  /** IPv6 addresses to go with them; undefined = none. */
  readonly fake6: FakeIp6Range | undefined;
  /** The list itself; what decides is `rules`. */
  readonly ruleList: RuleEngine;
  readonly rules: RulesByMode;
  readonly policies: ConfiguredPolicies;
  readonly ownServers: LocalServers;
  readonly dns: DnsGraph;
  readonly sniffer: Sniffer;
  readonly #services: ConfigGraphServices;
  #base: readonly Endpoint[] = [];

  /** Throws CONFIG_INVALID for what cannot be put in force. Opens nothing. */
  constructor(config: Config, pool: FakeIpPool, services: ConfigGraphServices) {
    const { egress, fakeIp, base, ipv6, lasting, onForged, clock, log } = services;
    const range6 = fakeRange6Of(config.dns, services);
    this.fake6 = range6 === null ? undefined : new FakeIp6Range(range6);
    const isFake = (ip: Ip) => this.fake6?.embeddedIn(ip) !== undefined || pool.contains(ip) || fakeIp.contains(ip);
    const proxyServers = ownServersOf(config);
    this.#services = services;
    this.config = config;
    this.pool = pool;
    this.ruleList = new RuleEngine(config.rules, {
      subRules: config.subRules,
      sets: services.sets,
      known: lasting.knownRules,
    });
    this.rules = new RulesByMode(this.ruleList, lasting.policies.modeOver(config.mode));
    // DNS and outbounds need each other: names are asked for only later.
    const names = new RuledNames(this.rules, () => this.policies);
    const nameSets = new RuledNameSets(config, services.sets);
    this.sniffer = new Sniffer(config.sniffer, (set, name) => nameSets.has(set, normaliseDomain(name)));
    this.dns = new DnsGraph({
      config: config.dns,
      lasting: lasting.dns,
      outboundTexts: new Map(
        [...config.proxies, ...config.groups].map((policy) => [policy.name, JSON.stringify(policy)]),
      ),
      pool: {
        allocateAll: (requests) => pool.allocateAll(requests),
        answerKnown: (asked, now) => pool.answerKnown(asked, now),
        lookup: (ip) => pool.lookup(ip) ?? fakeIp.lookup(ip),
        contains: isFake,
      },
      fake6: this.fake6,
      opener: egress,
      base,
      searchList: lasting.searchList,
      systemHosts: lasting.systemHosts,
      sets: nameSets,
      outbound: (policy) => this.policies.route(policy)?.outbound,
      route: (to, network) => this.#routeOf(to, network),
      ownNames: proxyServers.flatMap(({ host }) => (parseScopedIp(host) === undefined ? [normaliseDomain(host)] : [])),
      policies: names,
      onPublicSearchDomain: services.onPublicSearchDomain,
      missing: lasting.missing,
      memory: lasting.memory,
      ipv6,
      onForged,
      clock,
      logger: log,
    });
    const outboundServices = {
      egress,
      resolver: this.dns.addresses,
      proxyServers: this.dns.proxyServers,
      isFake,
      isNear: (name: string) => this.dns.isNear(normaliseDomain(name)),
      clock,
      timeoutMs: dialMs,
    };
    this.policies = new ConfiguredPolicies(config, outboundServices, lasting.policies);
    this.ownServers = new LocalServers({
      proxies: proxyServers,
      others: () => [...nameserversOf(config.dns), ...this.#baseServers(base), ...lasting.dns.places.resolvers],
      egress,
      clock,
    });
    this.#checkPolicies();
    this.#checkExcluded();
  }

  /** This graph is in force from now on. */
  takeOver(): void {
    this.policies.takeOver();
    this.dns.takeOver();
  }

  /** Servers that are asked directly at the port of DNS, the machine's own among them. */
  async plainServers(): Promise<Endpoint[]> {
    const { servers } = await this.#services.base();
    const all = [
      ...nameserversOf(this.config.dns),
      ...servers.map((host) => ({ host, port: dnsPort, via: undefined })),
    ];
    const asked = all.filter(
      ({ host, port, via }) => via === undefined && port === dnsPort && parseIp(host) !== undefined,
    );
    return asked.map(({ host, port }) => ({ host, port }));
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
      this.ownServers.forget();
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
    const { rule, steps, resolved } = await this.rules.explain(metadata, resolveIp, (policy) => {
      const outbound = this.policies.route(policy)?.outbound;
      return outbound && passesOn(outbound, metadata.network);
    });
    const route = this.policies.route(rule.policy);
    return {
      host: metadata.destination.host,
      port: metadata.destination.port,
      network: metadata.network,
      steps,
      ...(resolved === undefined ? {} : { resolved }),
      rule,
      chain: [...(route?.chain ?? [])],
      ...(route === undefined ? {} : { way: route.outbound.way }),
      ...(route?.outbound.refusal === undefined ? {} : { refusal: route.outbound.refusal }),
    };
  }

  /** The list as people see it. */
  ruleRows(): RuleRow[] {
    return this.ruleList.rows().map((row) => {
      // Where a sub-rule leads, its list says.
      const way = row.type === 'SUB-RULE' ? undefined : this.policies.route(row.policy)?.outbound.way;
      return way === undefined ? row : { ...row, way };
    });
  }

  /** As a connection of ours to it would go. A name is not looked up for the rules: that would ask the very server. */
  #routeOf(to: Endpoint, network: Network): StreamDialer | 'direct' {
    const source = { host: '0.0.0.0', port: 0 };
    const facts = { network, inbound: 'mixed', source, destination: to, originalDestination: to } as const;
    const outbound = this.policies.route(
      this.rules.withoutLookup(facts, (name) => this.policies.route(name)?.outbound.passes === true),
    )?.outbound;
    if (outbound === undefined || outbound.way === 'rejected')
      throw new AppError('DNS_NO_UPSTREAM', `the rules refuse connections to the nameserver ${to.host}`);
    return outbound.way === 'direct' ? 'direct' : outbound;
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
      if (this.policies.leavesOf(tag).length > 0) continue;
      throw new AppError('CONFIG_INVALID', `dns: there is no outbound named "${tag}"`);
    }
    for (const { policy, where } of this.ruleList.policies()) {
      if (this.policies.leavesOf(policy).length > 0) continue;
      throw new AppError('CONFIG_INVALID', `${where}: there is no outbound named "${policy}"`, {
        expected: `one of ${this.policies.names().slice(0, 20).join(', ')}`,
      });
    }
  }
}

/** The outbounds that questions go through. */
function viaOf(dns: DnsConfig): Set<string> {
  return new Set(nameserversOf(dns).flatMap((server) => server.via ?? []));
}

/**
 * Where fake IPv6 addresses come from, if names are to have any. Where nothing leads to IPv4 programs may want IPv6 alone, and get it
 * without being configured.
 */
function fakeRange6Of({ fakeIpRange6, ipv6 }: DnsConfig, has: Pick<ConfigGraphServices, 'hasIpv4' | 'hasIpv6'>) {
  if (!has.hasIpv6) return null;
  return fakeIpRange6 ?? (ipv6 && !has.hasIpv4 ? usualFakeRange6 : null);
}

/** Nameservers that are reached by a connection. */
function nameserversOf(dns: DnsConfig): { host: string; port: number; via?: string | undefined }[] {
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
