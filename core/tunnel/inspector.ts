/** What people ask about the tunnel and its rules, and what would become of something. */
import type { Clock } from '../base/clock.ts';
import { normaliseDomain } from '../base/domain.ts';
import type { RuleTrace } from '../contract/flow.ts';
import type { Params, Result, RuleRow } from '../contract/rpc.ts';
import type { Snapshot } from '../contract/status.ts';
import { askAsApplication } from '../dns/server/application-view.ts';
import type { FlowTable } from '../flow/flow-table.ts';
import type { Metadata } from '../flow/metadata.ts';
import type { ConfigGraph } from './config-graph.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { FakeIpPools } from './fake-ip-pools.ts';
import type { NetworkWatch } from './network-watch.ts';

export interface InspectorOptions {
  /** In force. */
  readonly graph: () => ConfigGraph;
  readonly flows: FlowTable;
  readonly mappings: FakeIpPools;
  readonly dispatcher: Dispatcher;
  readonly watch: NetworkWatch;
  readonly clock: Clock;
}

export class Inspector {
  readonly #options: InspectorOptions;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  fakeIp(): Snapshot['fakeIp'] {
    const { graph, mappings, dispatcher } = this.#options;
    const { range, used, capacity } = mappings.current;
    const { unknownFakeAddresses: unknown, recoveredFlows: recovered } = dispatcher;
    return { range: range.text, range6: graph().fake6?.text ?? null, used, capacity, unknown, recovered };
  }

  rules(): RuleRow[] {
    return this.#options.graph().ruleRows();
  }

  /** Returns whether the rule there is still that one. */
  switchRule({ index, rule, on }: Params<'switchRule'>): boolean {
    return this.#options.graph().ruleList.switchRule(index, rule, on);
  }

  /** A fake address is understood as its name. */
  async testRule({ host, port, network, flow }: Params<'testRule'>, signal: AbortSignal): Promise<RuleTrace> {
    const { graph, flows, mappings, watch } = this.#options;
    await watch.start();
    const known = flow === undefined ? undefined : flows.metadata(flow);
    if (known !== undefined) return await graph().explain(known, signal);
    const name = mappings.lookup(host)?.name;
    const destination = { host: name ?? normaliseDomain(host), port };
    const metadata: Metadata = {
      network,
      inbound: 'tun',
      source: { host: mappings.current.range.tunAddress, port: 0 },
      destination,
      originalDestination: { host, port },
      ...(name === undefined ? {} : { domainSource: 'fake-ip' }),
    };
    return await graph().explain(metadata, signal);
  }

  async dnsQuery(question: Params<'dnsQuery'>, signal: AbortSignal): Promise<Result<'dnsQuery'>> {
    const { graph, mappings, watch, clock } = this.#options;
    await watch.start();
    const client = mappings.current.range.tunAddress;
    return await askAsApplication(graph().dns.router, question, client, clock, signal);
  }
}
