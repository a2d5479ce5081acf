/** One authorised client of the control socket: its handshake, requests, subscriptions and limits. */
import type { Socket } from 'node:net';
import type { z } from 'zod';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { unreachable } from '../base/unreachable.ts';
import type { ErrorCode } from '../contract/error.ts';
import {
  type EventData,
  type EventName,
  type MethodName,
  methods,
  type Params,
  protocolVersion,
  type Result,
  type TopicName,
  topics,
} from '../contract/rpc.ts';
import { endAfterLastWords } from './last-words.ts';
import { type ClientMessage, clientMessageSchema, helloSchema, type ServerMessage } from './message.ts';
import { encodeMessage, MessageDecoder } from './message-stream.ts';
import type { PeerCredentials } from './peer-auth.ts';
import { RateLimit } from './rate-limit.ts';
import type { TopicFeed, TopicSubscription, TopicViewer } from './topic-feed.ts';
import { unchecked } from './unchecked.ts';

export interface Caller extends PeerCredentials {
  /** Aborted at the deadline and when the client is gone. */
  readonly signal: AbortSignal;
}

/** One handler for each method of the contract; the compiler lists what is missing. */
export type Handlers = {
  readonly [M in MethodName]: (params: Params<M>, caller: Caller) => Result<M> | Promise<Result<M>>;
};
export type Feeds = { readonly [T in TopicName]: TopicFeed<T> };

export interface ConnectionLimits {
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  readonly outstanding: number;
  readonly subscriptions: number;
  readonly helloMs: number;
  readonly deadlineMs: number;
  /** Unread bytes beyond which a client gets no rows and its next requests wait. */
  readonly unreadBytes: number;
}

export interface ConnectionServices {
  readonly handlers: Handlers;
  readonly feeds: Feeds;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  readonly limits: ConnectionLimits;
  /** Whether results are checked against the contract before they are sent: in development and tests. */
  readonly checkResults: boolean;
}

export class ServerConnection {
  readonly caller: PeerCredentials;
  readonly #socket: Socket;
  readonly #services: ConnectionServices;
  readonly #onReady: () => void;
  readonly #decoder = new MessageDecoder();
  readonly #inbox: unknown[] = [];
  readonly #outstanding = new Map<number, AbortController>();
  readonly #subscriptions = new Map<number, TopicSubscription>();
  readonly #rate: RateLimit;
  readonly #missedEvents = new Map<EventName, () => EventData<EventName> | undefined>();
  readonly #cancelHello: () => void;
  #ready = false;
  #ended = false;

  /** `onReady` is called once the handshake is done. */
  constructor(socket: Socket, caller: PeerCredentials, services: ConnectionServices, onReady: () => void) {
    const { clock, limits, version } = services;
    this.#socket = socket;
    this.caller = caller;
    this.#services = services;
    this.#onReady = onReady;
    this.#rate = new RateLimit(clock, limits.requestsPerSecond, limits.requestBurst);
    this.#cancelHello = clock.after(limits.helloMs, () => this.close('RPC_TIMEOUT', 'no hello came'));
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('drain', () => this.#onDrain());
    socket.on('error', (error) =>
      services.log.debug('client connection failed', { uid: caller.uid, error: error.message }),
    );
    socket.on('close', () => this.#dispose());
    this.#write({ kind: 'hello', protocol: protocolVersion, version });
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Whether more bytes than allowed wait for the client to read them. */
  congested(): boolean {
    return this.#ended || this.#socket.writableLength > this.#services.limits.unreadBytes;
  }

  /** Pushes an event; a client that does not read gets the value of the moment it reads again, and none between. */
  push<E extends EventName>(event: E, current: () => EventData<E> | undefined): void {
    if (!this.#ready) return;
    if (this.congested()) {
      this.#missedEvents.set(event, current);
      return;
    }
    const data = current();
    if (data !== undefined) this.#write({ kind: 'event', event, data });
  }

  /** Tells the client why and ends the connection. */
  close(code: ErrorCode, message: string, expected?: string): void {
    if (this.#ended) return;
    const error = new AppError(code, message, expected === undefined ? {} : { expected });
    this.#write({ kind: 'refused', error: error.toData() });
    this.#ended = true;
    endAfterLastWords(this.#socket, this.#services.clock);
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      for (const message of this.#decoder.push(chunk)) this.#inbox.push(message);
    } catch (error) {
      const { code, message } = AppError.from(error);
      this.#services.log.warning('client sent a bad frame', { uid: this.caller.uid, code, message });
      return this.close(code, message);
    }
    this.#pump();
  }

  /** Handles what has come while the client reads its answers; otherwise leaves it, and the rest in the kernel's buffer. */
  #pump(): void {
    while (this.#inbox.length > 0 && !this.congested()) this.#handle(this.#inbox.shift());
    if (this.#ended) return;
    if (this.#inbox.length > 0) this.#socket.pause();
    else this.#socket.resume();
  }

  #onDrain(): void {
    const missed = [...this.#missedEvents];
    this.#missedEvents.clear();
    for (const [event, current] of missed) this.push(event, current);
    for (const subscription of this.#subscriptions.values()) subscription.resume();
    this.#pump();
  }

  #handle(received: unknown): void {
    if (!this.#ready) return this.#handshake(received);
    const parsed = clientMessageSchema.safeParse(received);
    if (!parsed.success) return this.close('RPC_BAD_FRAME', `the message is malformed: ${describe(parsed.error)}`);
    const message = parsed.data;
    switch (message.kind) {
      case 'request':
        return this.#request(message);
      case 'subscribe':
        return this.#subscribe(message);
      case 'unsubscribe':
        this.#subscriptions.get(message.id)?.cancel();
        this.#subscriptions.delete(message.id);
        return;
      default:
        return unreachable(message);
    }
  }

  #handshake(received: unknown): void {
    const hello = helloSchema.safeParse(received);
    if (!hello.success) return this.close('RPC_BAD_FRAME', 'the first message must be a hello');
    const { major } = hello.data.protocol;
    if (major !== protocolVersion.major) {
      const message = `this helper speaks protocol ${protocolVersion.major}, the client ${major}`;
      return this.close('HELPER_INCOMPATIBLE', message, 'install the helper and the app of one version');
    }
    this.#cancelHello();
    this.#ready = true;
    this.#onReady();
  }

  #request(message: ClientMessage & { kind: 'request' }): void {
    const { id, method, params } = message;
    const { clock, limits, log } = this.#services;
    const fail = (code: ErrorCode, text: string) =>
      this.#write({ kind: 'response', id, error: new AppError(code, text).toData() });
    if (this.#outstanding.has(id)) return this.close('RPC_BAD_FRAME', `request ${id} is outstanding already`);
    if (!isMethod(method)) return fail('RPC_UNKNOWN_METHOD', `there is no method "${method}"`);
    if (!this.#rate.take()) return fail('RPC_BUSY', `more than ${limits.requestsPerSecond} requests a second`);
    if (this.#outstanding.size >= limits.outstanding)
      return fail('RPC_BUSY', `more than ${limits.outstanding} requests at once`);
    const parsed = methods[method].params.safeParse(params);
    if (!parsed.success) return fail('RPC_BAD_PARAMS', `${method}: ${describe(parsed.error)}`);

    const abort = new AbortController();
    this.#outstanding.set(id, abort);
    const finish = (answer: { result: unknown } | { error: AppError }) => {
      if (!this.#outstanding.delete(id)) return; // answered by the deadline already, or the client is gone
      cancelDeadline();
      this.#respond(id, method, answer);
    };
    const cancelDeadline = clock.after(limits.deadlineMs, () => {
      finish({ error: new AppError('RPC_TIMEOUT', `${method} took longer than ${limits.deadlineMs} ms`) });
      abort.abort();
    });
    this.#call(method, parsed.data, abort.signal).then(
      (result) => finish({ result }),
      (caught: unknown) => {
        const error = AppError.from(caught);
        if (error.code === 'INTERNAL') log.error('request failed by a defect', { method, error: stackOf(caught) });
        finish({ error });
      },
    );
  }

  async #call<M extends MethodName>(method: M, params: unknown, signal: AbortSignal): Promise<Result<M>> {
    const handler = this.#services.handlers[method];
    const result = await handler(unchecked<Params<M>>(params), { ...this.caller, signal });
    if (this.#services.checkResults) methods[method].result.parse(result);
    return result;
  }

  #respond(id: number, method: string, answer: { result: unknown } | { error: AppError }): void {
    try {
      this.#write(
        'error' in answer
          ? { kind: 'response', id, error: answer.error.toData() }
          : { kind: 'response', id, result: answer.result },
      );
    } catch (caught) {
      const error = AppError.from(caught, 'INTERNAL', `${method}: the answer cannot be sent`);
      this.#write({ kind: 'response', id, error: error.toData() });
    }
    if (this.#inbox.length > 0) this.#pump();
  }

  #subscribe(message: ClientMessage & { kind: 'subscribe' }): void {
    const { id, topic, options } = message;
    const fail = (code: ErrorCode, text: string) =>
      this.#write({ kind: 'response', id, error: new AppError(code, text).toData() });
    if (!isTopic(topic)) return fail('RPC_BAD_PARAMS', `there is no table "${topic}"`);
    if (this.#subscriptions.has(id)) return fail('RPC_BAD_PARAMS', `subscription ${id} exists already`);
    if (this.#subscriptions.size >= this.#services.limits.subscriptions)
      return fail('RPC_BUSY', 'too many subscriptions');
    const viewer: TopicViewer = {
      caller: this.caller,
      congested: () => this.congested(),
      send: (batch) => this.#write({ kind: 'batch', id, batch }),
    };
    this.#subscriptions.set(id, this.#services.feeds[topic].subscribe(viewer, options));
  }

  #write(message: ServerMessage): void {
    if (this.#ended || !this.#socket.writable) return;
    for (const frame of encodeMessage(message)) this.#socket.write(frame);
  }

  #dispose(): void {
    this.#ended = true;
    this.#cancelHello();
    this.#inbox.length = 0;
    for (const subscription of this.#subscriptions.values()) subscription.cancel();
    this.#subscriptions.clear();
    const outstanding = [...this.#outstanding.values()];
    this.#outstanding.clear();
    for (const abort of outstanding) abort.abort();
  }
}

function isMethod(name: string): name is MethodName {
  return Object.hasOwn(methods, name);
}

function isTopic(name: string): name is TopicName {
  return Object.hasOwn(topics, name);
}

/** The first problems, with their places; never the values, which may be secret. */
function describe(error: z.ZodError): string {
  const issues = error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`);
  return (
    issues.join('; ') + (error.issues.length > issues.length ? `; and ${error.issues.length - issues.length} more` : '')
  );
}

function stackOf(caught: unknown): string {
  return caught instanceof Error ? (caught.stack ?? caught.message) : String(caught);
}
