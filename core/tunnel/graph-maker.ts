/** Makes the graph of a configuration: hands it what of the machine and of the process it needs. Puts none in force. */
import type { Config } from '../contract/config.ts';
import type { FakeIpPool } from '../dns/fake-ip/fake-ip-pool.ts';
import type { Egress } from '../outbound/egress.ts';
import type { RuleSets } from '../rule/rule-set.ts';
import { ConfigGraph } from './config-graph.ts';
import type { DnsNotes } from './dns-notes.ts';
import type { FakeIpPools } from './fake-ip-pools.ts';
import { ForgedAnswerWarning } from './forged-answer-warning.ts';
import type { KernelRouteView } from './kernel-route-view.ts';
import type { LastingState } from './lasting-state.ts';
import type { SearchListWarning } from './search-list-warning.ts';
import { ipv4Probe, ipv6Probe, type TunnelServices } from './tunnel-services.ts';

export interface GraphMakerOptions {
  readonly services: Pick<TunnelServices, 'network' | 'systemDns' | 'health' | 'clock' | 'log'>;
  readonly lasting: LastingState;
  readonly mappings: FakeIpPools;
  readonly ways: Pick<KernelRouteView, 'deviceFor'>;
  readonly egress: Egress;
  readonly notes: DnsNotes;
  readonly searchWarning: SearchListWarning;
}

export class GraphMaker {
  readonly #options: GraphMakerOptions;
  readonly #forgedAnswers: ForgedAnswerWarning;

  constructor(options: GraphMakerOptions) {
    this.#options = options;
    this.#forgedAnswers = new ForgedAnswerWarning(options.services.health, options.services.clock);
  }

  /** Throws CONFIG_INVALID for what cannot be put in force. Changes nothing, opens nothing. */
  make(config: Config, sets: RuleSets, pool: FakeIpPool): ConfigGraph {
    const { lasting, mappings, ways, egress, notes, searchWarning } = this.#options;
    const { network, systemDns, clock, log } = this.#options.services;
    return new ConfigGraph(config, pool, {
      sets,
      egress,
      fakeIp: mappings,
      base: async () => {
        const [servers, options] = await Promise.all([systemDns.baseServers(), systemDns.baseOptions()]);
        return { servers, options };
      },
      lasting,
      ipv6: () => ways.deviceFor(ipv6Probe) !== undefined,
      hasIpv6: network.ipv6Available(),
      hasIpv4: ways.deviceFor(ipv4Probe) !== undefined,
      onForged: (...told) => this.#forgedAnswers.raise(...told),
      onPublicSearchDomain: (domain) => {
        searchWarning.raise(domain);
        notes.publicSearchDomain(domain);
      },
      clock,
      log,
    });
  }
}
