/**
 * A SOCKS5 UDP association (RFC 1928 section 7): a socket for one client's datagrams, each target a flow of its own that takes
 * the path of all others. It lives as long as the client's TCP connection.
 */
import dgram from 'node:dgram';
import { type Ip, ipFamily, parseIp } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { NativeDial } from '../flow/dial-plan.ts';
import type { Metadata } from '../flow/metadata.ts';
import type { UdpWay, UdpWays } from '../flow/udp-way.ts';
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
/** Proxies and interfaces that one association uses at once. */
const maxWays = 16;
/** Milliseconds without a datagram until a flow ends, and for a conversation; as in the data plane. */
const idleMs = 60_000;
const conversationIdleMs = 300_000;
/** Milliseconds that a refused flow is remembered: its client repeats itself, and each time would be a new flow. */
const refusedMs = 5_000;
const sweepMs = 1_000;

/** How many flows all associations of a port have together. */
export class FlowBudget {
  #flows = 0;

  take(): boolean {
    if (this.#flows >= maxFlowsInAll) return false;
    this.#flows += 1;
    return true;
  }

  give(): void {
    this.#flows -= 1;
  }
}

export class UdpAssociation implements AssociationWays {
  readonly #services: AssociationServices;
  readonly #budget: FlowBudget;
  readonly #client: Ip;
  /** Port of the client; 0 until it has said something. Another one is another program. */
  #clientPort: number;
  readonly #socket: dgram.Socket;
  readonly #flows = new Map<string, AssociationFlow>();
  /** Which flow the answers of an address belong to, as it was found since the last sweep. */
  readonly #answering = new Map<string, AssociationFlow>();
  readonly #ways = new Map<string, Promise<UdpWay>>();
  readonly #life = new AbortController();
  #cancelSweep: () => void = () => undefined;

  /** `client`: whose datagrams are taken, with the port it has announced, or 0. `here`: our address that it has reached. */
  constructor(client: Endpoint, here: Ip, services: AssociationServices, budget: FlowBudget) {
    this.#services = services;
    this.#budget = budget;
    this.#client = client.host;
    this.#clientPort = client.port;
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
    for (const flow of this.#flows.values()) {
      flow.end('done');
      this.#budget.give();
    }
    this.#flows.clear();
    for (const way of this.#ways.values())
      way.then(
        (open) => open.close(),
        () => undefined,
      );
    this.#ways.clear();
    this.#socket.close();
  }

  targetOf(dial: NativeDial): Endpoint {
    return this.#services.ways.targetOf(dial);
  }

  wayOf(dial: NativeDial): Promise<UdpWay> {
    const key = this.#services.ways.keyOf(dial);
    const known = this.#ways.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#ways.keys();
    if (this.#ways.size >= maxWays && oldest !== undefined) this.#dropWay(oldest);
    const opening: Promise<UdpWay> = this.#services.ways.open(
      dial,
      {
        onDatagram: (from, data) => void opening.then((way) => this.#deliver(way, from, data)),
        onEnd: () => this.#wayEnded(key, opening),
      },
      this.#life.signal,
    );
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
    if (this.#flows.size >= maxFlows || !this.#budget.take()) return undefined;
    const metadata: Metadata = {
      network: 'udp',
      inbound: 'mixed',
      source: { host: this.#client, port: this.#clientPort },
      destination: peer,
      originalDestination: peer,
      ...(parseIp(peer.host) === undefined ? { domainSource: 'inbound' } : {}),
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

  #wayEnded(key: string, opening: Promise<UdpWay>): void {
    if (this.#ways.get(key) === opening) this.#ways.delete(key);
    void this.#endFlowsOf(opening, 'reset-by-remote');
  }

  #dropWay(key: string): void {
    const opening = this.#ways.get(key);
    this.#ways.delete(key);
    if (opening !== undefined) void this.#endFlowsOf(opening, 'dropped');
  }

  /** After the machine's network has changed the next datagram opens another way. */
  async #reviewWay(key: string, opening: Promise<UdpWay>): Promise<void> {
    const way = await opening.catch(() => undefined);
    if (way?.isCurrent() === false && this.#ways.get(key) === opening) this.#dropWay(key);
  }

  /** A way that was never opened has no flows. */
  async #endFlowsOf(opening: Promise<UdpWay>, reason: string): Promise<void> {
    const way = await opening.catch(() => undefined);
    if (way === undefined) return;
    for (const [key, flow] of this.#flows) {
      if (flow.way !== way) continue;
      flow.end(reason);
      // Not a refusal: the next datagram is a new flow.
      this.#flows.delete(key);
      this.#budget.give();
    }
    way.close();
  }

  #sweep(): void {
    this.#answering.clear();
    for (const [key, opening] of this.#ways) void this.#reviewWay(key, opening);
    for (const [key, flow] of this.#flows) {
      const limit = flow.isOver ? refusedMs : flow.isConversation ? conversationIdleMs : idleMs;
      if (flow.idleMs < limit) continue;
      flow.end('idle');
      this.#flows.delete(key);
      this.#budget.give();
    }
    this.#cancelSweep = this.#services.clock.after(sweepMs, () => this.#sweep());
  }
}
