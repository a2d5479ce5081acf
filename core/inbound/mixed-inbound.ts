/** A TCP port that speaks SOCKS5, SOCKS4a and HTTP proxy at once. Names that clients ask for stay names. */
import net from 'node:net';
import { formatEndpoint } from '../base/address.ts';
import { AppError, errnoOf } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import type { MixedConfig } from '../contract/config.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { FlowDispatcher } from './inbound.ts';
import { MixedClient } from './mixed-client.ts';
import { UserList } from './user-list.ts';

export interface MixedInboundServices {
  readonly dispatcher: FlowDispatcher;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface MixedInboundLimits {
  /** Milliseconds a client has for its handshake. */
  readonly handshakeMs: number;
  /** Connections at once; further ones are closed. */
  readonly maxClients: number;
}

const defaultLimits: MixedInboundLimits = { handshakeMs: 10_000, maxClients: 4096 };

export class MixedInbound implements Service {
  readonly #config: MixedConfig;
  readonly #services: MixedInboundServices;
  readonly #limits: MixedInboundLimits;
  readonly #users: UserList;
  readonly #sockets = new Set<net.Socket>();
  #server: net.Server | undefined;
  #quietUntil = 0;

  constructor(config: MixedConfig, services: MixedInboundServices, limits = defaultLimits) {
    this.#config = config;
    this.#services = services;
    this.#limits = limits;
    this.#users = new UserList(config.users);
  }

  /** Where it listens; undefined while it does not. */
  get endpoint(): Endpoint | undefined {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? { host: address.address, port: address.port } : undefined;
  }

  /** Rejects with CONFIG_INVALID when the port cannot be had. */
  async start(): Promise<void> {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => this.#welcome(socket));
    server.maxConnections = this.#limits.maxClients;
    await this.#listen(server);
    server.on('error', (error) => this.#services.log.warning('mixed port', { error: error.message }));
    server.on('drop', () => this.#noteFull());
    this.#server = server;
  }

  /** Closes the port and resets every client, accepted ones too. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.resetAndDestroy();
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

  /** One line a minute: a flood of clients must not become a flood of lines. */
  #noteFull(): void {
    const now = this.#services.clock.monotonic();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + 60_000;
    this.#services.log.warning('mixed port is full', { clients: this.#limits.maxClients });
  }

  #welcome(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const client = new MixedClient(socket, {
      users: this.#users,
      dispatcher: this.#services.dispatcher,
      clock: this.#services.clock,
      log: this.#services.log,
      handshakeMs: this.#limits.handshakeMs,
    });
    client.begin();
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
