/** Answers the questions that come to the device, by the router in force, from `start` to `stop`. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { DnsLog } from '../dns/server/dns-log.ts';
import { DnsServer } from '../dns/server/dns-server.ts';
import { Forwarders } from '../dns/server/forwarders.ts';
import type { ProcessFinder } from '../flow/process-finder.ts';
import type { Egress } from '../outbound/egress.ts';
import type { ClientNames } from './client-names.ts';
import type { ConfigGraph } from './config-graph.ts';
import type { LoopGuard } from './loop-guard.ts';
import { tunAddress6 } from './tunnel-services.ts';

export interface DnsDeskOptions {
  /** In force. */
  readonly graph: () => ConfigGraph;
  readonly dnsLog: DnsLog;
  readonly clients: ClientNames;
  readonly processes: ProcessFinder;
  readonly loopGuard: LoopGuard;
  readonly egress: Egress;
  /** Whether a name is one that we ask ourselves about. */
  readonly isOurs: (name: string) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

export class DnsDesk {
  readonly #options: DnsDeskOptions;
  #server: DnsServer | undefined;

  constructor(options: DnsDeskOptions) {
    this.#options = options;
  }

  start(): void {
    const { graph, dnsLog, clients, isOurs, clock, log } = this.#options;
    this.#server = new DnsServer({
      router: graph().dns.router,
      log: dnsLog,
      clock,
      logger: log,
      clientOf: (...asker) => clients.clientOf([graph().pool.range.tunAddress, tunAddress6], ...asker),
      isOurs,
      forwarders: this.#forwarders(),
    });
  }

  stop(): void {
    this.#server?.stop();
    this.#server = undefined;
  }

  /** Another graph is in force. */
  takeRouter(): void {
    this.#server?.setRouter(this.#options.graph().dns.router);
  }

  /** Drops them while it is stopped. */
  answerBatch(...batch: Parameters<DnsServer['answerBatch']>): void {
    this.#server?.answerBatch(...batch);
  }

  /** Resolvers of this machine that the configuration in force asks. */
  #forwarders(): Forwarders {
    const { graph, processes, loopGuard, egress, clock } = this.#options;
    const local = () => graph().ownServers.nameservers();
    return new Forwarders({
      expected: () => local().length > 0,
      isForwarder: async ({ network, source, destination }) => {
        const process = await processes.find(network, source, destination);
        return process !== undefined && (await loopGuard.isProxyProcess(process, local()));
      },
      isOurs: (address) => address === graph().pool.range.dnsAddress,
      isAsked: (name) => graph().dns.asked.includes(name),
      opener: egress,
      clock,
    });
  }
}
