/**
 * The bridge of a browser tab: calls, events and tables over one WebSocket to the page's own origin. Reconnects by
 * itself and renews every subscription; the frames are those of core/contract/app-socket.ts.
 */
import type {
  AppEvents,
  AppMethodName,
  AppParams,
  AppResult,
  MirageBridge,
  TopicBatch,
  TopicName,
  Unsubscribe,
} from '../../core/contract/app.ts';
import type { ClientFrame, EventFrame, ServerFrame, sessionEndedCloseCode } from '../../core/contract/app-socket.ts';
import type { ErrorData } from '../../core/contract/error.ts';
import type { SubscribeOptions } from '../../core/contract/rpc.ts';
import { BackOff } from './back-off.ts';
import { BridgeError } from './error-data.ts';
import type { HomeLink, HomeState } from './home-link.ts';

/** What the bridge wants to hear from its WebSocket. */
export interface SocketHandlers {
  opened: () => void;
  received: (text: string) => void;
  /** Called exactly once, also when it never opened. */
  closed: (code: number) => void;
}

/** The part of a WebSocket that is used; tests have their own. */
export interface OpenSocket {
  send(text: string): void;
}

export interface SocketBridgeOptions {
  readonly open: (handlers: SocketHandlers) => OpenSocket;
  /** Whether the server refuses our session; asked after a connection that never opened. */
  readonly isUnauthorized: () => Promise<boolean>;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
  /** Calls back after a time; the returned function cancels. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

interface Subscription {
  readonly topic: TopicName;
  readonly options: SubscribeOptions;
  readonly handler: (batch: TopicBatch) => void;
  readonly onRefused: (error: ErrorData) => void;
}

interface Call {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: BridgeError) => void;
  readonly cancelTimeout: () => void;
}

const sessionEnded: typeof sessionEndedCloseCode = 4401;
/** Turning Enhanced Mode on answers when it runs, which may take some seconds. */
const callTimeoutMs = 30_000;
/** These wait for downloads, which end by themselves and can be ended by the person; a connection that is lost ends them, too. */
const patientCalls: readonly AppMethodName[] = [
  'addProfile',
  'updateProfile',
  'updateProviders',
  'useProfile',
  'reloadProfile',
  'previewProfile',
  'saveProfileText',
  'switchOverride',
  'addRule',
];

export class SocketBridge implements MirageBridge, HomeLink {
  readonly #options: SocketBridgeOptions;
  readonly #backOff: BackOff;
  readonly #calls = new Map<number, Call>();
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #events: { [E in keyof AppEvents]: EventChannel<AppEvents[E]> } = {
    link: new EventChannel(),
    info: new EventChannel(),
    snapshot: new EventChannel(),
    traffic: new EventChannel(),
  };
  readonly #stateHandlers = new Set<() => void>();
  #state: HomeState = { kind: 'connecting' };
  #socket: OpenSocket | undefined;
  #cancelRetry: (() => void) | undefined;
  #nextCall = 1;
  #nextSubscription = 1;

  constructor(options: SocketBridgeOptions) {
    this.#options = options;
    this.#backOff = new BackOff({ firstMs: 500, longestMs: 15_000, random: options.random });
    this.#connect();
  }

  get state(): HomeState {
    return this.#state;
  }

  onChange(handler: () => void): () => void {
    this.#stateHandlers.add(handler);
    return () => this.#stateHandlers.delete(handler);
  }

  retry(): void {
    if (this.#socket === undefined) this.#connect();
  }

  call<M extends AppMethodName>(method: M, params: AppParams<M>): Promise<AppResult<M>> {
    if (this.#state.kind !== 'open') return Promise.reject(closedError());
    const id = this.#nextCall++;
    return new Promise((resolve, reject) => {
      const after = patientCalls.includes(method) ? () => () => undefined : this.#options.after;
      const cancelTimeout = after(callTimeoutMs, () => {
        this.#calls.delete(id);
        reject(
          new BridgeError({ code: 'RPC_TIMEOUT', message: `no answer to ${method} within ${callTimeoutMs / 1000} s` }),
        );
      });
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server answers what the contract says
      this.#calls.set(id, { resolve: (result) => resolve(result as AppResult<M>), reject, cancelTimeout });
      this.#send({ id, call: method, params });
    });
  }

  on<E extends keyof AppEvents>(event: E, handler: (data: AppEvents[E]) => void): Unsubscribe {
    return this.#events[event].on(handler);
  }

  subscribe<T extends TopicName>(
    topic: T,
    options: SubscribeOptions,
    handler: (batch: TopicBatch<T>) => void,
    onRefused: (error: ErrorData) => void,
  ): Unsubscribe {
    const id = this.#nextSubscription++;
    this.#subscriptions.set(id, { topic, options, handler, onRefused });
    if (this.#state.kind === 'open') this.#send({ subscribe: id, topic, options });
    return () => {
      if (this.#subscriptions.delete(id) && this.#state.kind === 'open') this.#send({ unsubscribe: id });
    };
  }

  #connect(): void {
    this.#cancelRetry?.();
    let opened = false;
    this.#socket = this.#options.open({
      opened: () => {
        opened = true;
        this.#backOff.reset();
        this.#setState({ kind: 'open' });
        for (const [id, { topic, options }] of this.#subscriptions) this.#send({ subscribe: id, topic, options });
      },
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server: no schema check per row
      received: (text) => this.#receive(JSON.parse(text) as ServerFrame),
      closed: (code) => {
        this.#socket = undefined;
        this.#rejectCalls();
        if (code === sessionEnded) this.#setState({ kind: 'unauthorized' });
        else if (opened) this.#retryLater();
        else void this.#explainRefusal();
      },
    });
  }

  async #explainRefusal(): Promise<void> {
    const unauthorized = await this.#options.isUnauthorized().catch(() => false);
    if (this.#socket !== undefined) return; // somebody pressed retry meanwhile
    if (unauthorized) this.#setState({ kind: 'unauthorized' });
    else this.#retryLater();
  }

  #retryLater(): void {
    const ms = this.#backOff.next();
    this.#cancelRetry = this.#options.after(ms, () => this.#connect());
    this.#setState({ kind: 'lost', retryAt: this.#options.now() + ms });
  }

  #receive(frame: ServerFrame): void {
    if ('batch' in frame) {
      this.#subscriptions.get(frame.batch)?.handler(frame.data);
    } else if ('refused' in frame) {
      this.#subscriptions.get(frame.refused)?.onRefused(frame.error);
    } else if ('event' in frame) {
      this.#emit(frame);
    } else {
      const call = this.#calls.get(frame.id);
      this.#calls.delete(frame.id);
      call?.cancelTimeout();
      if ('error' in frame) call?.reject(new BridgeError(frame.error));
      else call?.resolve(frame.result);
    }
  }

  #emit(frame: EventFrame): void {
    switch (frame.event) {
      case 'link':
        return this.#events.link.emit(frame.data);
      case 'info':
        return this.#events.info.emit(frame.data);
      case 'snapshot':
        return this.#events.snapshot.emit(frame.data);
      case 'traffic':
        return this.#events.traffic.emit(frame.data);
    }
  }

  #rejectCalls(): void {
    for (const source of Object.values(this.#events)) source.forget();
    for (const call of this.#calls.values()) {
      call.cancelTimeout();
      call.reject(closedError());
    }
    this.#calls.clear();
  }

  #send(frame: ClientFrame): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  #setState(state: HomeState): void {
    this.#state = state;
    for (const handler of this.#stateHandlers) handler();
  }
}

/** One event: its handlers, and its newest value for handlers that come later. */
class EventChannel<D> {
  readonly #handlers = new Set<(data: D) => void>();
  #last: { readonly data: D } | undefined;

  on(handler: (data: D) => void): Unsubscribe {
    this.#handlers.add(handler);
    if (this.#last !== undefined) handler(this.#last.data);
    return () => this.#handlers.delete(handler);
  }

  emit(data: D): void {
    this.#last = { data };
    for (const handler of this.#handlers) handler(data);
  }

  forget(): void {
    this.#last = undefined;
  }
}

function closedError(): BridgeError {
  return new BridgeError({ code: 'RPC_CLOSED', message: 'the connection to Mirage is closed' });
}
