/**
 * What one user's programs may ask of the control socket, and all users together: the one place with these numbers. Users
 * are told apart by the uid that the kernel names, whatever the number of their connections.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { Shares } from '../base/shares.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { maxConfigBytes } from '../contract/config.ts';
import type { MethodName } from '../contract/rpc.ts';
import { BackgroundWork } from './background-work.ts';

export interface ServerLimits {
  /** Connections at once; a few places are kept for root, so that it can always ask for a restore. */
  readonly clients: number;
  readonly clientsKeptForRoot: number;
  /** New connections of a user. */
  readonly connectsPerSecond: number;
  readonly connectBurst: number;
  /** Messages of a user; what comes faster waits. */
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  /** Bytes read from a user's connections; what comes faster waits in the kernel. */
  readonly bytesPerSecond: number;
  readonly byteBurst: number;
  /** Bytes of large messages that are not whole or not read yet, of all users. */
  readonly messageBytes: number;
  /** Requests without an answer: of a connection, and of all users. */
  readonly outstanding: number;
  readonly outstandingInTotal: number;
  /** Tables watched by a connection, and by all users. */
  readonly subscriptions: number;
  readonly subscriptionsInTotal: number;
  /** Rows that subscriptions of all users may hold at the most. */
  readonly rows: number;
  readonly helloMs: number;
  /** From a message's first byte to its last. */
  readonly messageMs: number;
  readonly deadlineMs: number;
  /** Unread bytes beyond which a client gets no rows and its next requests wait. */
  readonly unreadBytes: number;
  /** The same of all connections of a user; one that has little unread goes on all the same. */
  readonly unreadBytesOfUser: number;
  readonly littleUnreadBytes: number;
}

const mebibyte = 1024 * 1024;

export const defaultServerLimits: ServerLimits = {
  clients: 32,
  clientsKeptForRoot: 4,
  connectsPerSecond: 20,
  connectBurst: 100,
  requestsPerSecond: 200,
  requestBurst: 400,
  bytesPerSecond: 12 * mebibyte,
  byteBurst: 16 * mebibyte,
  messageBytes: 96 * mebibyte,
  outstanding: 32,
  outstandingInTotal: 256,
  subscriptions: 128, // one app process has up to 16 viewers of 8 tables each
  subscriptionsInTotal: 512,
  rows: 4_000_000, // 16 viewers with 75,000 rows, and as much for others
  helloMs: 5_000,
  messageMs: 30_000,
  deadlineMs: 60_000,
  unreadBytes: mebibyte / 2,
  unreadBytesOfUser: 2 * mebibyte,
  littleUnreadBytes: 64 * 1024,
};

/** Bytes of JSON in a message that is read at once; larger ones are read in steps, for these methods only. */
export const smallMessage = 64 * 1024;
const largeMessages: { readonly [M in MethodName]?: number } = {
  applyConfig: maxConfigBytes + mebibyte,
  closeFlows: 4 * mebibyte,
  changeMappings: 4 * mebibyte,
};

/** Bytes of JSON that a request of this method may have. */
export function largestMessage(method: MethodName): number {
  return largeMessages[method] ?? smallMessage;
}

/** One user's rates. They outlive its connections, so that a new connection is no new start. */
export interface ClientAccount {
  readonly connects: TokenBucket;
  readonly requests: TokenBucket;
  readonly reading: TokenBucket;
  /** Its connections, by what waits in them to be read. */
  readonly unread: Set<{ readonly writableLength: number }>;
}

export class ClientLimits {
  readonly limits: ServerLimits;
  readonly work: BackgroundWork;
  readonly places: Shares;
  readonly messageBytes: Shares;
  readonly outstanding: Shares;
  readonly subscriptions: Shares;
  readonly rows: Shares;
  readonly #clock: Clock;
  /** Only of users who may speak, who are few. */
  readonly #accounts = new Map<number, ClientAccount>();

  constructor(limits: ServerLimits, clock: Clock, log: Logger) {
    this.limits = limits;
    this.#clock = clock;
    this.work = new BackgroundWork(clock, log);
    this.places = new Shares(limits.clients - limits.clientsKeptForRoot);
    this.messageBytes = new Shares(limits.messageBytes);
    this.outstanding = new Shares(limits.outstandingInTotal);
    this.subscriptions = new Shares(limits.subscriptionsInTotal);
    this.rows = new Shares(limits.rows);
  }

  accountOf(uid: number): ClientAccount {
    const known = this.#accounts.get(uid);
    if (known !== undefined) return known;
    const { limits } = this;
    const account: ClientAccount = {
      connects: new TokenBucket(this.#clock, limits.connectsPerSecond, limits.connectBurst),
      requests: new TokenBucket(this.#clock, limits.requestsPerSecond, limits.requestBurst),
      reading: new TokenBucket(this.#clock, limits.bytesPerSecond, limits.byteBurst),
      unread: new Set(),
    };
    this.#accounts.set(uid, account);
    return account;
  }
}
