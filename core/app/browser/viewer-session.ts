/**
 * One viewer (a tab, a window) at the app process: turns its frames into calls and subscriptions, and what comes back into
 * frames. Knows no transport; a slow one loses table rows, which it sees as a reset later, and never holds up the others.
 */
import { AppError } from '../../base/app-error.ts';
import type { AppEvents, MirageBridge, Unsubscribe } from '../../contract/app.ts';
import { type ClientFrame, clientFrameSchema, type ServerFrame } from '../../contract/app-socket.ts';
import type { SubscribeOptions, TopicBatch, TopicName } from '../../contract/rpc.ts';
import { callApp } from '../app-call.ts';

/** Where frames go. While `congested`, batches and traffic samples are left out. */
export interface FrameSink {
  send(frame: ServerFrame): void;
  readonly congested: boolean;
}

/** Tables that one viewer may watch at a time. */
const maxSubscriptions = 8;
/** Calls of one viewer that may wait for their answers at a time. */
const maxCalls = 64;

interface Subscription {
  /** Rows were left out: what the viewer holds is no longer whole. */
  stale: boolean;
  stop: Unsubscribe;
}

export class ViewerSession {
  readonly #bridge: MirageBridge;
  readonly #sink: FrameSink;
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #events: Unsubscribe[];
  #calls = 0;
  #closed = false;

  /** Sends the first of each event at once. */
  constructor(bridge: MirageBridge, sink: FrameSink) {
    this.#bridge = bridge;
    this.#sink = sink;
    this.#events = [
      bridge.on('link', (data) => this.#event({ event: 'link', data })),
      bridge.on('info', (data) => this.#event({ event: 'info', data })),
      bridge.on('snapshot', (data) => this.#event({ event: 'snapshot', data })),
      bridge.on('traffic', (data) => this.#traffic(data)),
    ];
  }

  /** Takes what the viewer sent. Throws `RPC_BAD_FRAME` when it keeps to no form: the transport should then be closed. */
  receive(data: unknown): void {
    const parsed = clientFrameSchema.safeParse(data);
    if (!parsed.success) throw new AppError('RPC_BAD_FRAME', 'a frame of unknown form');
    const frame: ClientFrame = parsed.data;
    if ('call' in frame) void this.#call(frame.id, frame.call, frame.params);
    else if ('subscribe' in frame) this.#subscribe(frame.subscribe, frame.topic, frame.options);
    else this.#unsubscribe(frame.unsubscribe);
  }

  /** Idempotent. Answers to calls under way are dropped. */
  close(): void {
    this.#closed = true;
    for (const stop of this.#events.splice(0)) stop();
    for (const subscription of this.#subscriptions.values()) subscription.stop();
    this.#subscriptions.clear();
  }

  async #call(id: number, method: string, params: unknown): Promise<void> {
    this.#calls += 1;
    try {
      if (this.#calls > maxCalls) throw new AppError('RPC_BUSY', `more than ${maxCalls} calls wait for their answers`);
      const result = await callApp(this.#bridge, method, params);
      this.#send({ id, result });
    } catch (caught) {
      this.#send({ id, error: AppError.from(caught).toData() });
    } finally {
      this.#calls -= 1;
    }
  }

  #subscribe(number: number, topic: TopicName, options: SubscribeOptions): void {
    if (this.#subscriptions.has(number)) throw new AppError('RPC_BAD_FRAME', `subscription ${number} exists already`);
    if (this.#subscriptions.size >= maxSubscriptions) {
      throw new AppError('RPC_BAD_FRAME', `more than ${maxSubscriptions} subscriptions`);
    }
    const subscription: Subscription = { stale: false, stop: () => undefined };
    this.#subscriptions.set(number, subscription);
    const isCurrent = () => this.#subscriptions.get(number) === subscription;
    const onBatch = (data: TopicBatch) => {
      if (!isCurrent()) return;
      if (this.#sink.congested) {
        subscription.stale = true;
      } else if (subscription.stale && !data.reset) {
        subscription.stale = false;
        subscription.stop();
        begin();
      } else {
        subscription.stale = false;
        this.#send({ batch: number, data });
      }
    };
    const begin = () => {
      subscription.stop = this.#bridge.subscribe(topic, options, onBatch, (error) => {
        if (isCurrent()) this.#send({ refused: number, error });
      });
    };
    begin();
  }

  #unsubscribe(number: number): void {
    this.#subscriptions.get(number)?.stop();
    this.#subscriptions.delete(number);
  }

  #traffic(data: AppEvents['traffic']): void {
    if (!this.#sink.congested) this.#event({ event: 'traffic', data });
  }

  #event(frame: ServerFrame): void {
    this.#send(frame);
  }

  #send(frame: ServerFrame): void {
    if (!this.#closed) this.#sink.send(frame);
  }
}
