/**
 * The tables that the app's end watches: made anew after a gap, after a reconnect, and, with growing pauses, while the
 * helper has no room for them. Knows no socket, and holds no copy of tables.
 */
import type { Clock } from '../base/clock.ts';
import type { ErrorData } from '../contract/error.ts';
import type { SubscribeOptions, TopicBatch, TopicName } from '../contract/rpc.ts';
import type { ClientMessage } from './message.ts';

export interface TopicSubscriptionsOptions {
  readonly clock: Clock;
  /** An id that no other message of the connection has. */
  readonly nextId: () => number;
  /** Called only between `connected` and `disconnected`. */
  readonly send: (message: ClientMessage) => void;
}

export interface TopicRequest {
  readonly topic: TopicName;
  readonly options: SubscribeOptions;
  readonly onBatch: (batch: TopicBatch) => void;
  readonly onRefused: (error: ErrorData) => void;
}

interface LiveSubscription extends TopicRequest {
  epoch: number;
  nextSequence: number;
  /** Refusals since the last batch, or since the connection was made. */
  refusals: number;
  cancelRetry: (() => void) | undefined;
}

const pausesMs = [250, 500, 1_000, 2_000, 5_000] as const;

export class TopicSubscriptions {
  readonly #options: TopicSubscriptionsOptions;
  readonly #wanted = new Set<LiveSubscription>();
  /** Those the helper was asked for and has not refused, by the id of the message. */
  readonly #open = new Map<number, LiveSubscription>();
  #connected = false;

  constructor(options: TopicSubscriptionsOptions) {
    this.#options = options;
  }

  /** Watches until the returned function is called. */
  add(request: TopicRequest): () => void {
    const subscription: LiveSubscription = {
      ...request,
      epoch: -1,
      nextSequence: 0,
      refusals: 0,
      cancelRetry: undefined,
    };
    this.#wanted.add(subscription);
    this.#ask(subscription);
    return () => {
      this.#wanted.delete(subscription);
      subscription.cancelRetry?.();
      this.#close(subscription);
    };
  }

  /** Asks for all of them: what another helper had no room for, or did not know, this one may have. */
  connected(): void {
    this.#connected = true;
    for (const subscription of this.#wanted) {
      subscription.refusals = 0;
      this.#ask(subscription);
    }
  }

  disconnected(): void {
    this.#connected = false;
    this.#open.clear();
    for (const subscription of this.#wanted) subscription.cancelRetry?.();
  }

  /** Forgets all of them; to be called when the connection ends for good. */
  clear(): void {
    this.disconnected();
    this.#wanted.clear();
  }

  batch(id: number, batch: TopicBatch): void {
    const subscription = this.#open.get(id);
    if (subscription === undefined) return;
    const follows = batch.epoch === subscription.epoch && batch.sequence === subscription.nextSequence;
    if (!follows && !batch.reset) {
      this.#close(subscription);
      return this.#ask(subscription);
    }
    subscription.epoch = batch.epoch;
    subscription.nextSequence = batch.sequence + 1;
    subscription.refusals = 0;
    subscription.onBatch(batch);
  }

  /** What is refused because the helper is busy is asked for again; any other refusal stands until the next connection. */
  refused(id: number, error: ErrorData): void {
    const subscription = this.#open.get(id);
    if (subscription === undefined) return;
    this.#open.delete(id);
    if (error.code === 'RPC_BUSY') {
      const pause = pausesMs[Math.min(subscription.refusals++, pausesMs.length - 1)] ?? 0;
      subscription.cancelRetry = this.#options.clock.after(pause, () => this.#ask(subscription));
    }
    subscription.onRefused(error);
  }

  #ask(subscription: LiveSubscription): void {
    if (!this.#connected) return;
    const id = this.#options.nextId();
    this.#open.set(id, subscription);
    const { topic, options } = subscription;
    this.#options.send({ kind: 'subscribe', id, topic, options });
  }

  #close(subscription: LiveSubscription): void {
    for (const [id, other] of this.#open) {
      if (other !== subscription) continue;
      this.#open.delete(id);
      this.#options.send({ kind: 'unsubscribe', id });
    }
  }
}
