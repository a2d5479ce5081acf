/** The tables that one client watches, and the room that they may take of its user's and of all. */
import { AppError, stackOf } from '../base/app-error.ts';
import type { Logger } from '../base/logger.ts';
import type { TopicBatch, TopicName } from '../contract/rpc.ts';
import type { ClientLimits } from './client-limits.ts';
import { type ClientMessage, isTopic } from './message.ts';
import type { PeerCredentials } from './peer-auth.ts';
import type { TopicFeed, TopicSubscription } from './topic-feed.ts';
import { defaultTopicLimit, type TopicViewer } from './topic-picture.ts';

export type Feeds = { readonly [T in TopicName]: TopicFeed<T> };

export interface TableServices {
  readonly feeds: Feeds;
  readonly clients: ClientLimits;
  readonly log: Logger;
}

/** What the tables need of their connection. */
export interface TableClient {
  /** More bytes than allowed wait for the client to read them: no rows now, until `resume`. */
  readonly congested: () => boolean;
  readonly send: (id: number, batch: TopicBatch) => void;
  /** Tells that a table is refused, or has ended. */
  readonly fail: (id: number, error: AppError) => void;
}

const notYet: TopicSubscription = { resume: () => undefined, cancel: () => undefined };

export class ConnectionTables {
  readonly #caller: PeerCredentials;
  readonly #services: TableServices;
  readonly #client: TableClient;
  readonly #tables = new Map<number, { feed: TopicSubscription; readonly rows: number }>();

  constructor(caller: PeerCredentials, services: TableServices, client: TableClient) {
    this.#caller = caller;
    this.#services = services;
    this.#client = client;
  }

  /** The client reads again. */
  resume(): void {
    for (const { feed } of this.#tables.values()) feed.resume();
  }

  /** One that cannot be watched is answered with why. */
  add({ id, topic, options }: ClientMessage & { kind: 'subscribe' }): void {
    const { feeds, clients, log } = this.#services;
    const client = this.#client;
    const { uid } = this.#caller;
    if (!isTopic(topic)) return client.fail(id, new AppError('RPC_BAD_PARAMS', `there is no table "${topic}"`));
    if (this.#tables.has(id))
      return client.fail(id, new AppError('RPC_BAD_PARAMS', `subscription ${id} exists already`));
    const busy = new AppError('RPC_BUSY', 'too many subscriptions');
    if (this.#tables.size >= clients.limits.subscriptions || !clients.subscriptions.take(uid))
      return client.fail(id, busy);
    const rows = options.limit ?? defaultTopicLimit;
    if (!clients.rows.take(uid, rows)) {
      clients.subscriptions.give(uid);
      return client.fail(id, busy);
    }
    const viewer: TopicViewer = {
      caller: this.#caller,
      congested: client.congested,
      send: (batch) => client.send(id, batch),
      failed: (error) => {
        log.error('a table cannot be drawn, by a defect', { topic, error: stackOf(error) });
        this.remove(id);
        client.fail(id, AppError.from(error, 'INTERNAL', `the table "${topic}" cannot be shown`));
      },
    };
    const subscription = { feed: notYet, rows };
    this.#tables.set(id, subscription);
    subscription.feed = feeds[topic].subscribe(viewer, options);
    if (this.#tables.get(id) !== subscription) subscription.feed.cancel();
  }

  remove(id: number): void {
    const subscription = this.#tables.get(id);
    if (subscription === undefined) return;
    const { clients } = this.#services;
    this.#tables.delete(id);
    subscription.feed.cancel();
    clients.subscriptions.give(this.#caller.uid);
    clients.rows.give(this.#caller.uid, subscription.rows);
  }

  dispose(): void {
    for (const id of this.#tables.keys()) this.remove(id);
  }
}
