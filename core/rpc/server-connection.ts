/** One authorised client of the control socket: its handshake, requests, subscriptions and limits. */
import type { Socket } from 'node:net';
import { AppError, stackOf } from '../base/app-error.ts';
import { unreachable } from '../base/unreachable.ts';
import type { ErrorCode } from '../contract/error.ts';
import { type EventData, type EventName, type MethodName, methods, protocolVersion } from '../contract/rpc.ts';
import type { ClientAccount } from './client-limits.ts';
import { ConnectionTables, type TableServices } from './connection-tables.ts';
import { endAfterLastWords } from './last-words.ts';
import { type ClientMessage, clientMessageSchema, helloSchema, isMethod, type ServerMessage } from './message.ts';
import { encodeMessage } from './message-stream.ts';
import { type Answer, OutstandingRequests, type RequestServices } from './outstanding-requests.ts';
import type { PeerCredentials } from './peer-auth.ts';
import { type LargeRequest, type Received, RequestReader, readParameters } from './request-reader.ts';
import { describeIssues } from './sliced-check.ts';

/** Bytes that nobody wants count as so many: they are read slowly. */
const passedOverCost = 4;

export interface ConnectionServices extends RequestServices, TableServices {
  readonly version: string;
  /** Throws when this caller may not send a large message of this method now: before it is read. */
  readonly admit: (method: MethodName, caller: PeerCredentials) => void;
}

export class ServerConnection {
  readonly caller: PeerCredentials;
  readonly #socket: Socket;
  readonly #services: ConnectionServices;
  readonly #onReady: () => void;
  readonly #account: ClientAccount;
  readonly #reader: RequestReader;
  readonly #inbox: Received[] = [];
  readonly #requests: OutstandingRequests;
  readonly #subscriptions: ConnectionTables;
  readonly #missedEvents = new Map<EventName, () => EventData<EventName> | undefined>();
  readonly #cancelHello: () => void;
  /** Ends the wait for the rest of a message, and the pause that a user who says too much gets. */
  #cancelUnfinished: (() => void) | undefined;
  #cancelPause: (() => void) | undefined;
  /** A large message is being read; what came after it waits. */
  #reading: { cancel(): void } | undefined;
  #ready = false;
  #ended = false;

  /** `onReady` is called once the handshake is done. */
  constructor(socket: Socket, caller: PeerCredentials, services: ConnectionServices, onReady: () => void) {
    const { clock, clients, version, admit } = services;
    this.#socket = socket;
    this.caller = caller;
    this.#services = services;
    this.#onReady = onReady;
    this.#account = clients.accountOf(caller.uid);
    this.#account.unread.add(socket);
    this.#reader = new RequestReader({
      admit: (method) => admit(method, caller),
      takeBytes: (bytes) => clients.messageBytes.take(caller.uid, bytes),
      giveBytes: (bytes) => clients.messageBytes.give(caller.uid, bytes),
    });
    this.#requests = new OutstandingRequests(caller, services, (id, method, answer) =>
      this.#respond(id, method, answer),
    );
    this.#subscriptions = new ConnectionTables(caller, services, {
      congested: () => this.congested(),
      send: (id, batch) => this.#write({ kind: 'batch', id, batch }),
      fail: (id, error) => this.#fail(id, error),
    });
    this.#cancelHello = clock.after(clients.limits.helloMs, () => this.close('RPC_TIMEOUT', 'no hello came'));
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
    const { unreadBytes, unreadBytesOfUser, littleUnreadBytes } = this.#services.clients.limits;
    const unread = this.#socket.writableLength;
    if (this.#ended || unread > unreadBytes) return true;
    if (unread <= littleUnreadBytes) return false;
    let ofUser = 0;
    for (const { writableLength } of this.#account.unread) ofUser += writableLength;
    return ofUser > unreadBytesOfUser;
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
    this.#ended = true;
    const frames = encodeMessage({ kind: 'refused', error: error.toData() });
    endAfterLastWords(this.#socket, frames, this.#services.clock);
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      for (const received of this.#reader.push(chunk)) this.#inbox.push(received);
    } catch (error) {
      const { code, message } = AppError.from(error);
      this.#services.log.warning('client sent a bad frame', { uid: this.caller.uid, code, message });
      return this.close(code, message);
    }
    this.#account.reading.owe(chunk.length * (this.#reader.passesOver ? passedOverCost : 1));
    this.#watchUnfinished();
    this.#pump();
  }

  /** A message that is begun has to become whole: it takes room that others want. */
  #watchUnfinished(): void {
    if (this.#ended || !this.#reader.unfinished || this.#cancelUnfinished !== undefined) return;
    const { clock, clients } = this.#services;
    const { count } = this.#reader;
    this.#cancelUnfinished = clock.after(clients.limits.messageMs, () => {
      this.#cancelUnfinished = undefined;
      const isSame = this.#reader.unfinished && this.#reader.count === count;
      if (isSame) this.close('RPC_TIMEOUT', 'a message was not sent to its end in time');
      else this.#watchUnfinished();
    });
  }

  /**
   * Handles what has come while the client reads its answers and its user says no more than allowed; otherwise leaves it,
   * and the rest in the kernel's buffer.
   */
  #pump(): void {
    while (this.#inbox.length > 0 && !this.#waits()) {
      const received = this.#inbox.shift();
      if (received !== undefined) this.#handleOrClose(received);
    }
    if (this.#ended) return;
    if (this.#inbox.length > 0 || this.#reading !== undefined || this.#isTooFast()) this.#socket.pause();
    else this.#socket.resume();
  }

  #waits(): boolean {
    if (this.congested() || this.#reading !== undefined || this.#cancelPause !== undefined) return true;
    if (this.#account.requests.take()) return false;
    this.#pauseFor(this.#account.requests.waitMs());
    return true;
  }

  #isTooFast(): boolean {
    const wait = this.#account.reading.waitMs();
    if (wait > 0) this.#pauseFor(wait);
    return this.#cancelPause !== undefined;
  }

  #pauseFor(ms: number): void {
    this.#cancelPause ??= this.#services.clock.after(ms, () => {
      this.#cancelPause = undefined;
      this.#pump();
    });
  }

  #onDrain(): void {
    const missed = [...this.#missedEvents];
    this.#missedEvents.clear();
    for (const [event, current] of missed) this.push(event, current);
    this.#subscriptions.resume();
    this.#pump();
  }

  /** A defect that a message brings to light ends the connection it came by, and no other. */
  #handleOrClose(received: Received): void {
    try {
      this.#handleReceived(received);
    } catch (caught) {
      this.#services.log.error('a message of a client failed by a defect', { error: stackOf(caught) });
      this.close('INTERNAL', 'the message could not be handled');
    }
  }

  #handleReceived(received: Received): void {
    switch (received.kind) {
      case 'message':
        return this.#handle(received.value);
      case 'large':
        return this.#handleLarge(received);
      case 'refused':
        this.#services.log.info('large message refused', { uid: this.caller.uid, code: received.error.code });
        return this.#fail(received.id, received.error);
      default:
        return unreachable(received);
    }
  }

  #handle(received: unknown): void {
    if (!this.#ready) return this.#handshake(received);
    const parsed = clientMessageSchema.safeParse(received);
    if (!parsed.success)
      return this.close('RPC_BAD_FRAME', `the message is malformed: ${describeIssues(parsed.error)}`);
    const message = parsed.data;
    switch (message.kind) {
      case 'request':
        return this.#request(message);
      case 'subscribe':
        return this.#subscriptions.add(message);
      case 'unsubscribe':
        return this.#subscriptions.remove(message.id);
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

  #request({ id, method, params }: ClientMessage & { kind: 'request' }): void {
    if (!isMethod(method)) return this.#fail(id, new AppError('RPC_UNKNOWN_METHOD', `there is no method "${method}"`));
    const parsed = methods[method].params.safeParse(params);
    if (parsed.success) return this.#start(id, method, parsed.data);
    this.#fail(id, new AppError('RPC_BAD_PARAMS', `${method}: ${describeIssues(parsed.error)}`));
  }

  /** Reads and checks it in steps, and hands it on. */
  #handleLarge(request: LargeRequest): void {
    const { id, method } = request;
    if (!this.#ready) {
      request.release();
      return this.close('RPC_BAD_FRAME', 'the first message must be a hello');
    }
    this.#reading = { cancel: () => undefined };
    const task = this.#services.clients.work.run(this.caller.uid, readParameters(request), (outcome) => {
      this.#reading = undefined;
      request.release();
      if ('value' in outcome) this.#start(id, method, outcome.value);
      else this.#fail(id, AppError.from(outcome.error));
      this.#pump();
    });
    const cancel = (): void => {
      task.cancel();
      request.release();
    };
    if (this.#reading !== undefined) this.#reading = { cancel };
  }

  #start(id: number, method: MethodName, params: unknown): void {
    if (this.#ended) return;
    if (this.#requests.has(id)) return this.close('RPC_BAD_FRAME', `request ${id} is outstanding already`);
    this.#requests.start(id, method, params);
  }

  /** An answer that cannot be written is an error to whoever asked. */
  #respond(id: number, method: string, answer: Answer): void {
    if ('error' in answer) {
      this.#fail(id, answer.error);
    } else {
      try {
        this.#send(encodeMessage({ kind: 'response', id, result: answer.result }));
      } catch (caught) {
        this.#fail(id, AppError.from(caught, 'INTERNAL', `${method}: the answer cannot be sent`));
      }
    }
    if (this.#inbox.length > 0) this.#pump();
  }

  #fail(id: number, error: AppError): void {
    this.#write({ kind: 'response', id, error: error.toData() });
  }

  /** What cannot be written ends this connection, and no other. */
  #write(message: ServerMessage): void {
    try {
      this.#send(encodeMessage(message));
    } catch (caught) {
      const { code, message: reason } = AppError.from(caught);
      this.#services.log.error('a message to a client cannot be written', { kind: message.kind, code, reason });
      this.#ended = true;
      this.#socket.destroy();
    }
  }

  #send(frames: readonly Buffer[]): void {
    if (this.#ended || !this.#socket.writable) return;
    for (const frame of frames) this.#socket.write(frame);
  }

  #dispose(): void {
    this.#ended = true;
    this.#account.unread.delete(this.#socket);
    this.#cancelHello();
    this.#cancelUnfinished?.();
    this.#cancelPause?.();
    this.#reading?.cancel();
    this.#reader.dispose();
    for (const received of this.#inbox.splice(0)) if (received.kind === 'large') received.release();
    this.#subscriptions.dispose();
    this.#requests.dispose();
  }
}
