/** One connection to the mixed port: runs the handshake on its socket, then is the flow that the dispatcher answers. */
import type { Socket } from 'node:net';
import { type Ip, parseIp } from '../base/address.ts';
import type { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { unreachable } from '../base/unreachable.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan } from '../flow/dial-plan.ts';
import type { FlowCarrier } from '../flow/flow-carrier.ts';
import type { StreamKeeper } from '../flow/kept-stream.ts';
import type { Door, Metadata } from '../flow/metadata.ts';
import { SocketStream } from '../net/socket-stream.ts';
import { encodeSocks5Reply, socks5Replies } from '../net/socks5.ts';
import type { Stream } from '../net/stream.ts';
import { CarriedClient, descriptorOf } from './carried-client.ts';
import { type AfterExchange, HttpExchange } from './http-exchange.ts';
import type { DispatchedFlow, FlowDispatcher } from './inbound.ts';
import { type HandshakeStep, MixedHandshake, type ProxyRequest } from './mixed-handshake.ts';
import type { UdpAssociation } from './udp-association.ts';
import type { UserList } from './user-list.ts';

export interface MixedClientServices {
  readonly users: UserList;
  readonly dispatcher: FlowDispatcher;
  /** A relay for the datagrams of this client, at the address of ours that it has reached. */
  readonly associate: (client: Endpoint, here: Ip, door: Door) => UdpAssociation;
  /** Opens what natively carries the bytes of clients whose bytes nobody has to read. */
  readonly keeper: StreamKeeper;
  /** See `CarriedClientOptions`. */
  readonly handedOver: (carrier: FlowCarrier) => () => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds from the connection to the end of the handshake, however the bytes trickle. */
  readonly handshakeMs: number;
}

/** Milliseconds that a client may take between two requests. */
const betweenRequestsMs = 60_000;
/** Milliseconds that the last bytes for a slow client have; what it does not take then it does not want. */
const flushMs = 600_000;
/** Milliseconds that a refused client has to read the answer before it is cut off. */
const lingerMs = 2000;

const doorTypes: Readonly<Record<ProxyRequest['protocol'], Door['type']>> = {
  socks5: 'SOCKS5',
  socks4: 'SOCKS4',
  'http-connect': 'HTTPS',
  http: 'HTTP',
};

export class MixedClient {
  readonly #socket: Socket;
  readonly #services: MixedClientServices;
  #handshake: MixedHandshake;
  /** Nothing of the next request has come. */
  #idle = false;
  readonly #source: Endpoint;
  #cancelTimer: () => void = () => undefined;
  #dispatched: DispatchedFlow | undefined;
  readonly #onReadable = (): void => this.#read();
  readonly #onGone = (): void => this.#gone();

  /** The socket has half-close and is this client's from now on. */
  constructor(socket: Socket, services: MixedClientServices) {
    this.#socket = socket;
    this.#services = services;
    this.#handshake = new MixedHandshake(services.users);
    this.#source = endpointOf(socket.remoteAddress, socket.remotePort);
  }

  /** Begins the handshake; everything after it happens by itself. */
  begin(): void {
    this.#limit(this.#services.handshakeMs);
    this.#socket.setNoDelay(true);
    this.#socket.on('error', () => undefined);
    this.#listen();
  }

  #listen(): void {
    this.#socket.on('close', this.#onGone).on('end', this.#onGone).on('readable', this.#onReadable);
  }

  /** What is not there in so many milliseconds does not come any more. */
  #limit(ms: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#services.clock.after(ms, () => this.#cutOff('it took too long'));
  }

  #read(): void {
    for (let chunk: unknown = this.#socket.read(); chunk instanceof Uint8Array; chunk = this.#socket.read()) {
      if (!this.#take(chunk)) return;
    }
  }

  #take(chunk: Uint8Array): boolean {
    if (this.#idle) this.#limit(this.#services.handshakeMs);
    this.#idle = false;
    return this.#follow(this.#handshake.push(chunk));
  }

  /** Does what the handshake says; false when it is over. */
  #follow(step: HandshakeStep): boolean {
    if (step.kind !== 'more') {
      this.#socket.off('readable', this.#onReadable).off('end', this.#onGone);
      this.#cancelTimer();
    }
    switch (step.kind) {
      case 'more':
        if (step.send.length > 0) this.#socket.write(step.send);
        return true;
      case 'refused':
        this.#services.log.debug('client refused', { client: this.#source.host, reason: step.reason });
        this.#endWith(step.send);
        return false;
      case 'associate':
        if (step.send.length > 0) this.#socket.write(step.send);
        void this.#associate(step.user);
        return false;
      case 'request':
        if (step.send.length > 0) this.#socket.write(step.send);
        this.#dispatch(step.request);
        return false;
      default:
        return unreachable(step);
    }
  }

  /** The association ends with the connection, on which nothing is said any more (RFC 1928 section 7). */
  async #associate(user: string): Promise<void> {
    const socket = this.#socket;
    const here = endpointOf(socket.localAddress, socket.localPort).host;
    // A client that has gone has no address.
    if (here === '') {
      socket.destroy();
      return;
    }
    const association = this.#services.associate({ host: this.#source.host, port: 0 }, here, {
      type: 'SOCKS5',
      port: socket.localPort ?? 0,
      user,
    });
    socket.once('close', () => association.stop());
    socket.once('end', () => socket.end()).resume();
    try {
      socket.write(encodeSocks5Reply(socks5Replies.succeeded, await association.start(here)));
    } catch (error) {
      this.#services.log.debug('no relay for datagrams', { client: this.#source.host, reason: String(error) });
      this.#endWith(encodeSocks5Reply(socks5Replies.generalFailure));
    }
  }

  #dispatch(request: ProxyRequest): void {
    if (request.rest.length > 0) this.#socket.unshift(request.rest);
    const isRead = request.forward !== undefined || descriptorOf(this.#socket) === undefined;
    this.#dispatched = this.#services.dispatcher.dispatch({
      kind: 'stream',
      ...(isRead ? {} : { carry: (dial) => this.#carry(request, dial) }),
      metadata: this.#metadata(request),
      local: endpointOf(this.#socket.localAddress, this.#socket.localPort),
      accept: () => this.#accept(request),
      reject: (error) => this.#reject(request, error),
    });
  }

  #carry(request: ProxyRequest, dial: DialPlan): FlowCarrier {
    const { keeper, clock, handedOver } = this.#services;
    const carried = new CarriedClient({
      socket: this.#socket,
      keeper,
      granted: request.granted,
      flow: {
        dialed: (outcome) => {
          if (outcome.ok) this.#socket.off('close', this.#onGone);
          this.#dispatched?.dialed(outcome);
        },
        ended: (close) => {
          this.#dispatched?.ended(close);
          this.#dispatched = undefined;
        },
      },
      turnAway: (error) => this.#endWith(request.refusal(error.code, error.message)),
      handedOver,
      monotonic: () => clock.monotonic(),
    });
    void carried.run(dial);
    return carried;
  }

  #metadata({ destination, protocol, user, policy }: ProxyRequest): Metadata {
    const named = parseIp(destination.host) === undefined;
    return {
      network: 'tcp',
      inbound: 'mixed',
      source: this.#source,
      destination,
      originalDestination: destination,
      ...(named ? { domainSource: 'inbound' } : {}),
      door: {
        type: doorTypes[protocol],
        port: this.#socket.localPort ?? 0,
        user,
        ...(policy === undefined ? {} : { policy }),
      },
    };
  }

  #accept({ granted, forward }: ProxyRequest): Stream {
    this.#dispatched = undefined;
    this.#socket.off('close', this.#onGone);
    if (granted.length > 0) this.#socket.write(granted);
    if (forward === undefined) return new SocketStream(this.#socket);
    return new HttpExchange(this.#socket, forward, (after) => this.#exchanged(after));
  }

  /** After a plain request: waits for the next one, which is a flow of its own, or ends the connection. */
  #exchanged(after: AfterExchange): void {
    if (after.kind === 'end') return this.#endWith(new Uint8Array());
    this.#handshake = new MixedHandshake(this.#services.users, 'next');
    this.#idle = true;
    this.#limit(betweenRequestsMs);
    if (after.bytes.length > 0 && !this.#take(after.bytes)) return;
    this.#listen();
  }

  #reject(request: ProxyRequest, error: AppError): void {
    this.#dispatched = undefined;
    this.#endWith(request.refusal(error.code, error.message));
  }

  /** Sends the last words and waits a little for them to be read: closing over unread bytes would turn them into a RST. */
  #endWith(last: Uint8Array): void {
    const socket = this.#socket;
    this.#limit(flushMs);
    socket.end(last, () => this.#limit(lingerMs));
    socket.resume();
    socket.once('close', () => this.#cancelTimer());
  }

  #cutOff(reason: string): void {
    this.#services.log.debug('client cut off', { client: this.#source.host, reason });
    this.#socket.destroy();
  }

  /** The client went away before it was answered. */
  #gone(): void {
    this.#cancelTimer();
    this.#socket.destroy();
    this.#dispatched?.ended({ up: 0, down: 0, reason: 'abandoned' });
    this.#dispatched = undefined;
  }
}

/** An end of a socket; without a host when it is closed. */
export function endpointOf(address: string | undefined, port: number | undefined): Endpoint {
  return { host: parseIp((address ?? '').replace(/%.*$/, '')) ?? '', port: port ?? 0 };
}
