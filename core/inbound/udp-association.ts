/**
 * A SOCKS5 UDP association (RFC 1928 section 7): a socket for one client's datagrams, each target a flow of its own that takes
 * the path of all others. It lives as long as the client's TCP connection.
 */
import dgram from 'node:dgram';
import { type Ip, ipFamily, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Shares } from '../base/shares.ts';
import { TokenBuckets } from '../base/token-buckets.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan } from '../flow/dial-plan.ts';
import type { Door, Metadata } from '../flow/metadata.ts';
import type { UdpWay, UdpWayHandlers, UdpWays } from '../flow/udp-way.ts';
import { encodeSocksDatagram, parseSocksDatagram } from '../net/socks5-udp.ts';
import { AssociationFlow, type AssociationWays } from './association-flow.ts';
import type { FlowDispatcher } from './inbound.ts';

export interface AssociationServices {
  readonly dispatcher: FlowDispatcher;
  readonly ways: UdpWays;
  readonly clock: Clock;
}

/** Flows of one association, and of all. */
export const maxFlows = 256;
export const maxFlowsInAll = 4096;
/** New targets of a client, in all its associations; datagrams to more are dropped. Each is decided by the rules. */
const newTargets = { perSecond: 200, burst: 512 };
/** Proxies and interfaces that one association uses at once, and all; each takes a descriptor or two. */
const maxWays = 16;
export const maxWaysInAll = 1024;
/** Milliseconds without a datagram until a flow ends, and for a conversation; as in the data plane. */
const idleMs = 60_000;
const conversationIdleMs = 300_000;
/** Milliseconds that a refused flow is remembered: its client repeats itself, and each time would be a new flow. */
const refusedMs = 5_000;
const sweepMs = 1_000;

/** What all associations of a port have together, shared by its clients, however many associations each of them has. */
export class AssociationShares {
  readonly flows = new Shares(maxFlowsInAll);
  readonly ways = new Shares(maxWaysInAll);
  readonly newTargets: TokenBuckets<string>;

  constructor(clock: Clock, { perSecond, burst } = newTargets) {
    this.newTargets = new TokenBuckets(clock, perSecond, burst);
  }
}

/** Whose datagrams an association carries. */
export interface AssociationClient {
  /** With the port that it has announced, or 0. */
  readonly endpoint: Endpoint;
  /** Who shares: a user of this machine, or an address. */
  readonly name: string;
  /** How it has come to us. */
  readonly door: Door;
}

export class UdpAssociation implements AssociationWays {
  readonly #services: AssociationServices;
  readonly #shares: AssociationShares;
  readonly #name: string;
  readonly #door: Door;
  readonly #client: Ip;
  /** Port of the client; 0 until it has said something. Another one is another program. */
  #clientPort: number;
  readonly #socket: dgram.Socket;
  readonly #flows = new Map<string, AssociationFlow>();
  /** Which flow the answers of an address belong to, as it was found since the last sweep. */
  readonly #answering = new Map<string, AssociationFlow>();
  readonly #ways = new Map<string, Promise<UdpWay>>();
  /** The sweep since which a way has no flow. */
  readonly #unusedSince = new WeakMap<UdpWay, number>();
  #sweeps = 0;
  readonly #life = new AbortController();
  #cancelSweep: () => void = () => undefined;

  /** `here`: our address that the client has reached. */
  constructor(
    { endpoint, name, door }: AssociationClient,
    here: Ip,
    services: AssociationServices,
    shares: AssociationShares,
  ) {
    this.#services = services;
    this.#shares = shares;
    this.#name = name;
    this.#door = door;
    this.#client = endpoint.host;
    this.#clientPort = endpoint.port;
    const family = ipFamily(here);
    this.#socket = dgram.createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      // Only addresses are sent to; nothing may ask the OS for a name.
      lookup: (address, _options, callback) => callback(null, address, family),
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('message', (bytes, { address, port }) => this.#take(bytes, parseIp(address) ?? address, port));
  }

  /** Where the client is to send its datagrams. Rejects when no socket can be had. */
  async start(here: Ip): Promise<Endpoint> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind({ address: here, port: 0, exclusive: true }, () => {
        this.#socket.off('error', reject);
        resolve();
      });
    });
    this.#sweep();
    return { host: here, port: this.#socket.address().port };
  }

  /** Ends every flow and frees the port. */
  stop(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.#cancelSweep();
    for (const key of this.#flows.keys()) this.#endFlow(key, 'done');
    for (const way of this.#ways.values())
      way.then(
        (open) => open.close(),
        () => undefined,
      );
    this.#ways.clear();
    this.#socket.close();
  }

  targetOf(dial: DialPlan): Endpoint {
    return this.#services.ways.targetOf(dial);
  }

  wayOf(dial: DialPlan): Promise<UdpWay> {
    const key = this.#services.ways.keyOf(dial);
    const known = this.#ways.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#ways;
    if (this.#ways.size >= maxWays && oldest !== undefined) this.#dropWay(...oldest, 'dropped');
    const opening: Promise<UdpWay> = this.#openWay(dial, {
      onDatagram: (from, data) => void opening.then((way) => this.#deliver(way, from, data)),
      onEnd: (reason) => this.#dropWay(key, opening, reason),
    });
    this.#ways.set(key, opening);
    opening.catch(() => {
      if (this.#ways.get(key) === opening) this.#ways.delete(key);
    });
    // Opened for a client that has gone meanwhile.
    void opening.then(
      (way) => this.#life.signal.aborted && way.close(),
      () => undefined,
    );
    return opening;
  }

  /** Within the client's share, until it is closed. */
  async #openWay(dial: DialPlan, handlers: UdpWayHandlers): Promise<UdpWay> {
    const { ways } = this.#shares;
    if (!ways.take(this.#name))
      throw new AppError('DIAL_IO', 'too many proxies and interfaces carry datagrams at once');
    let isOpen = true;
    const giveBack = (): void => {
      if (isOpen) ways.give(this.#name);
      isOpen = false;
    };
    try {
      const way = await this.#services.ways.open(dial, handlers, this.#life.signal);
      return {
        send: (to, data) => way.send(to, data),
        close: () => {
          giveBack();
          way.close();
        },
      };
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  #take(bytes: Uint8Array, address: string, port: number): void {
    if (address !== this.#client || (this.#clientPort !== 0 && port !== this.#clientPort)) return;
    const datagram = parseSocksDatagram(bytes);
    if (datagram === undefined) return;
    this.#clientPort = port;
    this.#flowTo(datagram.peer)?.push(datagram.data);
  }

  #flowTo(peer: Endpoint): AssociationFlow | undefined {
    const key = `${peer.host} ${peer.port}`;
    const known = this.#flows.get(key);
    if (known !== undefined) return known;
    const { flows, newTargets } = this.#shares;
    if (this.#flows.size >= maxFlows || !newTargets.take(this.#name) || !flows.take(this.#name)) return undefined;
    const metadata: Metadata = {
      network: 'udp',
      inbound: 'mixed',
      source: { host: this.#client, port: this.#clientPort },
      destination: peer,
      originalDestination: peer,
      ...(parseIp(peer.host) === undefined ? { domainSource: 'inbound' } : {}),
      door: this.#door,
    };
    const flow = new AssociationFlow(metadata, this, this.#services.clock);
    this.#flows.set(key, flow);
    flow.begin(this.#services.dispatcher.dispatch(flow));
    return flow;
  }

  /**
   * Anybody whom the client's datagrams have opened the way for may answer, with its own address as the source; an answer from
   * where the client has sent to comes from what the client called it, where that is an address (it may be a fake one).
   */
  #deliver(way: UdpWay, from: Endpoint, data: Uint8Array): void {
    if (this.#life.signal.aborted || this.#clientPort === 0) return;
    const flow = this.#flowOf(way, from);
    flow?.received(data.length);
    const asked = flow?.metadata.originalDestination;
    const peer = asked !== undefined && parseIp(asked.host) !== undefined ? asked : from;
    this.#socket.send(encodeSocksDatagram({ peer, data }), this.#clientPort, this.#client, () => undefined);
  }

  #flowOf(way: UdpWay, from: Endpoint): AssociationFlow | undefined {
    const key = `${from.host} ${from.port}`;
    const known = this.#answering.get(key);
    if (known?.way === way) return known;
    const flow = this.#searchFlow(way, from);
    if (flow !== undefined && this.#answering.size < maxFlows) this.#answering.set(key, flow);
    return flow;
  }

  /** A proxy says the address for what it was sent by name: then it is the one name asked for on that port. */
  #searchFlow(way: UdpWay, from: Endpoint): AssociationFlow | undefined {
    const there = [...this.#flows.values()].filter((flow) => flow.way === way && flow.target?.port === from.port);
    const exact = there.find((flow) => flow.target?.host === from.host);
    if (exact !== undefined) return exact;
    const named = there.filter((flow) => parseIp(flow.target?.host ?? '') === undefined);
    return named.length === 1 ? named[0] : undefined;
  }

  /** The next datagram that would take it opens another. */
  #dropWay(key: string, opening: Promise<UdpWay>, reason: string): void {
    if (this.#ways.get(key) === opening) this.#ways.delete(key);
    void this.#endFlowsOf(opening, reason);
  }

  /** Ends a flow that is no refusal to remember: the next datagram is a new one. */
  #endFlow(key: string, reason: string): void {
    this.#flows.get(key)?.end(reason);
    if (this.#flows.delete(key)) this.#shares.flows.give(this.#name);
  }

  /** A way that was never opened has no flows. */
  async #endFlowsOf(opening: Promise<UdpWay>, reason: string): Promise<void> {
    const way = await opening.catch(() => undefined);
    if (way === undefined) return;
    for (const [key, flow] of this.#flows) if (flow.way === way) this.#endFlow(key, reason);
    way.close();
  }

  #sweep(): void {
    this.#answering.clear();
    for (const [key, flow] of this.#flows) {
      const limit = flow.isOver ? refusedMs : flow.isConversation ? conversationIdleMs : idleMs;
      if (flow.idleMs >= limit) this.#endFlow(key, 'idle');
    }
    this.#sweeps += 1;
    for (const [key, opening] of this.#ways) void this.#closeIfUnused(key, opening);
    this.#cancelSweep = this.#services.clock.after(sweepMs, () => this.#sweep());
  }

  /** A way without flows holds descriptors for nobody. One that was just opened is about to get its first. */
  async #closeIfUnused(key: string, opening: Promise<UdpWay>): Promise<void> {
    const way = await opening.catch(() => undefined);
    if (way === undefined) return;
    const unusedSince = this.#unusedSince.get(way);
    if ([...this.#flows.values()].some((flow) => flow.way === way)) this.#unusedSince.delete(way);
    else if (unusedSince === undefined) this.#unusedSince.set(way, this.#sweeps);
    else if (unusedSince < this.#sweeps) this.#dropWay(key, opening, 'idle');
  }
}
