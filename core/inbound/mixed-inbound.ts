/** A TCP port that speaks SOCKS5, SOCKS4a and HTTP proxy at once. Names that clients ask for stay names. */
import net from 'node:net';
import { formatEndpoint } from '../base/address.ts';
import { AppError, errnoOf } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import type { MixedConfig } from '../contract/config.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { FlowCarrier } from '../flow/flow-carrier.ts';
import type { StreamKeeper } from '../flow/kept-stream.ts';
import type { UdpWays } from '../flow/udp-way.ts';
import { ConnectionGate, type GateLimits } from '../net/connection-gate.ts';
import { ClientFilter } from './client-filter.ts';
import type { FlowDispatcher } from './inbound.ts';
import { endpointOf, MixedClient } from './mixed-client.ts';
import { AssociationShares, UdpAssociation } from './udp-association.ts';
import { UserList } from './user-list.ts';

export interface MixedInboundServices {
  readonly dispatcher: FlowDispatcher;
  /** Opens what carries the bytes of clients. */
  readonly keeper: StreamKeeper;
  /** Carry the datagrams of SOCKS5 clients. */
  readonly ways: UdpWays;
  readonly clock: Clock;
  readonly log: Logger;
  /** Names who is at the other end of an accepted connection: a user of this machine, or an address. */
  readonly clientOf: (source: Endpoint, local: Endpoint) => string;
}

export interface MixedInboundLimits extends GateLimits {
  /** Milliseconds a client has for its handshake. */
  readonly handshakeMs: number;
}

const defaultLimits: MixedInboundLimits = { handshakeMs: 5_000, connections: 4_096, strangers: 1_024 };

export class MixedInbound implements Service {
  readonly #config: MixedConfig;
  readonly #services: MixedInboundServices;
  readonly #limits: MixedInboundLimits;
  readonly #users: UserList;
  readonly #filter: ClientFilter;
  readonly #sockets = new Set<net.Socket>();
  /** Clients whose sockets are the data plane's. */
  readonly #carried = new Set<FlowCarrier>();
  readonly #associations: AssociationShares;
  /** Who has not asked for a connection yet is a stranger. */
  readonly #gate: ConnectionGate;
  #server: net.Server | undefined;
  /** Connections that were turned away and are told of. */
  #told = 0;

  /** `policyKey`: for `policy-credentials.ts`; without it the rules decide about everybody. */
  constructor(config: MixedConfig, services: MixedInboundServices, limits = defaultLimits, policyKey?: string) {
    this.#config = config;
    this.#services = services;
    this.#associations = new AssociationShares(services.clock);
    this.#limits = limits;
    this.#users = new UserList(config.users, policyKey);
    this.#filter = new ClientFilter(config.allowed, config.refused);
    this.#gate = new ConnectionGate(limits, (socket) => this.#nameOf(socket));
  }

  /** Where it listens; undefined while it does not. */
  get endpoint(): Endpoint | undefined {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? { host: address.address, port: address.port } : undefined;
  }

  /** Rejects with CONFIG_INVALID when the port cannot be had. */
  async start(): Promise<void> {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => this.#welcome(socket));
    await this.#listen(server);
    server.on('error', (error) => this.#services.log.warning('mixed port', { error: error.message }));
    this.#server = server;
  }

  /** Closes the port and resets every client, accepted ones too. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    for (const carrier of this.#carried) carrier.close('reset');
    await closed;
  }

  #listen(server: net.Server): Promise<void> {
    const { address, port } = this.#config;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(listenError(error, { host: address, port })));
      server.listen({ host: address, port, exclusive: true }, () => {
        server.removeAllListeners('error');
        resolve();
      });
    });
  }

  #welcome(socket: net.Socket): void {
    if (!this.#filter.admits(socket.remoteAddress)) {
      socket.on('error', () => undefined).destroy();
      return;
    }
    const isTaken = this.#gate.welcome(socket);
    if (this.#gate.turnedAway > this.#told) this.#tellTurnedAway();
    if (!isTaken) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const { clock, log, dispatcher, keeper } = this.#services;
    const client = new MixedClient(socket, {
      users: this.#users,
      dispatcher: {
        dispatch: (flow) => {
          this.#gate.admit(socket);
          return dispatcher.dispatch(flow);
        },
      },
      associate: (endpoint, here, door) => {
        this.#gate.admit(socket);
        const associated = { endpoint, door, name: this.#nameOf(socket) };
        return new UdpAssociation(associated, here, this.#services, this.#associations);
      },
      keeper,
      handedOver: (carrier) => this.#handOver(socket, carrier),
      clock,
      log,
      handshakeMs: this.#limits.handshakeMs,
    });
    client.begin();
  }

  /** The connection keeps its place until it has ended. */
  #handOver(socket: net.Socket, carrier: FlowCarrier): () => void {
    const leave = this.#gate.keep(socket);
    this.#carried.add(carrier);
    return () => {
      this.#carried.delete(carrier);
      leave();
    };
  }

  #nameOf({ remoteAddress, remotePort, localAddress, localPort }: net.Socket): string {
    return this.#services.clientOf(endpointOf(remoteAddress, remotePort), endpointOf(localAddress, localPort));
  }

  #tellTurnedAway(): void {
    const connections = this.#gate.turnedAway - this.#told;
    this.#told = this.#gate.turnedAway;
    this.#services.log.warning('too many connections to the mixed port: some were turned away', { connections });
  }
}

function listenError(error: Error, wanted: Endpoint): AppError {
  const where = formatEndpoint(wanted);
  const why = errnoOf(error) === 'EADDRINUSE' ? 'is used by another program' : `cannot be opened (${error.message})`;
  return new AppError('CONFIG_INVALID', `the mixed port ${where} ${why}`, {
    cause: error,
    expected: 'a free port in `mixed-port`, or the other program ended',
  });
}
