/** The ways of datagrams that do not pass the data plane: a socket towards the targets, or a SOCKS5 proxy's relay. */
import type dgram from 'node:dgram';
import { type Ip, ipFamily, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { NativeDial } from '../flow/dial-plan.ts';
import type { UdpWay, UdpWayHandlers, UdpWays } from '../flow/udp-way.ts';
import { socks5Commands } from '../net/socks5.ts';
import { Socks5Client } from '../net/socks5-client.ts';
import { encodeSocksDatagram, parseSocksDatagram } from '../net/socks5-udp.ts';
import { asProxyError } from './dial-error.ts';
import type { Egress } from './egress.ts';
import { socks5Handshake } from './socks5-handshake.ts';
import { udpRelayAddress } from './udp-relay-address.ts';

/** What a SOCKS5 client says that does not know where it will send from (RFC 1928 section 4). */
const anywhere: Endpoint = { host: '0.0.0.0', port: 0 };

export class EgressUdpWays implements UdpWays {
  readonly #egress: Egress;
  readonly #clock: Clock;
  /** How those that are open would leave, and did when they were opened. */
  readonly #open = new Set<{ readonly address: Ip; readonly device: string | null | undefined; end(): void }>();

  constructor(egress: Egress, clock: Clock) {
    this.#egress = egress;
    this.#clock = clock;
  }

  keyOf({ via, hops, port, username = '', password = '' }: NativeDial): string {
    const [hop] = hops;
    if (via === 'direct') return `direct ${ipFamily(hop?.address ?? '')} ${hop?.device ?? ''}`;
    return JSON.stringify([via, hops.map(({ address }) => address), port, username, password]);
  }

  targetOf({ via, hops, port, target }: NativeDial): Endpoint {
    return via === 'socks5' && target !== undefined ? target : { host: hops[0]?.address ?? '', port };
  }

  async open(dial: NativeDial, handlers: UdpWayHandlers, signal: AbortSignal): Promise<UdpWay> {
    return dial.via === 'direct' ? this.#openDirect(dial, handlers) : this.#openRelay(dial, handlers, signal);
  }

  /** Ends the ways that the kernel would no longer take, after the machine's network has changed: the next datagram opens another. */
  review(): void {
    for (const way of this.#open) if (this.#deviceFor(way.address) !== way.device) way.end();
  }

  /** Has `review` end the way to this address; returns what its owner closes it with. */
  #watch(address: Ip, handlers: UdpWayHandlers, close: () => void): () => void {
    const closeForGood = (): void => {
      this.#open.delete(way);
      close();
    };
    const end = (): void => {
      closeForGood();
      handlers.onEnd('dropped');
    };
    const way = { address, device: this.#deviceFor(address), end };
    this.#open.add(way);
    return closeForGood;
  }

  #openDirect({ hops }: NativeDial, handlers: UdpWayHandlers): UdpWay {
    const [hop] = hops;
    if (hop === undefined) throw new AppError('DIAL_NETWORK_UNREACHABLE', 'there is no route');
    const socket = this.#egress.openUdp(hop.address);
    socket.on('message', (data, { address, port }) =>
      handlers.onDatagram({ host: parseIp(address) ?? address, port }, data),
    );
    return {
      send: ({ host, port }, data) => send(socket, data, port, host),
      close: this.#watch(hop.address, handlers, () => closeOnce(socket)),
    };
  }

  /** The association lives as long as its TCP connection (RFC 1928 section 6). */
  async #openRelay(dial: NativeDial, handlers: UdpWayHandlers, signal: AbortSignal): Promise<UdpWay> {
    const { hops, port, username, password = '', timeoutMs } = dial;
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
    const relay: Ip = udpRelayAddress(bound.host, peer);
    if (bound.port === 0) {
      control.destroy();
      throw new AppError('DIAL_PROXY_FAILED', 'the proxy names no port for UDP', {
        expected: 'a proxy that carries UDP',
      });
    }
    const socket = openOr(
      () => this.#egress.openUdp(relay),
      () => control.destroy(),
    );
    socket.on('message', (bytes, from) => {
      if (from.port !== bound.port || parseIp(from.address) !== relay) return;
      const datagram = parseSocksDatagram(bytes);
      if (datagram !== undefined) handlers.onDatagram(datagram.peer, datagram.data);
    });
    const close = this.#watch(relay, handlers, () => {
      closeOnce(socket);
      control.destroy();
    });
    control.on('end', close).resume();
    control.once('close', () => {
      close();
      handlers.onEnd('reset-by-remote');
    });
    return {
      send: (peerOfData, data) => send(socket, encodeSocksDatagram({ peer: peerOfData, data }), bound.port, relay),
      close,
    };
  }

  #deviceFor(address: Ip): string | null | undefined {
    return this.#egress.hopsFor([address], { network: 'udp', port: 0 })[0]?.device;
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
