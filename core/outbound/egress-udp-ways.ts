/** The ways of datagrams that do not pass the data plane: a socket towards the targets, or a SOCKS5 proxy's relay. */
import type dgram from 'node:dgram';
import { type Ip, ipFamily, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { GradualReview } from '../base/gradual-review.ts';
import { unreachable } from '../base/unreachable.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan, Socks5Layer } from '../flow/dial-plan.ts';
import type { UdpWay, UdpWayHandlers, UdpWays } from '../flow/udp-way.ts';
import { socks5Commands } from '../net/socks5.ts';
import { Socks5Client } from '../net/socks5-client.ts';
import { encodeSocksDatagram, parseSocksDatagram } from '../net/socks5-udp.ts';
import { asProxyError } from './dial-error.ts';
import type { Egress } from './egress.ts';
import { socks5Handshake } from './socks5-handshake.ts';
import { udpRelayAddress } from './udp-relay-address.ts';

/** How a way leaves, and did when it was opened. */
interface Peer {
  readonly address: Ip;
  readonly port: number;
}

interface OpenWay extends Peer {
  readonly device: string | null | undefined;
  end(): void;
}

/** What a SOCKS5 client says that does not know where it will send from (RFC 1928 section 4). */
const anywhere: Endpoint = { host: '0.0.0.0', port: 0 };

export class EgressUdpWays implements UdpWays {
  readonly #egress: Egress;
  readonly #clock: Clock;
  readonly #open = new Set<OpenWay>();
  readonly #review = new GradualReview(
    () => this.#open,
    (way) => this.#endIfStale(way),
  );

  constructor(egress: Egress, clock: Clock) {
    this.#egress = egress;
    this.#clock = clock;
  }

  keyOf({ hops, port, layers }: DialPlan): string {
    const [hop] = hops;
    if (layers.length === 0) return `direct ${ipFamily(hop?.address ?? '')} ${hop?.device ?? ''}`;
    return JSON.stringify([hops.map(({ address }) => address), port, layers]);
  }

  targetOf({ hops, port, layers, target }: DialPlan): Endpoint {
    return layers.length > 0 ? target : { host: hops[0]?.address ?? '', port };
  }

  async open(dial: DialPlan, handlers: UdpWayHandlers, signal: AbortSignal): Promise<UdpWay> {
    const [layer] = dial.layers;
    switch (layer?.protocol) {
      case undefined:
        return this.#openDirect(dial, handlers);
      case 'socks5':
        return await this.#openRelay(dial, layer, handlers, signal);
      case 'http-connect':
        throw new AppError('DIAL_PROXY_FAILED', 'an HTTP proxy carries no datagrams');
      default:
        return unreachable(layer);
    }
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
  async #openRelay(
    { hops, port, timeoutMs }: DialPlan,
    { username, password = '' }: Socks5Layer,
    handlers: UdpWayHandlers,
    signal: AbortSignal,
  ): Promise<UdpWay> {
    const addresses = hops.map(({ address }) => address);
    const control = await this.#egress.connectTcp(addresses, port, { timeoutMs, signal }).catch((error: unknown) => {
      throw asProxyError(AppError.from(error, 'DIAL_IO'), `${addresses.join(', ')} port ${port}`);
    });
    const peer = parseIp(control.remoteAddress ?? '') ?? addresses[0] ?? '';
    const client = new Socks5Client(
      anywhere,
      username === undefined ? undefined : { username, password },
      socks5Commands.udpAssociate,
    );
    const bound = await socks5Handshake(control, client, this.#clock, { timeoutMs, signal });
    const relay = udpRelayAddress(bound, { host: peer, port });
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
