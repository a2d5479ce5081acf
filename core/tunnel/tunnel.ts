/**
 * The object graph of the helper: what lives as long as the process (pools, flows, dispatcher, inbounds) around what one
 * configuration decides, which is swapped whole on reload. Who may ask for what is not known here.
 */

import { AppError } from '../base/app-error.ts';
import { Emitter } from '../base/emitter.ts';
import type { Cause } from '../contract/causes.ts';
import { type Config, defaultConfig } from '../contract/config.ts';
import type { ConnectionRow } from '../contract/flow.ts';
import type { Params } from '../contract/rpc.ts';
import type { Snapshot } from '../contract/status.ts';
import { FakeIpPool } from '../dns/fake-ip/fake-ip-pool.ts';
import { DnsLog } from '../dns/server/dns-log.ts';
import { FlowTable } from '../flow/flow-table.ts';
import { CachedProcessFinder } from '../flow/process-finder.ts';
import { Egress } from '../outbound/egress.ts';
import { EgressUdpWays } from '../outbound/egress-udp-ways.ts';
import type { KnownRules } from '../rule/known-rules.ts';
import { noSets, type RuleSets } from '../rule/rule-set.ts';
import { ClientNames } from './client-names.ts';
import { ConfigGraph } from './config-graph.ts';
import { ConnectionTopic } from './connection-topic.ts';
import { DataPath } from './data-path.ts';
import { DeviceRoutes } from './device-routes.ts';
import { Dispatcher } from './dispatcher.ts';
import { DnsDesk } from './dns-desk.ts';
import { DnsNotes } from './dns-notes.ts';
import { tellEmptyGroups } from './empty-groups-warning.ts';
import { FakeIpPools } from './fake-ip-pools.ts';
import { GraphMaker } from './graph-maker.ts';
import { Inspector } from './inspector.ts';
import { KernelRouteView } from './kernel-route-view.ts';
import { LastingState } from './lasting-state.ts';
import { ProcessLoopGuard } from './loop-guard.ts';
import { makePathCheck } from './make-path-check.ts';
import { MixedPort } from './mixed-port.ts';
import { ModeSwitches } from './mode-switches.ts';
import { NativeFlowEngine } from './native-flow-engine.ts';
import { NetworkWatch } from './network-watch.ts';
import type { PathCheck } from './path-check.ts';
import { PolicyDesk } from './policy-desk.ts';
import { SearchListWarning } from './search-list-warning.ts';
import { TunnelMachine } from './tunnel-machine.ts';
import { socketMark, type TunnelServices, tunAddress6 } from './tunnel-services.ts';
import { tunnelSteps } from './tunnel-steps.ts';
import { Upkeep } from './upkeep.ts';

export class Tunnel {
  readonly machine: TunnelMachine;
  /** Something of `mixed` has changed. */
  readonly changed: Emitter<void>;
  readonly connections: ConnectionTopic;
  readonly mappings: FakeIpPools;
  readonly dnsLog: DnsLog;
  readonly proxies: PolicyDesk;
  /** What people ask about what is in force. */
  readonly inspector: Inspector;
  readonly modes: ModeSwitches;
  readonly #services: TunnelServices;
  readonly #flows: FlowTable;
  /** Where the machine's own routing leads. */
  readonly #ways: KernelRouteView;
  readonly #udpWays: EgressUdpWays;
  readonly #egress: Egress;
  readonly #dispatcher: Dispatcher;
  readonly #engine: NativeFlowEngine;
  readonly #desk: DnsDesk;
  readonly #mixedPort: MixedPort;
  readonly #lasting: LastingState;
  readonly #searchWarning: SearchListWarning;
  readonly #maker: GraphMaker;
  #graph: ConfigGraph;
  #device: string | undefined;
  #mixedWanted = false;
  readonly #upkeep: Upkeep;
  readonly #watch: NetworkWatch;
  readonly #routes: DeviceRoutes;
  readonly #pathCheck: PathCheck;

  /** `defaultConfig` is in force at first. Touches nothing of the machine. */
  constructor(services: TunnelServices) {
    const { clock, log, network, sockets, health } = services;
    this.#services = services;
    this.#flows = new FlowTable(clock);
    this.connections = new ConnectionTopic(this.#flows);
    const loopGuard = new ProcessLoopGuard(services.loopGuard, clock);
    const processes = new CachedProcessFinder(services.findProcess, () => clock.monotonic());
    this.dnsLog = new DnsLog({
      findProcess: async (...asker) => (await processes.find(...asker))?.name,
      logger: log,
    });
    const { fakeIpRange } = defaultConfig.dns;
    this.mappings = new FakeIpPools(fakeIpRange, (range) => this.#createPool(range), services.store);
    this.#ways = new KernelRouteView({
      ...services,
      mark: socketMark,
      isOwn: (device) => this.owns(device),
      otherwise: network,
      logger: log,
    });
    this.#egress = new Egress(sockets, this.#ways, socketMark);
    const notes = new DnsNotes(this.dnsLog, clock);
    this.#lasting = new LastingState({
      hostsFile: services.hostsFile,
      systemDns: services.systemDns,
      clock,
      log,
    });
    const clients = new ClientNames(services.socketUid, clock);
    this.#searchWarning = new SearchListWarning(health);
    this.#maker = new GraphMaker({
      services,
      lasting: this.#lasting,
      mappings: this.mappings,
      ways: this.#ways,
      egress: this.#egress,
      notes,
      searchWarning: this.#searchWarning,
    });
    this.#graph = this.#maker.make(defaultConfig, noSets, this.mappings.current);
    const graph = (): ConfigGraph => this.#graph;
    this.proxies = new PolicyDesk({ policies: () => graph().policies, lasting: this.#lasting.policies, clock });
    this.modes = new ModeSwitches(this.#lasting, () => graph().config);
    this.#desk = new DnsDesk({
      graph,
      dnsLog: this.dnsLog,
      clients,
      processes,
      loopGuard,
      egress: this.#egress,
      isOurs: (name) => this.#pathCheck.isOurs(name),
      clock,
      log,
    });
    const path = new DataPath({
      services,
      graph,
      lasting: this.#lasting,
      mappings: this.mappings,
      flows: this.#flows,
      connections: this.connections,
      processes,
      loopGuard,
      egress: this.#egress,
      desk: this.#desk,
      notes,
      carried6: () => this.#routes.carried6(),
      onOver: (reason) => void this.machine.died(reason),
      onDeviceLost: (reason) => this.#upkeep.deviceLost(this.#engine.device(), reason),
    });
    this.#engine = path.engine;
    this.#dispatcher = path.dispatcher;
    this.#udpWays = new EgressUdpWays(this.#egress);
    const doors = { dispatcher: this.#dispatcher, ways: this.#udpWays, keeper: this.#egress };
    const inbound = { ...doors, clock, log: log.child('mixed') };
    this.#mixedPort = new MixedPort({ ...inbound, clientOf: (...ends) => clients.clientOfAccepted(...ends) }, health);
    this.changed = this.#mixedPort.changed;
    this.#watch = this.#makeWatch();
    this.#routes = new DeviceRoutes({
      ...services,
      graph,
      engine: this.#engine,
      mappings: this.mappings,
      ways: this.#ways,
      unredirected: () => this.#pathCheck.unredirected,
    });
    this.inspector = new Inspector({
      graph,
      flows: this.#flows,
      mappings: this.mappings,
      dispatcher: this.#dispatcher,
      watch: this.#watch,
      clock,
    });
    const steps = tunnelSteps({
      ...services,
      graph,
      watch: this.#watch,
      inbound: path.inbound,
      routes: this.#routes,
      mappings: this.mappings,
      nameDevice: (name) => {
        this.#device = name;
      },
      device: () => this.#engine.device(),
      desk: this.#desk,
    });
    this.machine = new TunnelMachine(steps, clock, log.child('tunnel'));
    this.#pathCheck = makePathCheck({
      services,
      graph,
      lasting: this.#lasting,
      egress: this.#egress,
      machine: this.machine,
    });
    this.#upkeep = new Upkeep({
      machine: this.machine,
      deviceTrouble: () => this.#deviceTrouble(),
      missingRoutes: () => services.routes.missing(),
      putBackRoutes: () => services.routes.putBack(),
      health,
      clock,
      log: log.child('upkeep'),
    });
  }

  /** Whether this interface is our TUN. */
  owns(device: string): boolean {
    return device === this.#device;
  }

  get mixed(): Snapshot['mixed'] {
    return this.#mixedPort.endpoint;
  }

  get policyKey(): string | null {
    return this.#mixedPort.policyKey;
  }

  /** Throws CONFIG_INVALID or FAKE_IP_RANGE_TOO_SMALL for a configuration that cannot be put in force; changes nothing. */
  check(config: Config, sets: RuleSets = noSets): void {
    this.#maker.make(config, sets, this.mappings.prepare(config.dns.fakeIpRange));
  }

  /**
   * Puts a configuration in force; open flows keep the old one. Another device or fake range needs a restart of what is
   * running, whose failure is told by the machine's state. Rejects as `check` throws, and changes nothing then. `prepare` is
   * called right before it is in force. `known` is what is known of its rules, instead of what the present ones have counted.
   */
  async reload(
    config: Config,
    sets: RuleSets = noSets,
    prepare: () => void = () => undefined,
    known?: KnownRules,
  ): Promise<void> {
    const { log } = this.#services;
    const counted = this.knownRules();
    this.#lasting.knownRules = known ?? counted;
    let graph: ConfigGraph;
    try {
      graph = this.#maker.make(config, sets, this.mappings.prepare(config.dns.fakeIpRange));
    } catch (error) {
      this.#lasting.knownRules = counted;
      throw error;
    }
    const before = this.#graph;
    const use = (): void => {
      prepare();
      this.#use(graph);
    };
    if (deviceOf(before) === deviceOf(graph)) {
      use();
      if (before.config.tun.mtu !== config.tun.mtu) await this.#takeMtu(config.tun.mtu);
      await this.#refreshRoutes();
    } else {
      await this.machine.restart(use).catch((error: unknown) => {
        log.error('could not be started again with the new configuration', { reason: AppError.from(error).message });
      });
    }
    if (this.#mixedWanted) await this.setMixed(true);
  }

  /** Flows go on: the kernel tells programs of the new size by itself. A device that does not take it is made anew. */
  async #takeMtu(mtu: number): Promise<void> {
    try {
      await this.machine.whenRunning(async () => {
        await this.#services.setMtu(this.#engine.device(), mtu);
        this.#engine.setMtu(mtu);
      });
    } catch (error) {
      const { log } = this.#services;
      log.warning('the device does not take another MTU, and starts anew', { reason: AppError.from(error).message });
      await this.machine
        .restart(() => undefined)
        .catch((again: unknown) => {
          log.error('could not be started again with another MTU', { reason: AppError.from(again).message });
        });
    }
  }

  /** Whether the mixed port of the configuration in force listens. A port that is taken is a warning, not an error. */
  async setMixed(on: boolean): Promise<void> {
    this.#mixedWanted = on;
    const config = on ? this.#graph.config.mixed : null;
    if (config !== null) await this.#watch.start();
    await this.#mixedPort.apply(config);
  }

  flushDnsCache(): number {
    return this.#graph.dns.flush();
  }

  /** Throws FAKE_IP_STORE. */
  flushFakeIp(): number {
    return this.mappings.flush();
  }

  /** Throws FAKE_IP_STORE. */
  changeMappings(addresses: readonly string[], action: Params<'changeMappings'>['action']): number {
    return this.mappings.change(addresses, action);
  }

  knownRules(): KnownRules {
    const { knownRules } = this.#lasting;
    this.#graph.ruleList.note(knownRules);
    return knownRules;
  }

  /** Ends the live flows of which `which` is true; returns how many. */
  closeFlows(which: (row: ConnectionRow) => boolean): number {
    const rows = this.#flows.rows({ closed: false }).filter(which);
    return rows.filter((row) => this.#flows.close(row.id)).length;
  }

  /** Reads all counters. Call it once a second while somebody is connected, not otherwise. */
  sample(): { up: number; down: number; live: number; dnsQuestions: number } {
    return { ...this.connections.sample(), dnsQuestions: this.dnsLog.count };
  }

  /** Ends what the machine does not: ports, timers, the watch on the network. The store stays open; it is the caller's. */
  async dispose(): Promise<void> {
    await this.setMixed(false);
    this.#graph.policies.stop();
    this.mappings.stop();
    this.#upkeep.stop();
    this.#pathCheck.stop();
    await this.#watch.stop();
  }

  #use(graph: ConfigGraph): void {
    // What the new rules lead to is judged anew.
    this.#searchWarning.clear();
    this.mappings.use(graph);
    this.#graph = graph;
    graph.takeOver();
    tellEmptyGroups(graph.policies.emptyGroups(), this.#services.health);
    this.#dispatcher.swap(graph);
    this.#desk.takeRouter();
    this.#engine.hijackDns(graph.config.tun.dnsHijack);
  }

  #createPool(range: string): FakeIpPool {
    const { store, fakeIpKey, clock, health, log } = this.#services;
    return new FakeIpPool({ range, key: fakeIpKey, store, clock, health, logger: log });
  }

  #makeWatch(): NetworkWatch {
    return new NetworkWatch({
      ...this.#services,
      searchList: this.#lasting.searchList,
      ways: this.#ways,
      onNewWays: () => this.#takeNewWays(),
      onNewBaseDns: () => {
        this.#searchWarning.clear();
        this.#graph.dns.reset();
        this.#pathCheck.soon();
      },
      // A new network of the main table needs nothing of ours, but leave of strict-route.
      onPolicyEvent: (event) => {
        if (event === 'rule' || this.#graph.config.tun.strictRoute) void this.#refreshRoutes();
      },
      onOwnEvent: () => this.#upkeep.check(),
      onOwnRemoval: () => this.#upkeep.removed(),
    });
  }

  async #refreshRoutes(): Promise<void> {
    await this.machine.refresh('routes').catch((error: unknown) => {
      this.#services.log.error('routes could not be renewed', { reason: AppError.from(error).message });
    });
  }

  /** Connections are judged by the routes as they are when ours stand beside those of others again. */
  async #takeNewWays(): Promise<void> {
    await this.#refreshRoutes();
    this.#graph.policies.networkChanged();
    this.#engine.review();
    this.#egress.review();
    this.#udpWays.review();
    this.#pathCheck.soon();
  }

  async #deviceTrouble(): Promise<Cause | undefined> {
    const index = this.#engine.deviceIndex();
    if (index === undefined) return undefined;
    const { network, deviceTrouble } = this.#services;
    const addresses = [this.#graph.pool.range.tunAddress, ...(network.ipv6Available() ? [tunAddress6] : [])];
    return await deviceTrouble({ name: this.#engine.device(), index, addresses });
  }
}

/** What of a configuration is in the device itself, and cannot be changed while it is there. */
function deviceOf({ config, pool }: ConfigGraph): string {
  const { device, gso } = config.tun;
  return JSON.stringify([device, gso, pool.range.text]);
}
