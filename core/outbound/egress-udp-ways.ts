/** The ways of datagrams that do not pass the data plane: a socket towards the targets, a SOCKS5 proxy's relay, or a node. */
import type dgram from 'node:dgram';
import { type Ip, ipFamily, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { GradualReview } from '../base/gradual-review.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan } from '../flow/dial-plan.ts';
import type { UdpWay, UdpWayHandlers, UdpWays } from '../flow/udp-way.ts';
import { DatagramFrames, encodeDatagramFrame } from '../net/datagram-frames.ts';
import { encodeSocksDatagram, parseSocksDatagram } from '../net/socks5-udp.ts';
import type { Egress } from './egress.ts';
import { udpRelayAddress } from './udp-relay-address.ts';

/** Bytes that a node's stream has not taken; beyond, datagrams are lost. */
const maxUnsent = 256 * 1024;

/** How a way leaves, and did when it was opened. */
interface Peer {
  readonly address: Ip;
  readonly port: number;
}

interface OpenWay extends Peer {
  readonly device: string | null | undefined;
  end(): void;
}

export class EgressUdpWays implements UdpWays {
  readonly #egress: Egress;
  readonly #open = new Set<OpenWay>();
  readonly #review = new GradualReview(
    () => this.#open,
    (way) => this.#endIfStale(way),
  );

  constructor(egress: Egress) {
    this.#egress = egress;
  }

  keyOf({ hops, port, layers }: DialPlan): string {
    const [hop] = hops;
    if (layers.length === 0) return `direct ${ipFamily(hop?.address ?? '')} ${hop?.device ?? ''}`;
    // The target of the last layer is that of the datagrams, not of the way.
    const below = layers.map((layer, place) => (place < layers.length - 1 ? layer : { ...layer, target: null }));
    return JSON.stringify([hops.map(({ address }) => address), port, below]);
  }

  targetOf({ hops, port, layers, target }: DialPlan): Endpoint {
    return layers.length > 0 ? target : { host: hops[0]?.address ?? '', port };
  }

  async open(dial: DialPlan, handlers: UdpWayHandlers, signal: AbortSignal): Promise<UdpWay> {
    const last = dial.layers.at(-1);
    if (last === undefined) return this.#openDirect(dial, handlers);
    if (last.protocol === 'socks5') return await this.#openRelay(dial, handlers, signal);
    if (last.protocol === 'shadowsocks' || last.protocol === 'trojan')
      return await this.#openFrames(dial, handlers, signal);
    throw new AppError('DIAL_PROXY_FAILED', 'the proxy carries no datagrams');
  }

  /**
   * Ends the ways that the kernel would no longer take, after the machine's network has changed: the next datagram opens another.
   * Some in each turn of the event loop.
   */
  review(): void {
    this.#review.demand();
  }

  #endIfStale(way: OpenWay): void {
    if (this.#open.has(way) && this.#deviceFor(way.address, way.port) !== way.device) way.end();
  }

  /** Has `review` end the way to this address; returns what its owner closes it with. */
  #watch({ address, port }: Peer, handlers: UdpWayHandlers, close: () => void): () => void {
    const closeForGood = (): void => {
      this.#open.delete(way);
      close();
    };
    const end = (): void => {
      closeForGood();
      handlers.onEnd('dropped');
    };
    const way = { address, port, device: this.#deviceFor(address, port), end };
    this.#open.add(way);
    return closeForGood;
  }

  #openDirect({ hops, port: toPort }: DialPlan, handlers: UdpWayHandlers): UdpWay {
    const [hop] = hops;
    if (hop === undefined) throw new AppError('DIAL_NETWORK_UNREACHABLE', 'there is no route');
    const socket = this.#egress.openUdp(hop.address, toPort);
    socket.on('message', (data, { address, port }) =>
      handlers.onDatagram({ host: parseIp(address) ?? address, port }, data),
    );
    return {
      send: ({ host, port }, data) => send(socket, data, port, host),
      close: this.#watch({ address: hop.address, port: toPort }, handlers, () => closeOnce(socket)),
    };
  }

  /** The association lives as long as its TCP connection (RFC 1928 section 6). */
  async #openRelay(dial: DialPlan, handlers: UdpWayHandlers, signal: AbortSignal): Promise<UdpWay> {
    const { control, proxy, bound } = await this.#egress.associate(dial, signal);
    const relay = udpRelayAddress(bound, { host: proxy, port: dial.port });
    const socket = openOr(
      () => this.#egress.openUdp(relay.host, relay.port),
      () => control.destroy(),
    );
    socket.on('message', (bytes, from) => {
      if (from.port !== relay.port || parseIp(from.address) !== relay.host) return;
      const datagram = parseSocksDatagram(bytes);
      if (datagram !== undefined) handlers.onDatagram(datagram.peer, datagram.data);
    });
    const close = this.#watch({ address: relay.host, port: relay.port }, handlers, () => {
      closeOnce(socket);
      control.destroy();
    });
    control.on('end', close).resume();
    control.once('close', () => {
      close();
      handlers.onEnd('reset-by-remote');
    });
    return {
      send: (peerOfData, data) => send(socket, encodeSocksDatagram({ peer: peerOfData, data }), relay.port, relay.host),
      close,
    };
  }

  /** The data plane speaks with the node; the datagrams come and go in a stream. */
  async #openFrames(dial: DialPlan, handlers: UdpWayHandlers, signal: AbortSignal): Promise<UdpWay> {
    const { control, proxy } = await this.#egress.associate(dial, signal);
    const frames = new DatagramFrames();
    const close = this.#watch({ address: proxy, port: dial.port }, handlers, () => control.destroy());
    control.on('data', (bytes) => {
      const datagrams = frames.take(bytes);
      if (datagrams === undefined) control.destroy();
      for (const { peer, data } of datagrams ?? []) handlers.onDatagram(peer, data);
    });
    control.on('end', close);
    control.once('close', () => {
      close();
      handlers.onEnd('reset-by-remote');
    });
    return {
      send: (peer, data) => {
        if (control.writableLength < maxUnsent && !control.destroyed)
          control.write(encodeDatagramFrame({ peer, data }));
      },
      close,
    };
  }

  #deviceFor(address: Ip, port: number): string | null | undefined {
    return this.#egress.hopsFor([address], { network: 'udp', port })[0]?.device;
  }
}

function openOr<T>(open: () => T, otherwise: () => void): T {
  try {
    return open();
  } catch (error) {
    otherwise();
    throw error;
  }
}

/** What cannot be sent is lost, as a datagram may be; a socket that is closed already takes none. */
function send(socket: dgram.Socket, data: Uint8Array, port: number, address: string): void {
  try {
    socket.send(data, port, address, () => undefined);
  } catch {
    // Closed meanwhile.
  }
}

function closeOnce(socket: dgram.Socket): void {
  try {
    socket.close();
  } catch {
    // Closed already.
  }
}
