/**
 * The only door out: every socket that Node uses towards the network is opened by native code, marked, bound to the interface
 * by which the kernel would send it without us, and adopted here. Nothing else in the helper may dial. The mark leads past our
 * own rules; the binding keeps a socket out of the TUN even where those rules are not as they should be.
 */
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';
import { type Ip, ipFamily, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { orAborted } from '../base/deadline.ts';
import { GradualReview } from '../base/gradual-review.ts';
import type { Hop } from '../flow/dial-plan.ts';
import { dialErrorOf } from './dial-error.ts';
import type { DialOptions } from './dialer.ts';
import type { RouteView, SocketOpener, Transport } from './socket-opener.ts';

export class Egress {
  readonly #opener: SocketOpener;
  readonly #routes: RouteView;
  readonly #mark: number;
  /** The TCP connections that are open, and the way each has taken. */
  readonly #open = new Map<net.Socket, Hop & { readonly port: number }>();
  readonly #review = new GradualReview(
    () => this.#open.keys(),
    (socket) => this.#endIfStale(socket),
  );

  /** `mark` is the SO_MARK by which our own packets are known (0 = none). */
  constructor(opener: SocketOpener, routes: RouteView, mark: number) {
    this.#opener = opener;
    this.#routes = routes;
    this.#mark = mark;
  }

  /** The addresses that have a route, each with its interface, in the given order. */
  hopsFor(addresses: readonly Ip[], transport: Transport): Hop[] {
    return addresses.flatMap((address) => {
      const device = this.#routes.deviceFor(address, transport);
      return device === undefined ? [] : [{ address, device }];
    });
  }

  /** The same through one interface, whatever the routes say; loopback and own addresses stay what they are. */
  by(device: string): Egress {
    const routes = { deviceFor: (address: Ip) => (this.isLocal(address) ? null : device) };
    return new Egress(this.#opener, routes, this.#mark);
  }

  /** Whether an address is this machine's own (loopback included). */
  isLocal(address: Ip): boolean {
    return this.#routes.deviceFor(address) === null;
  }

  /**
   * A connected socket, the caller's, with half-close and without Nagle's delay. Rejects with DIAL_REFUSED,
   * DIAL_NETWORK_UNREACHABLE (also without a route), DIAL_HOST_UNREACHABLE, DIAL_TIMEOUT or DIAL_IO (also when aborted).
   */
  async connectTcp(addresses: readonly Ip[], port: number, { timeoutMs, signal }: DialOptions): Promise<net.Socket> {
    if (signal.aborted) throw aborted(signal);
    const hops = this.hopsFor(addresses, { network: 'tcp', port });
    if (hops.length === 0) throw noRoute(addresses);
    const fd = await openedOrAborted(this.#openTcp(hops, port, timeoutMs), signal).catch((error: unknown) => {
      throw dialErrorOf(error, `${addresses.join(', ')} port ${port}`);
    });
    const socket = new net.Socket({ fd, allowHalfOpen: true });
    socket.on('error', unheard);
    socket.setNoDelay(true);
    this.#watch(socket, hops, port);
    return socket;
  }

  /**
   * Ends the connections whose way is no longer the kernel's choice, after the machine's network has changed: their source
   * address or interface may be gone, and nobody would tell them. Some in each turn of the event loop.
   */
  review(): void {
    this.#review.demand();
  }

  #endIfStale(socket: net.Socket): void {
    const way = this.#open.get(socket);
    if (way === undefined) return;
    const { address, device, port } = way;
    if (this.#routes.deviceFor(address, { network: 'tcp', port }) === device && this.#hasOwnSource(socket)) return;
    socket.destroy(new AppError('DIAL_IO', 'the way out of this machine has changed'));
  }

  #watch(socket: net.Socket, hops: readonly Hop[], port: number): void {
    const { remoteAddress } = socket;
    const hop = hops.find(({ address }) => address === remoteAddress);
    if (hop === undefined) return;
    this.#open.set(socket, { ...hop, port });
    socket.once('close', () => this.#open.delete(socket));
  }

  #hasOwnSource({ localAddress }: net.Socket): boolean {
    const source = parseIp(localAddress ?? '');
    return source !== undefined && this.isLocal(source);
  }

  /** A UDP socket for one destination, bound to a random port; the caller's. Throws DIAL_NETWORK_UNREACHABLE or DIAL_IO. */
  openUdp(to: Ip, port: number): dgram.Socket {
    const device = this.#routes.deviceFor(to, { network: 'udp', port });
    if (device === undefined) throw noRoute([to]);
    const family = ipFamily(to);
    try {
      const fd = this.#opener.openUdp(family, device, this.#mark);
      return adoptUdp(fd, family);
    } catch (error) {
      throw dialErrorOf(error, `UDP socket towards ${to}`);
    }
  }

  /** Also an argument that native code refuses is a rejection. */
  async #openTcp(hops: Hop[], port: number, timeoutMs: number): Promise<number> {
    return await this.#opener.openTcp(hops, port, this.#mark, timeoutMs);
  }
}

/** Whoever uses a socket listens too; until then, and after it, an error must not end the process. */
const unheard = (): void => undefined;

function adoptUdp(fd: number, family: 4 | 6): dgram.Socket {
  const socket = dgram.createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    // Destinations are addresses; nothing may ask the OS for a name.
    lookup: (address, _options, callback) => callback(null, address, family),
  });
  socket.on('error', unheard);
  try {
    return socket.bind({ fd });
  } catch (error) {
    socket.close();
    fs.closeSync(fd);
    throw error;
  }
}

/** Gives up waiting when aborted; a descriptor that comes later is closed. */
async function openedOrAborted(opening: Promise<number>, signal: AbortSignal): Promise<number> {
  try {
    return await orAborted(opening, signal, 'DIAL_IO');
  } catch (error) {
    if (signal.aborted) opening.then(fs.closeSync, () => undefined);
    throw error;
  }
}

function aborted(signal: AbortSignal): AppError {
  return AppError.from(signal.reason, 'DIAL_IO', 'given up');
}

function noRoute(addresses: readonly Ip[]): AppError {
  return new AppError(
    'DIAL_NETWORK_UNREACHABLE',
    `there is no route to ${addresses.join(', ') || 'any address of it'}`,
  );
}
