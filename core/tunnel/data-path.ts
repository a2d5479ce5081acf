/** The engine, what it tells, and who decides about that: the way of every connection and ping that comes to the device. */
import { isLoopback } from '../base/address.ts';
import { NameInquiry } from '../dns/names/name-inquiry.ts';
import type { FlowTable } from '../flow/flow-table.ts';
import type { ProcessFinder } from '../flow/process-finder.ts';
import { TunInbound } from '../inbound/tun-inbound.ts';
import type { Egress } from '../outbound/egress.ts';
import type { ConfigGraph } from './config-graph.ts';
import type { ConnectionTopic } from './connection-topic.ts';
import { CrowdWarning } from './crowd-warning.ts';
import { Dispatcher } from './dispatcher.ts';
import type { DnsDesk } from './dns-desk.ts';
import type { DnsNotes } from './dns-notes.ts';
import { EchoPolicy } from './echo-policy.ts';
import { EngineRevival } from './engine-revival.ts';
import type { FakeIpPools } from './fake-ip-pools.ts';
import type { LastingState } from './lasting-state.ts';
import { LookUpBudget, lookUpTime } from './look-up-budget.ts';
import type { LoopGuard } from './loop-guard.ts';
import { type NativeEngine, NativeFlowEngine } from './native-flow-engine.ts';
import { SilentClients } from './silent-clients.ts';
import { socketMark, type TunnelServices, tunAddress6 } from './tunnel-services.ts';
import { UnknownAddressWarning } from './unknown-address-warning.ts';

export interface DataPathOptions {
  readonly services: TunnelServices;
  /** In force. */
  readonly graph: () => ConfigGraph;
  readonly lasting: LastingState;
  readonly mappings: FakeIpPools;
  readonly flows: FlowTable;
  readonly connections: ConnectionTopic;
  readonly processes: ProcessFinder;
  readonly loopGuard: LoopGuard;
  readonly egress: Egress;
  readonly desk: DnsDesk;
  readonly notes: DnsNotes;
  /** The IPv6 prefixes that a new device is to carry. */
  readonly carried6: () => string[];
  /** The engine has ended for good, or its device is gone. */
  readonly onOver: (reason: string) => void;
  readonly onDeviceLost: (reason: string) => void;
}

/** Packets that wait for the engine; fewer are lost under load (ip-link(8), txqueuelen). */
const queueLength = 2_000;
/** Flows that wait for a verdict at once. */
const maxHeld = 8_192;
/** Milliseconds that a ping waits for its verdict. */
const echoTimeoutMs = 8_000;

export class DataPath {
  readonly dispatcher: Dispatcher;
  readonly engine: NativeFlowEngine;
  readonly inbound: TunInbound;
  readonly #options: DataPathOptions;

  constructor(options: DataPathOptions) {
    this.#options = options;
    const { clock, health, log } = options.services;
    const crowds = { udp: new CrowdWarning('udp', health, clock), tcp: new CrowdWarning('tcp', health, clock) };
    this.dispatcher = this.#makeDispatcher();
    this.engine = new NativeFlowEngine(
      (onEvents) => this.#createEngine(onEvents),
      log.child('engine'),
      (network, count) => crowds[network].crowded(count),
    );
    this.inbound = this.#makeInbound();
  }

  #makeDispatcher(): Dispatcher {
    const { graph, lasting, mappings, flows, connections, processes, loopGuard, egress, notes } = this.#options;
    const { clock, log, health } = this.#options.services;
    const inquiry = new NameInquiry({
      remote: (outbound) => graph().dns.remote(outbound),
      missing: lasting.missing,
      workedRecently: (name) => mappings.workedRecently(name),
      onMissing: (...told) => notes.missing(...told),
      clock,
      logger: log,
    });
    const watched = new LookUpBudget(clock, lookUpTime.watched);
    const unwatched = new LookUpBudget(clock, lookUpTime.unwatched);
    const unknownAddresses = new UnknownAddressWarning(health, clock);
    return new Dispatcher(graph(), {
      flows,
      fakeIp: mappings,
      addressMemory: lasting.memory,
      names: inquiry,
      onRecovered: (...told) => notes.recovered(...told),
      resolver: { resolve: (name, signal) => graph().dns.matching.resolve(name, signal) },
      processes,
      silentClients: new SilentClients(clock),
      isOwnAddress: (address) => isLoopback(address) || egress.isLocal(address),
      lookUpForPeople: (find) => (connections.watched ? watched : unwatched).spend(find),
      loopGuard,
      clock,
      log: log.child('flow'),
      onUnknownFakeAddress: (...told) => unknownAddresses.raise(...told),
    });
  }

  #makeInbound(): TunInbound {
    const { graph, lasting, mappings, desk, onOver, onDeviceLost } = this.#options;
    const { clock, log, health } = this.#options.services;
    const echo = new EchoPolicy({
      policy: graph,
      fakeIp: mappings,
      names: lasting.memory,
      resolver: { resolve: (name, signal) => graph().dns.matching.resolve(name, signal) },
      log: log.child('flow'),
      timeoutMs: echoTimeoutMs,
    });
    const revival = new EngineRevival({
      revive: () => this.inbound.revive(),
      onOver,
      onDeviceLost,
      health,
      clock,
      log: log.child('engine'),
    });
    return new TunInbound({
      engine: this.engine,
      dispatcher: this.dispatcher,
      decideEcho: (asked) => echo.decide(asked),
      dns: desk,
      onDead: (message, revivable) => revival.died(message, revivable),
      log: log.child('tun'),
    });
  }

  #createEngine(onEvents: Parameters<TunnelServices['createEngine']>[1]): NativeEngine {
    const { createEngine, network } = this.#options.services;
    const { config, pool } = this.#options.graph();
    const { device, mtu, gso, dnsHijack } = config.tun;
    const options = {
      name: device,
      mtu,
      gso,
      queueLength,
      address4: pool.range.tunAddress,
      peer4: pool.range.dnsAddress,
      address6: network.ipv6Available() ? tunAddress6 : null,
      carried6: this.#options.carried6(),
      mark: socketMark,
      maxHeld,
      dnsHijack,
    };
    return createEngine(options, onEvents);
  }
}
