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
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan, Hop } from '../flow/dial-plan.ts';
import type { KeptOutcome, KeptStream, StreamKeeper } from '../flow/kept-stream.ts';
import { SocketStream } from '../net/socket-stream.ts';
import type { Stream } from '../net/stream.ts';
import { dialAttempts, dialCodeOfFailure, dialErrorOf, dialFailedWith } from './dial-error.ts';
import type { DialOptions } from './dialer.ts';
import { keptStream } from './kept-native-stream.ts';
import { nativeLayer } from './native-layer.ts';
import type { KeptNative, RouteView, SocketOpener, StreamOutcome, StreamPlan, Transport } from './socket-opener.ts';

interface Opened {
  readonly socket: net.Socket;
  /** Where it leads. */
  readonly address: Ip;
  /** What the last proxy says that it is bound to. */
  readonly bound?: Endpoint;
}

/** A UDP association with a SOCKS5 proxy (RFC 1928 section 7). */
export interface Association {
  readonly control: net.Socket;
  readonly proxy: Ip;
  readonly bound: Endpoint;
}

/** A way that a connection has taken. */
interface Way extends Hop {
  readonly port: number;
  readonly local: string;
}

export class Egress implements StreamKeeper {
  readonly #opener: SocketOpener;
  readonly #routes: RouteView;
  readonly #mark: number;
  /** The TCP connections that are open: the way each has taken, and what ends it when that is no longer one. */
  readonly #ways = new Map<object, { readonly way: Way; readonly end: () => void }>();
  readonly #review = new GradualReview(
    () => this.#ways.values(),
    ({ way, end }) => {
      if (this.#isStale(way)) end();
    },
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
    const hops = this.hopsFor(addresses, { network: 'tcp', port });
    if (hops.length === 0) throw noRoute(addresses);
    const target = { host: addresses[0] ?? '', port };
    const dial: DialPlan = { kind: 'dial', hops, port, layers: [], target, udp: false, timeoutMs };
    return (await this.#open(dial, false, signal)).socket;
  }

  /** The stream that a plan describes: the same dial as that of a flow. Rejects with DIAL_*, which names the proxy that failed. */
  async openStream(dial: DialPlan, signal: AbortSignal): Promise<Stream> {
    const { socket, address } = await this.#open(dial, false, signal);
    return new SocketStream(socket, address);
  }

  /** The connection that a UDP association of the last proxy lives as long as, and the address that the proxy has for it. */
  async associate(dial: DialPlan, signal: AbortSignal): Promise<Association> {
    const { socket, address, bound } = await this.#open(dial, true, signal);
    return { control: socket, proxy: address, bound: bound ?? { host: address, port: 0 } };
  }

  async keepStream(dial: DialPlan, signal: AbortSignal): Promise<KeptOutcome> {
    if (signal.aborted) throw aborted(signal);
    const opener = this.#opener;
    const giveUp = ({ stream }: { readonly stream: number }): void => opener.closeStream(stream, 'reset');
    const kept = await openedOrAborted(this.#keepStream(dial), signal, giveUp);
    const told = { ms: kept.ms, ...dialAttempts(kept.attempts) };
    if (!kept.ok) {
      const { failure, layer, message } = kept;
      const where = layer === undefined ? {} : { layer };
      return { ok: false, code: dialCodeOfFailure(failure), ...where, message, ...told };
    }
    const { address, local } = kept;
    const stream: KeptStream = keptStream(opener, kept.stream, () => this.#ways.delete(stream));
    this.#watch(stream, { address, local, port: dial.port }, dial.hops, () =>
      opener.closeStream(kept.stream, 'rerouted'),
    );
    return { ok: true, stream, address, ...told };
  }

  async #open(dial: DialPlan, associate: boolean, signal: AbortSignal): Promise<Opened> {
    if (signal.aborted) throw aborted(signal);
    const { hops, port } = dial;
    const opening = this.#openStream({ ...nativePlan(dial), associate });
    const stream = await openedOrAborted(opening, signal, ({ fd }) => fs.closeSync(fd));
    if (!stream.ok) throw dialFailedWith({ ...stream, code: dialCodeOfFailure(stream.failure) }, dial);
    const { fd, address, local, boundHost, boundPort = 0 } = stream;
    const socket = new net.Socket({ fd, allowHalfOpen: true });
    socket.on('error', unheard);
    socket.setNoDelay(true);
    this.#watch(socket, { address, local, port }, hops, () => {
      socket.destroy(new AppError('DIAL_IO', 'the way out of this machine has changed'));
    });
    socket.once('close', () => this.#ways.delete(socket));
    return { socket, address, ...(boundHost === undefined ? {} : { bound: { host: boundHost, port: boundPort } }) };
  }

  /**
   * Ends the connections whose way is no longer the kernel's choice, after the machine's network has changed: their source
   * address or interface may be gone, and nobody would tell them. Some in each turn of the event loop.
   */
  review(): void {
    this.#review.demand();
  }

  #isStale({ address, device, port, local }: Way): boolean {
    const source = parseIp(local);
    const hasOwnSource = source !== undefined && this.isLocal(source);
    return this.#routes.deviceFor(address, { network: 'tcp', port }) !== device || !hasOwnSource;
  }

  /** Also an argument that native code refuses is a rejection. */
  async #openStream(plan: StreamPlan): Promise<StreamOutcome> {
    return await this.#opener.openStream(plan, this.#mark);
  }

  async #keepStream(dial: DialPlan): Promise<KeptNative> {
    return await this.#opener.keepStream(nativePlan(dial), this.#mark);
  }

  /** Ends a connection by `end` once its way is stale, until `forget` is called. */
  #watch(connection: object, opened: Omit<Way, 'device'>, hops: readonly Hop[], end: () => void): void {
    const hop = hops.find(({ address }) => address === opened.address);
    if (hop !== undefined) this.#ways.set(connection, { way: { ...opened, device: hop.device }, end });
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

function nativePlan({ hops, port, layers, timeoutMs }: DialPlan): Omit<StreamPlan, 'associate'> {
  return { hops: [...hops], port, layers: layers.map(nativeLayer), timeoutMs };
}

/** Gives up waiting when aborted; what comes later is ended by `end`. */
async function openedOrAborted<T extends { readonly ok: boolean }>(
  opening: Promise<T>,
  signal: AbortSignal,
  end: (opened: T & { readonly ok: true }) => void,
): Promise<T> {
  try {
    return await orAborted(opening, signal, 'DIAL_IO');
  } catch (error) {
    if (signal.aborted)
      opening.then(
        (opened) => isOpen(opened) && end(opened),
        () => undefined,
      );
    throw dialErrorOf(error, 'the dial');
  }
}

function isOpen<T extends { readonly ok: boolean }>(opened: T): opened is T & { readonly ok: true } {
  return opened.ok;
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
