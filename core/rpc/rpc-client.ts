/**
 * The app's end of the contract: calls methods, and keeps events and subscriptions over gaps and reconnects. Holds no copy
 * of tables.
 */
import { AppError } from '../base/app-error.ts';
import { Emitter } from '../base/emitter.ts';
import type { HelperLink } from '../contract/app.ts';
import type { ErrorData } from '../contract/error.ts';
import {
  type EventData,
  type EventName,
  events,
  type MethodName,
  type Params,
  type Result,
  type SubscribeOptions,
  type TopicBatch,
  type TopicName,
} from '../contract/rpc.ts';
import { ClientConnection, type ClientConnectionOptions } from './client-connection.ts';
import { readErrorData, serverMessageSchema } from './message.ts';
import { TopicSubscriptions } from './topic-subscriptions.ts';
import { unchecked } from './unchecked.ts';

export type RpcClientOptions = ClientConnectionOptions;

type Settle = (answer: { result: unknown } | { error: AppError }) => void;

const callMs = 30_000;
/** Short at first: a helper that died is started again within a second or two, and names do not resolve meanwhile. */
const backoffMs = [100, 200, 300, 400, 500, 500, 1_000, 2_000, 5_000] as const;

export class RpcClient {
  readonly #options: RpcClientOptions;
  readonly #calls = new Map<number, Settle>();
  readonly #subscriptions: TopicSubscriptions;
  readonly #events: { readonly [E in EventName]: Emitter<EventData<E>> } = {
    snapshot: new Emitter(),
    traffic: new Emitter(),
  };
  readonly #linkChanged = new Emitter<HelperLink>();
  #latest: { [E in EventName]?: EventData<E> } = {};
  #link: HelperLink = { kind: 'connecting' };
  #connection: ClientConnection | undefined;
  #nextId = 1;
  #attempt = 0;
  #wanted = false;
  #cancelRetry: (() => void) | undefined;

  constructor(options: RpcClientOptions) {
    this.#options = options;
    this.#subscriptions = new TopicSubscriptions({
      clock: options.clock,
      nextId: () => this.#nextId++,
      send: (message) => this.#connection?.send(message),
    });
  }

  get link(): HelperLink {
    return this.#link;
  }

  /** Hears every change of `link`, not its present value. The returned function ends it. */
  onLink(handler: (link: HelperLink) => void): () => void {
    return this.#linkChanged.on(handler);
  }

  /** Connects and stays connected, with growing pauses between attempts, until `close`. */
  connect(): void {
    this.#wanted = true;
    this.#tryAgain();
  }

  /**
   * One attempt, when there is no connection. Rejects with HELPER_NOT_RUNNING, HELPER_NOT_ALLOWED, HELPER_UNTRUSTED,
   * HELPER_INCOMPATIBLE or RPC_*.
   */
  connectOnce(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#setLink({ kind: 'connecting' });
      const events = {
        onGreeted: () => {
          this.#onConnected();
          resolve();
        },
        onMessage: (message: unknown) => this.#receive(message),
        onEnd: (error: AppError) => {
          this.#onEnd(error);
          reject(error);
        },
      };
      try {
        this.#connection = new ClientConnection(this.#options, events);
      } catch (caught) {
        events.onEnd(AppError.from(caught));
      }
    });
  }

  /** Ends the connection and every reconnect and subscription; outstanding calls reject with RPC_CLOSED. */
  async close(): Promise<void> {
    this.#wanted = false;
    this.#cancelRetry?.();
    this.#subscriptions.clear();
    const connection = this.#connection;
    connection?.end(new AppError('RPC_CLOSED', 'the connection to the helper was closed'));
    await connection?.closed();
  }

  /** Calls a method. Rejects with the helper's error, the link's when there is none, RPC_TIMEOUT or RPC_TOO_LARGE. */
  call<M extends MethodName>(method: M, params: Params<M>, options: { timeoutMs?: number } = {}): Promise<Result<M>> {
    return new Promise((resolve, reject) => {
      if (this.#link.kind !== 'connected') return reject(this.#linkError());
      const id = this.#nextId++;
      this.#connection?.send({ kind: 'request', id, method, params });
      const timeoutMs = options.timeoutMs ?? callMs;
      const settle: Settle = (answer) => {
        this.#calls.delete(id);
        cancel();
        if ('error' in answer) reject(answer.error);
        else resolve(unchecked<Result<M>>(answer.result));
      };
      const cancel = this.#options.clock.after(timeoutMs, () =>
        settle({ error: new AppError('RPC_TIMEOUT', `the helper did not answer "${method}" within ${timeoutMs} ms`) }),
      );
      this.#calls.set(id, settle);
    });
  }

  /** Hears an event; when connected, its latest value at once. The returned function ends it. */
  on<E extends EventName>(event: E, handler: (data: EventData<E>) => void): () => void {
    const latest = this.#latest[event];
    if (latest !== undefined) handler(latest);
    return this.#events[event].on(handler);
  }

  /**
   * Receives a table's batches until the returned function is called. The first one, and the first after a reconnect or a
   * gap, has `reset`. `onRefused` hears each time that the helper refuses the table; with RPC_BUSY it is asked for again
   * by itself.
   */
  subscribe<T extends TopicName>(
    topic: T,
    options: SubscribeOptions,
    handler: (batch: TopicBatch<T>) => void,
    onRefused: (error: ErrorData) => void,
  ): () => void {
    return this.#subscriptions.add({ topic, options, onBatch: (batch) => handler(unchecked(batch)), onRefused });
  }

  #tryAgain(): void {
    if (this.#connection === undefined) this.connectOnce().catch(() => undefined); // `link` says it
  }

  #onConnected(): void {
    this.#attempt = 0;
    this.#setLink({ kind: 'connected' });
    this.#subscriptions.connected();
  }

  #onEnd(error: AppError): void {
    this.#connection = undefined;
    this.#latest = {};
    this.#subscriptions.disconnected();
    this.#setLink({ kind: 'failed', error: error.toData() });
    for (const settle of this.#calls.values()) settle({ error });
    this.#cancelRetry?.();
    if (!this.#wanted) return;
    const pause = backoffMs[Math.min(this.#attempt++, backoffMs.length - 1)] ?? 0;
    this.#cancelRetry = this.#options.clock.after(pause, () => this.#tryAgain());
  }

  /** Messages of kinds that a later minor version may have are passed over. */
  #receive(received: unknown): void {
    const message = serverMessageSchema.safeParse(received).data;
    if (message?.kind === 'event' && isEvent(message.event)) this.#onEvent(message.event, unchecked(message.data));
    if (message?.kind === 'batch') this.#subscriptions.batch(message.id, unchecked(message.batch));
    if (message?.kind !== 'response') return;
    const settle = this.#calls.get(message.id);
    if (message.error === undefined) return settle?.({ result: message.result });
    const error = readErrorData(message.error);
    // What is answered is a call; a subscription is answered only when it is refused.
    if (settle === undefined) this.#subscriptions.refused(message.id, error);
    else settle({ error: AppError.fromData(error) });
  }

  #onEvent<E extends EventName>(event: E, data: EventData<E>): void {
    this.#latest = { ...this.#latest, [event]: data };
    this.#events[event].emit(data);
  }

  #linkError(): AppError {
    if (this.#link.kind === 'failed') return AppError.fromData(this.#link.error);
    return new AppError('RPC_CLOSED', 'the helper is not connected yet');
  }

  #setLink(link: HelperLink): void {
    this.#link = link;
    this.#linkChanged.emit(link);
  }
}

function isEvent(name: string): name is EventName {
  return Object.hasOwn(events, name);
}
