/**
 * Knows the machine's network from the first need on, and tells what a change of it concerns: the ways out, or the DNS servers and
 * search list that the machine would use without us. Changes nothing itself.
 */
import { CoalescedTask } from '../base/coalesced-task.ts';
import type { SearchList } from '../dns/names/search-list.ts';
import type { RouteView } from '../outbound/socket-opener.ts';
import { ipv4Probe, ipv6Probe, type TunnelServices } from './tunnel-services.ts';

export interface NetworkWatchOptions extends Pick<TunnelServices, 'network' | 'routes' | 'systemDns'> {
  readonly searchList: SearchList;
  /** Where the machine's own routing leads. */
  readonly ways: Pick<RouteView, 'deviceFor'>;
  /** There may be other ways out. */
  readonly onNewWays: () => Promise<void>;
  /** Names are asked of other servers, with another search list or by another way from now on. */
  readonly onNewBaseDns: () => void;
  /** Others have changed policy rules, or (`route`) routes beside the main table. */
  readonly onPolicyEvent: (event: 'rule' | 'route') => void;
  /** Something of ours may have been changed. */
  readonly onOwnEvent: () => void;
  /** A rule or route of ours was removed. */
  readonly onOwnRemoval: () => void;
}

export class NetworkWatch {
  readonly #options: NetworkWatchOptions;
  readonly #newWays: CoalescedTask;
  readonly #newBaseDns = new CoalescedTask(() => this.#takeBaseDns());
  #started: Promise<void> | undefined;
  #unwatch: (() => void) | undefined;
  /** What answers of the network's servers depend on, as it was when the last ones were forgotten. */
  #baseDns: string | undefined;

  constructor(options: NetworkWatchOptions) {
    this.#options = options;
    this.#newWays = new CoalescedTask(options.onNewWays);
  }

  /** Watches from now on; resolves when the network is known. Repeating it does nothing. */
  async start(): Promise<void> {
    const { network, routes, systemDns, searchList, onPolicyEvent, onOwnEvent, onOwnRemoval } = this.#options;
    this.#unwatch ??= together(
      network.onChange(() => {
        this.#newBaseDns.demand();
        this.#newWays.demand();
      }),
      network.onPolicyEvent(onPolicyEvent),
      network.onOwnEvent(onOwnEvent),
      network.onOwnRemoval(onOwnRemoval),
      routes.onDisturbed(onOwnEvent),
      systemDns.onBaseChange(() => this.#newBaseDns.demand()),
    );
    this.#started ??= Promise.all([network.start(), searchList.read()]).then(() => undefined);
    try {
      await this.#started;
    } catch (error) {
      this.#started = undefined;
      throw error;
    }
  }

  /** Reads the machine's own servers and search list anew, as after a time in which nobody told of changes. */
  async readAnew(): Promise<void> {
    this.#baseDns = undefined;
    await this.#takeBaseDns();
  }

  async stop(): Promise<void> {
    this.#unwatch?.();
    await this.#options.network.stop();
  }

  /** Nothing is to be forgotten when all that answers depend on is as before. */
  async #takeBaseDns(): Promise<void> {
    await this.#options.searchList.read();
    const base = await this.#describeBaseDns();
    if (base !== undefined && base === this.#baseDns) return;
    this.#baseDns = base;
    this.#options.onNewBaseDns();
  }

  /** Undefined when it cannot be read: then it counts as changed. */
  async #describeBaseDns(): Promise<string | undefined> {
    const { network, systemDns, searchList, ways } = this.#options;
    const read = Promise.all([systemDns.baseServers(), systemDns.baseOptions()]);
    const [servers, options] = await read.catch(() => []);
    if (servers === undefined) return undefined;
    const devices = [ipv4Probe, ipv6Probe].map((probe) => ways.deviceFor(probe) ?? null);
    return JSON.stringify([servers, options, searchList.revision, network.defaults(), devices]);
  }
}

function together(...ends: readonly (() => void)[]): () => void {
  return () => {
    for (const end of ends) end();
  };
}
