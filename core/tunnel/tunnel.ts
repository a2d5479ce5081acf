/**
 * The object graph of the helper: what lives as long as the process (pools, flows, dispatcher, inbounds) around what one
 * configuration decides, which is swapped whole on reload. Who may ask for what is not known here.
 */
import { AppError } from '../base/app-error.ts';
import { normaliseDomain } from '../base/domain.ts';
import { Emitter } from '../base/emitter.ts';
import { type Config, type DnsMode, defaultConfig } from '../contract/config.ts';
import type { ConnectionRow, Endpoint, RuleTrace } from '../contract/flow.ts';
import type { Params, Result, RuleRow } from '../contract/rpc.ts';
import type { Snapshot } from '../contract/status.ts';
import { AddressMemory } from '../dns/address-memory.ts';
import { askAsApplication } from '../dns/application-view.ts';
import { DnsLog } from '../dns/dns-log.ts';
import { DnsServer } from '../dns/dns-server.ts';
import { FakeIpPool } from '../dns/fake-ip-pool.ts';
import { Forwarders } from '../dns/forwarders.ts';
import { MissingNames } from '../dns/missing-names.ts';
import { NameInquiry } from '../dns/name-inquiry.ts';
import { SearchList } from '../dns/search-list.ts';
import { SystemHosts } from '../dns/system-hosts.ts';
import { FlowTable } from '../flow/flow-table.ts';
import type { Metadata } from '../flow/metadata.ts';
import { CachedProcessFinder } from '../flow/process-finder.ts';
import { TunInbound } from '../inbound/tun-inbound.ts';
import { Egress } from '../outbound/egress.ts';
import { EgressUdpWays } from '../outbound/egress-udp-ways.ts';
import { ClientNames } from './client-names.ts';
import { ConfigGraph } from './config-graph.ts';
import { ConnectionTopic } from './connection-topic.ts';
import { CrowdWarning } from './crowd-warning.ts';
import { Dispatcher } from './dispatcher.ts';
import { EchoPolicy } from './echo-policy.ts';
import { EngineRevival } from './engine-revival.ts';
import { FakeIpPools } from './fake-ip-pools.ts';
import { ForgedAnswerWarning } from './forged-answer-warning.ts';
import { KernelRouteView } from './kernel-route-view.ts';
import { ProcessLoopGuard } from './loop-guard.ts';
import { MixedPort } from './mixed-port.ts';
import { NativeFlowEngine } from './native-flow-engine.ts';
import { SearchListWarning } from './search-list-warning.ts';
import { SilentClients } from './silent-clients.ts';
import { TunnelMachine, type TunnelSteps } from './tunnel-machine.ts';
import { socketMark, type TunnelServices, tunAddress6, tunPrefix6 } from './tunnel-services.ts';
import { UnknownAddressWarning } from './unknown-address-warning.ts';
import { Upkeep } from './upkeep.ts';

/** Packets that wait for the engine; fewer are lost under load (ip-link(8), txqueuelen). */
const queueLength = 2_000;
/** Flows that wait for a verdict at once. */
const maxHeld = 8_192;
/** An address that only IPv6 can reach, to ask whether there is a route. */
const ipv6Probe = '2001:4860:4860::8888';

export class Tunnel {
  readonly machine: TunnelMachine;
  /** Something of `mixed` has changed. */
  readonly changed: Emitter<void>;
  readonly connections: ConnectionTopic;
  readonly mappings: FakeIpPools;
  readonly dnsLog: DnsLog;
  readonly #services: TunnelServices;
  readonly #flows: FlowTable;
  /** Where the machine's own routing leads. */
  readonly #ways: KernelRouteView;
  readonly #udpWays: EgressUdpWays;
  readonly #egress: Egress;
  readonly #dispatcher: Dispatcher;
  readonly #engine: NativeFlowEngine;
  readonly #inbound: TunInbound;
  readonly #mixedPort: MixedPort;
  readonly #missing: MissingNames;
  readonly #memory: AddressMemory;
  readonly #systemHosts: SystemHosts;
  readonly #searchList: SearchList;
  readonly #clients: ClientNames;
  readonly #loopGuard: ProcessLoopGuard;
  readonly #processes: CachedProcessFinder;
  readonly #searchWarning: SearchListWarning;
  readonly #forgedAnswers: ForgedAnswerWarning;
  #dnsMode: DnsMode | null = null;
  #graph: ConfigGraph;
  #dnsServer: DnsServer | undefined;
  #device: string | undefined;
  #mixedWanted = false;
  readonly #upkeep: Upkeep;
  #network: Promise<void> | undefined;
  #unwatchNetwork: (() => void) | undefined;

  /** `defaultConfig` is in force at first. Touches nothing of the machine. */
  constructor(services: TunnelServices) {
    const { clock, log, network, sockets, health } = services;
    this.#services = services;
    this.#flows = new FlowTable(clock);
    this.connections = new ConnectionTopic(this.#flows);
    this.#loopGuard = new ProcessLoopGuard(services.loopGuard, clock);
    const processes = new CachedProcessFinder(services.findProcess, () => clock.monotonic());
    this.#processes = processes;
    this.dnsLog = new DnsLog({
      findProcess: async (...asker) => (await processes.find(...asker))?.name,
      logger: log,
    });
    const { fakeIpRange } = defaultConfig.dns;
    this.mappings = new FakeIpPools(fakeIpRange, (range) => this.#createPool(range), services.store);
    this.#ways = new KernelRouteView({
      findRoute: services.findRoute,
      mark: socketMark,
      isOwn: (device) => this.owns(device),
      otherwise: network,
      logger: log,
    });
    this.#egress = new Egress(sockets, this.#ways, socketMark);
    this.#missing = new MissingNames(clock);
    this.#memory = new AddressMemory(clock);
    this.#clients = new ClientNames(services.socketUid, clock);
    this.#systemHosts = new SystemHosts(services.hostsFile, clock, log);
    this.#searchList = new SearchList(() => services.systemDns.baseSearch(), log);
    this.#searchWarning = new SearchListWarning(health);
    this.#forgedAnswers = new ForgedAnswerWarning(health, clock);
    this.#graph = this.#build(defaultConfig, this.mappings.current);
    const inquiry = new NameInquiry({
      remote: (outbound) => this.#graph.dns.remote(outbound),
      missing: this.#missing,
      workedRecently: (name) => this.mappings.workedRecently(name),
      onMissing: (name, upstream, ms) => this.#noteMissing(name, upstream, ms),
      clock,
      logger: log,
    });
    const unknownAddresses = new UnknownAddressWarning(health, clock);
    const crowds = { udp: new CrowdWarning('udp', health, clock), tcp: new CrowdWarning('tcp', health, clock) };
    this.#dispatcher = new Dispatcher(this.#graph, {
      flows: this.#flows,
      fakeIp: this.mappings,
      addressMemory: this.#memory,
      names: inquiry,
      onRecovered: (address, name) => this.#noteRecovered(address, name),
      resolver: { resolve: (name, signal) => this.#graph.dns.matching.resolve(name, signal) },
      processes,
      silentClients: new SilentClients(clock),
      loopGuard: this.#loopGuard,
      clock,
      log: log.child('flow'),
      processesWanted: () => this.connections.watched,
      onUnknownFakeAddress: (...told) => unknownAddresses.raise(...told),
    });
    this.#engine = new NativeFlowEngine(
      (onEvents) => this.#createEngine(onEvents),
      log.child('engine'),
      (network, count) => crowds[network].crowded(count),
    );
    const echo = new EchoPolicy({
      policy: () => this.#graph,
      fakeIp: this.mappings,
      names: this.#memory,
      resolver: { resolve: (name, signal) => this.#graph.dns.matching.resolve(name, signal) },
      log: log.child('flow'),
      timeoutMs: 8_000,
    });
    const revival = new EngineRevival({
      revive: () => this.#inbound.revive(),
      onOver: (reason) => void this.machine.died(reason),
      health,
      clock,
      log: log.child('engine'),
    });
    this.#inbound = new TunInbound({
      engine: this.#engine,
      dispatcher: this.#dispatcher,
      decideEcho: (asked) => echo.decide(asked),
      dns: { answerBatch: (questions, send) => this.#dnsServer?.answerBatch(questions, send) },
      onDead: (message, revivable) => revival.died(message, revivable),
      log: log.child('tun'),
    });
    const clientOf = (source: Endpoint, local: Endpoint) => this.#clients.clientOfAccepted(source, local);
    this.#udpWays = new EgressUdpWays(this.#egress, clock);
    const mixedServices = {
      dispatcher: this.#dispatcher,
      ways: this.#udpWays,
      clock,
      log: log.child('mixed'),
      clientOf,
    };
    this.#mixedPort = new MixedPort(mixedServices, health);
    this.changed = this.#mixedPort.changed;
    this.machine = new TunnelMachine(this.#steps(), clock, log.child('tunnel'));
    this.#upkeep = new Upkeep({
      machine: this.machine,
      deviceTrouble: () => this.#deviceTrouble(),
      missingRoutes: () => services.routes.missing(),
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

  /** Throws CONFIG_INVALID or FAKE_IP_RANGE_TOO_SMALL for a configuration that cannot be put in force; changes nothing. */
  check(config: Config): void {
    this.#build(config, this.mappings.prepare(config.dns.fakeIpRange));
  }

  /**
   * Puts a configuration in force; open flows keep the old one. Another device or fake range needs a restart of what is
   * running, whose failure is told by the machine's state. Rejects as `check` throws, and changes nothing then.
   */
  async reload(config: Config): Promise<void> {
    const { log } = this.#services;
    const graph = this.#build(config, this.mappings.prepare(config.dns.fakeIpRange));
    const before = this.#graph;
    if (deviceOf(before) === deviceOf(graph)) {
      this.#use(graph);
      await this.#refreshRoutes();
    } else {
      await this.machine
        .restart(() => this.#use(graph))
        .catch((error: unknown) => {
          log.error('could not be started again with the new configuration', { reason: AppError.from(error).message });
        });
    }
    if (this.#mixedWanted) await this.setMixed(true);
  }

  /** Whether the mixed port of the configuration in force listens. A port that is taken is a warning, not an error. */
  async setMixed(on: boolean): Promise<void> {
    this.#mixedWanted = on;
    const config = on ? this.#graph.config.mixed : null;
    if (config !== null) await this.#watchNetwork();
    await this.#mixedPort.apply(config);
  }

  fakeIp(): Snapshot['fakeIp'] {
    const { range, used, capacity } = this.mappings.current;
    const { unknownFakeAddresses: unknown, recoveredFlows: recovered } = this.#dispatcher;
    const range6 = this.#graph.fake6?.text ?? null;
    return { range: range.text, range6, used, capacity, unknown, recovered };
  }

  dnsMode(): Snapshot['dnsMode'] {
    return { mode: this.#dnsMode ?? this.#graph.config.dns.mode, chosen: this.#dnsMode !== null };
  }

  /** Instead of the configuration's; null = as it says. Open flows and fake addresses stay understood. */
  async setDnsMode(mode: DnsMode | null): Promise<void> {
    if (mode === this.#dnsMode) return;
    this.#dnsMode = mode;
    this.#use(this.#build(this.#graph.config, this.#graph.pool));
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

  rules(): RuleRow[] {
    return this.#graph.rules.rows();
  }

  /** A fake address is understood as its name. */
  async testRule({ host, port, network }: Params<'testRule'>, signal: AbortSignal): Promise<RuleTrace> {
    await this.#watchNetwork();
    const name = this.mappings.lookup(host)?.name;
    const destination = { host: name ?? normaliseDomain(host), port };
    const metadata: Metadata = {
      network,
      inbound: 'tun',
      source: { host: this.mappings.current.range.tunAddress, port: 0 },
      destination,
      originalDestination: { host, port },
      ...(name === undefined ? {} : { domainSource: 'fake-ip' }),
    };
    return await this.#graph.explain(metadata, signal);
  }

  async dnsQuery(question: Params<'dnsQuery'>, signal: AbortSignal): Promise<Result<'dnsQuery'>> {
    await this.#watchNetwork();
    const client = this.mappings.current.range.tunAddress;
    return await askAsApplication(this.#graph.dns.router, question, client, this.#services.clock, signal);
  }

  /** Ends the live flows of which `which` is true; answers how many. */
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
    this.mappings.stop();
    this.#upkeep.stop();
    this.#unwatchNetwork?.();
    await this.#services.network.stop();
  }

  #build(config: Config, pool: FakeIpPool): ConfigGraph {
    const { clock, log, network, systemDns } = this.#services;
    return new ConfigGraph(config, pool, {
      egress: this.#egress,
      fakeIp: this.mappings,
      base: async () => {
        const [servers, options] = await Promise.all([systemDns.baseServers(), systemDns.baseOptions()]);
        return { servers, options };
      },
      searchList: this.#searchList,
      systemHosts: this.#systemHosts,
      missing: this.#missing,
      memory: this.#memory,
      dnsMode: this.#dnsMode,
      ipv6: () => this.#ways.deviceFor(ipv6Probe) !== undefined,
      hasIpv6: network.ipv6Available(),
      onForged: (...told) => this.#forgedAnswers.raise(...told),
      onPublicSearchDomain: (domain) => this.#notePublicSearchDomain(domain),
      clock,
      log,
    });
  }

  #use(graph: ConfigGraph): void {
    // What the new rules lead to is judged anew.
    this.#searchWarning.clear();
    this.mappings.use(graph);
    this.#graph = graph;
    this.#dispatcher.swap(graph);
    this.#dnsServer?.setRouter(graph.dns.router);
    this.#engine.hijackDns(graph.config.tun.dnsHijack);
  }

  /** What connections tell of names stands in the log beside what was asked. */
  #noteRecovered(address: string, name: string): void {
    const row = { client: '', name, type: '', verdict: 'recovered', rcode: '', answer: address, ms: 0 } as const;
    this.dnsLog.record({ time: this.#services.clock.now(), ...row });
  }

  #notePublicSearchDomain(domain: string): void {
    this.#searchWarning.raise(domain);
    const answer = 'a public domain in the search list of this network: its names go by the rules';
    const row = { client: '', name: domain, type: '', verdict: 'refused', rcode: '', answer, ms: 0 } as const;
    this.dnsLog.record({ time: this.#services.clock.now(), ...row });
  }

  #noteMissing(name: string, upstream: string, ms: number): void {
    const row = { client: '', name, type: 'A', verdict: 'absent', rcode: 'NXDOMAIN', answer: '' } as const;
    this.dnsLog.record({ time: this.#services.clock.now(), ...row, upstream, upstreamMs: ms, ms });
  }

  #createPool(range: string): FakeIpPool {
    const { store, fakeIpKey, clock, health, log } = this.#services;
    return new FakeIpPool({ range, key: fakeIpKey, store, clock, health, logger: log });
  }

  #createEngine(onEvents: Parameters<TunnelServices['createEngine']>[1]): ReturnType<TunnelServices['createEngine']> {
    const { createEngine, network } = this.#services;
    const { device, mtu, gso, dnsHijack } = this.#graph.config.tun;
    const { tunAddress, dnsAddress } = this.#graph.pool.range;
    const options = {
      name: device,
      mtu,
      gso,
      queueLength,
      address4: tunAddress,
      peer4: dnsAddress,
      address6: network.ipv6Available() ? tunAddress6 : null,
      carried6: this.#carried6(),
      mark: socketMark,
      maxHeld,
      dnsHijack,
    };
    return createEngine(options, onEvents);
  }

  #steps(): TunnelSteps {
    const { routes, systemDns, flushCaches, destroySockets, clock, log } = this.#services;
    return {
      steps: {
        tun: {
          begin: async () => {
            await this.#watchNetwork();
            // While it was off, nobody told of what other programs wrote.
            await this.#takeBaseDns();
            this.#device = this.#graph.config.tun.device;
            await this.#inbound.start();
          },
          undo: async () => {
            await this.#inbound.stop();
            this.#device = undefined;
          },
        },
        'dns-server': {
          begin: async () => {
            const { router } = this.#graph.dns;
            this.mappings.start();
            this.#dnsServer = new DnsServer({
              router,
              log: this.dnsLog,
              clock,
              logger: log,
              clientOf: (...asker) =>
                this.#clients.clientOf([this.mappings.current.range.tunAddress, tunAddress6], ...asker),
              forwarders: this.#forwarders(),
            });
          },
          undo: async () => {
            this.#dnsServer?.stop();
            this.#dnsServer = undefined;
            this.mappings.stop();
          },
        },
        routes: {
          begin: (_signal, { autoRoute }) => this.#applyRoutes(autoRoute),
          undo: () => routes.apply(undefined),
        },
        'system-dns': {
          begin: () => systemDns.apply({ server: this.#graph.pool.range.dnsAddress }),
          undo: () => systemDns.apply(undefined),
        },
      },
      destroySockets: async (which) => {
        const fake = this.mappings.ranges();
        const { tunAddress } = this.mappings.current.range;
        const count = destroySockets([...fake, `${tunAddress}/32`, tunPrefix6], which === 'all' ? [] : fake);
        log.debug('connections through the TUN ended', { which, count });
      },
      flushCaches: async () => void (await flushCaches()),
      device: () => this.#engine.device(),
    };
  }

  /** Resolvers of this machine that the configuration in force asks. */
  #forwarders(): Forwarders {
    const local = () => this.#graph.outbounds.localServers();
    return new Forwarders({
      expected: () => local().length > 0,
      isForwarder: async ({ network, source, destination }) => {
        const process = await this.#processes.find(network, source, destination);
        return process !== undefined && (await this.#loopGuard.isProxyProcess(process, local()));
      },
      isOurs: (address) => address === this.#graph.pool.range.dnsAddress,
      opener: this.#egress,
      clock: this.#services.clock,
    });
  }

  /** Fake addresses in any case; others by the configuration, and where they are not, never around us either. */
  #carried6(): string[] {
    const { ipv6 } = this.#graph.config;
    const others = ipv6 === 'always' || (ipv6 === 'auto' && this.#ways.deviceFor(ipv6Probe) !== undefined);
    return [...this.mappings.ranges6(), ...(others ? ['::/0'] : [])];
  }

  #applyRoutes(autoRoute: boolean): Promise<void> {
    const { routes, network } = this.#services;
    const ipv6 = network.ipv6Available();
    this.#engine.carry6(this.#carried6());
    return routes.apply({
      capture: autoRoute ? 'everything' : 'fake-ranges',
      device: this.#engine.device(),
      tunAddress4: this.#graph.pool.range.tunAddress,
      mark: socketMark,
      otherDevices: network.devicesWithIpv4(),
      ...(ipv6 ? { tunPrefix6 } : {}),
      fakeRanges: this.mappings.ranges(),
      exclude: this.#graph.config.tun.routeExclude,
      ipv6,
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
    this.#engine.review();
    this.#egress.review();
    this.#udpWays.review();
  }

  /** Names are asked of the servers, and with the search list, that the machine has now; answers of others are forgotten. */
  async #takeBaseDns(): Promise<void> {
    await this.#searchList.read();
    this.#searchWarning.clear();
    this.#graph.dns.reset();
  }

  async #deviceTrouble(): Promise<string | undefined> {
    const index = this.#engine.deviceIndex();
    if (index === undefined) return undefined;
    const { network, deviceTrouble } = this.#services;
    const addresses = [this.#graph.pool.range.tunAddress, ...(network.ipv6Available() ? [tunAddress6] : [])];
    return await deviceTrouble({ name: this.#engine.device(), index, addresses });
  }

  /** Knows the machine's network from the first need on. */
  async #watchNetwork(): Promise<void> {
    const { network, systemDns } = this.#services;
    this.#unwatchNetwork ??= together(
      network.onChange(() => {
        void this.#takeBaseDns();
        void this.#takeNewWays();
      }),
      network.onOwnEvent(() => this.#upkeep.check()),
      systemDns.onBaseChange(() => void this.#takeBaseDns()),
    );
    this.#network ??= Promise.all([network.start(), this.#searchList.read()]).then(() => undefined);
    try {
      await this.#network;
    } catch (error) {
      this.#network = undefined;
      throw error;
    }
  }
}

function together(...ends: readonly (() => void)[]): () => void {
  return () => {
    for (const end of ends) end();
  };
}

/** What of a configuration is in the device itself. */
function deviceOf({ config, pool }: ConfigGraph): string {
  const { device, mtu, gso } = config.tun;
  return JSON.stringify([device, mtu, gso, pool.range.text]);
}
