/** Everything that one configuration decides, built whole or not at all: rules, outbounds, DNS. Replaced together. */
import type { Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Config } from '../contract/config.ts';
import type { RuleTrace } from '../contract/flow.ts';
import { DnsGraph } from '../dns/dns-graph.ts';
import type { FakeIpPool } from '../dns/fake-ip-pool.ts';
import type { Metadata } from '../flow/metadata.ts';
import type { Egress } from '../outbound/egress.ts';
import { OutboundManager } from '../outbound/outbound-manager.ts';
import { RuleEngine } from '../rule/rule-engine.ts';
import { Sniffer } from '../sniff/sniffer.ts';
import type { FakeIpView } from './enrich.ts';
import type { DispatchPolicy } from './name-search.ts';

export interface ConfigGraphServices {
  readonly egress: Egress;
  /** All fake addresses that are understood, of former ranges too. */
  readonly fakeIp: FakeIpView;
  /** The DNS servers that this machine used before us. */
  readonly baseServers: () => Promise<readonly Ip[]>;
  /** Whether IPv6 destinations can be reached now. */
  readonly ipv6: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Milliseconds for a dial that the data plane does. */
const dialMs = 10_000;

export class ConfigGraph implements DispatchPolicy {
  readonly config: Config;
  /** Where names get their addresses from. */
  readonly pool: FakeIpPool;
  readonly rules: RuleEngine;
  readonly outbounds: OutboundManager;
  readonly dns: DnsGraph;
  readonly sniffer: Sniffer;

  /** Throws CONFIG_INVALID for what cannot be put in force. Opens nothing. */
  constructor(config: Config, pool: FakeIpPool, services: ConfigGraphServices) {
    const { egress, fakeIp, baseServers, ipv6, clock, log } = services;
    const isFake = (ip: Ip) => pool.contains(ip) || fakeIp.contains(ip);
    this.config = config;
    this.pool = pool;
    this.rules = new RuleEngine(config.rules);
    this.sniffer = new Sniffer(config.sniffer);
    this.dns = new DnsGraph({
      config: config.dns,
      pool: {
        allocate: (name, client) => pool.allocate(name, client),
        lookup: (ip) => pool.lookup(ip) ?? fakeIp.lookup(ip),
        contains: isFake,
      },
      opener: egress,
      baseServers,
      ipv6,
      clock,
      logger: log,
    });
    const resolver = this.dns.addresses;
    this.outbounds = new OutboundManager(config.proxies, { egress, resolver, isFake, clock, timeoutMs: dialMs });
    this.#checkPolicies();
  }

  /** What would become of a flow to this host, with every rule tested on the way. */
  async explain(metadata: Metadata, signal: AbortSignal): Promise<RuleTrace> {
    const resolveIp = async (name: string) => (await this.dns.addresses.resolve(name, signal))[0];
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

  #checkPolicies(): void {
    for (const [index, { policy }] of this.config.rules.entries()) {
      if (this.outbounds.get(policy) !== undefined) continue;
      throw new AppError('CONFIG_INVALID', `rules[${index}]: there is no outbound named "${policy}"`, {
        expected: `one of ${this.outbounds.tags().slice(0, 20).join(', ')}`,
      });
    }
  }
}
