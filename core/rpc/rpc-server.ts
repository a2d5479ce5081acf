/**
 * The control socket: accepts who may speak, and derives everything else from the contract. A client that is refused, or
 * breaks the protocol, is told why and changes nothing.
 */
import { chmodSync, chownSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import { TokenBuckets } from '../base/token-buckets.ts';
import type { EventName, MethodName } from '../contract/rpc.ts';
import { ClientLimits, defaultServerLimits, type ServerLimits } from './client-limits.ts';
import type { Feeds } from './connection-tables.ts';
import { endAfterLastWords } from './last-words.ts';
import { encodeMessage } from './message-stream.ts';
import type { Handlers } from './outstanding-requests.ts';
import type { PeerAuth, PeerCredentials } from './peer-auth.ts';
import { ServerConnection } from './server-connection.ts';
import { TopicFeed } from './topic-feed.ts';
import type { EventSource, EventSources, RowView, TopicSources } from './topic-source.ts';

export interface RpcServerOptions {
  readonly socketPath: string;
  readonly auth: PeerAuth;
  readonly handlers: Handlers;
  readonly topics: TopicSources;
  readonly events: EventSources;
  readonly view: RowView;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: ServerLimits;
  /** Throws when this caller may not send a large message of this method now: before it is read. */
  readonly admit: (method: MethodName, caller: PeerCredentials) => void;
  /** Whether results are checked against the contract before they are sent: in development and tests. */
  readonly checkResults: boolean;
}

const eventNames: readonly EventName[] = ['snapshot', 'traffic'];

/** More refused clients at once are not even told why; nor is a user who is refused more often than this. */
const maxRefused = 64;
const refusalsPerSecond = 5;

/** Events that come together travel together. */
const gatherMs = 25;

export class RpcServer implements Service {
  readonly #options: RpcServerOptions;
  readonly #clients: ClientLimits;
  readonly #feeds: Feeds;
  readonly #connections = new Set<ServerConnection>();
  readonly #pendingEvents = new Map<EventName, () => void>();
  #unwatchEvents: (() => void) | undefined;
  /** Refused clients that have not left yet, and how often users may still be told. */
  #refused = 0;
  readonly #refusals: TokenBuckets<number>;
  #server: Server | undefined;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    const { topics, view, clock, log } = options;
    this.#clients = new ClientLimits(options.limits ?? defaultServerLimits, clock, log);
    const { work } = this.#clients;
    const epoch = clock.now();
    this.#refusals = new TokenBuckets(clock, refusalsPerSecond, maxRefused);
    this.#feeds = {
      connections: new TopicFeed('connections', topics.connections, { view, clock, work, epoch }),
      mappings: new TopicFeed('mappings', topics.mappings, { view, clock, work, epoch }),
      dnsLog: new TopicFeed('dnsLog', topics.dnsLog, { view, clock, work, epoch }),
      logs: new TopicFeed('logs', topics.logs, { view, clock, work, epoch }),
      proxies: new TopicFeed('proxies', topics.proxies, { view, clock, work, epoch }),
    };
  }

  /**
   * Listens. Where only one user may speak, the socket is theirs (0600), and nobody else can make us so much as look up;
   * else it is open to all (0666), and the kernel's credentials tell who may. The path must be free.
   */
  async start(): Promise<void> {
    const server = createServer((socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(AppError.from(error, 'INTERNAL', 'the control socket cannot be opened')));
      server.listen(this.#options.socketPath, resolve);
    });
    openTo(this.#options.socketPath, this.#options.auth.onlyUser);
    server.on('error', (error) => this.#options.log.error('control socket failed', { error: error.message }));
    this.#server = server;
  }

  /** Ends every connection and removes the socket. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const connection of this.#connections) connection.close('RPC_CLOSED', 'the helper is stopping');
    await closed;
  }

  /** Draws every table anew: what callers may see has changed. */
  resetTopics(): void {
    for (const feed of Object.values(this.#feeds)) feed.resetAll();
  }

  get clients(): number {
    return this.#connections.size;
  }

  #accept(socket: Socket): void {
    let caller: PeerCredentials | undefined;
    try {
      caller = this.#options.auth.authorise(socket);
      this.#takePlace(caller);
    } catch (caught) {
      return this.#refuse(socket, AppError.from(caught), caller?.uid);
    }
    const { uid } = caller;
    const services = { ...this.#options, feeds: this.#feeds, clients: this.#clients };
    const connection = new ServerConnection(socket, caller, services, () => this.#onReady(connection));
    this.#connections.add(connection);
    socket.on('close', () => {
      this.#connections.delete(connection);
      if (uid !== 0) this.#clients.places.give(uid);
      if (!this.#hasReaders()) this.#unwatch();
    });
  }

  /** Throws RPC_BUSY when there is no place, or the user connects too often. */
  #takePlace({ uid }: PeerCredentials): void {
    const { places, limits } = this.#clients;
    if (!this.#clients.accountOf(uid).connects.take()) throw new AppError('RPC_BUSY', 'too many connections a second');
    if (this.#connections.size >= limits.clients || (uid !== 0 && !places.take(uid)))
      throw new AppError('RPC_BUSY', `${this.#connections.size} clients are connected already`);
  }

  /** The reason, then the end; what comes is not looked at. Whoever comes back at once is not told again. */
  #refuse(socket: Socket, error: AppError, uid = Number(error.details?.['uid'] ?? -1)): void {
    this.#options.log.warning('client refused', { code: error.code, reason: error.message });
    if (this.#refused >= maxRefused || !this.#refusals.take(uid)) return void socket.destroy();
    this.#refused += 1;
    socket.once('close', () => {
      this.#refused -= 1;
    });
    endAfterLastWords(socket, encodeMessage({ kind: 'refused', error: error.toData() }), this.#options.clock);
  }

  #onReady(connection: ServerConnection): void {
    this.#unwatchEvents ??= this.#watchEvents();
    for (const event of eventNames) this.#push(connection, event);
  }

  #watchEvents(): () => void {
    const cancels = eventNames.map((event) => this.#source(event).watch(() => this.#onEvent(event)));
    return () => {
      for (const cancel of cancels) cancel();
    };
  }

  #onEvent(event: EventName): void {
    if (this.#pendingEvents.has(event)) return;
    const cancel = this.#options.clock.after(gatherMs, () => {
      this.#pendingEvents.delete(event);
      for (const connection of this.#connections) this.#push(connection, event);
    });
    this.#pendingEvents.set(event, cancel);
  }

  #push(connection: ServerConnection, event: EventName): void {
    connection.push(event, () => this.#source(event).current(connection.caller));
  }

  #source(event: EventName): EventSource<EventName> {
    return this.#options.events[event];
  }

  #hasReaders(): boolean {
    return [...this.#connections].some((connection) => connection.ready);
  }

  #unwatch(): void {
    this.#unwatchEvents?.();
    this.#unwatchEvents = undefined;
    for (const cancel of this.#pendingEvents.values()) cancel();
    this.#pendingEvents.clear();
  }
}

/** A helper without the right to give files away (capabilities(7), CAP_CHOWN) lets everybody connect, and tells them no. */
function openTo(socketPath: string, user: number | undefined): void {
  try {
    if (user !== undefined) {
      chmodSync(socketPath, 0o600);
      chownSync(socketPath, user, -1);
      return;
    }
  } catch {
    // As for many users.
  }
  chmodSync(socketPath, 0o666);
}
