/** One connection to the helper from the app's end: made only to root's socket, greeted, then messages both ways. */
import { lstatSync, type Stats } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { AppError, errnoOf } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { protocolVersion } from '../contract/rpc.ts';
import { helloSchema, readErrorData, serverMessageSchema } from './message.ts';
import { encodeMessage, MessageDecoder } from './message-stream.ts';

export interface ClientConnectionOptions {
  readonly socketPath: string;
  /** This program's version, told to the helper. */
  readonly version: string;
  readonly clock: Clock;
  /** Whose socket is trusted besides root's; only by an explicit developer switch. */
  readonly developerUid?: number;
}

export interface ConnectionEvents {
  /** Once, when the helper has greeted. */
  onGreeted(): void;
  /** Every later message, as it came. */
  onMessage(message: unknown): void;
  /** Exactly once, whatever ended it; nothing is called after it. */
  onEnd(error: AppError): void;
}

const greetMs = 5_000;

export class ClientConnection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #decoder = new MessageDecoder();
  readonly #cancelGreeting: () => void;
  #greeted = false;
  #ended = false;

  /** Throws HELPER_UNTRUSTED, HELPER_NOT_RUNNING or HELPER_NOT_ALLOWED when the socket is not to be connected to. */
  constructor(options: ClientConnectionOptions, events: ConnectionEvents) {
    assertTrusted(options.socketPath, options.developerUid);
    this.#events = events;
    this.#cancelGreeting = options.clock.after(greetMs, () =>
      this.end(new AppError('RPC_TIMEOUT', 'the helper did not greet in time')),
    );
    this.#socket = createConnection(options.socketPath);
    this.#socket.on('connect', () => this.send({ kind: 'hello', protocol: protocolVersion, version: options.version }));
    this.#socket.on('data', (chunk) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.end(connectError(error)));
    this.#socket.on('close', () => this.end(notRunning('the helper ended the connection')));
  }

  /** Sends a message. Throws RPC_TOO_LARGE. */
  send(message: object): void {
    for (const frame of encodeMessage(message)) this.#socket.write(frame);
  }

  /** Ends it for this reason; does nothing when it has ended. */
  end(error: AppError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelGreeting();
    this.#socket.destroy();
    this.#events.onEnd(error);
  }

  /** Resolves when the descriptor is closed. */
  async closed(): Promise<void> {
    if (!this.#socket.closed) await new Promise((resolve) => this.#socket.once('close', resolve));
  }

  #receive(chunk: Buffer): void {
    for (const message of this.#decode(chunk)) {
      if (this.#ended) return;
      const problem = this.#greeted ? refusalIn(message) : (refusalIn(message) ?? greetingProblem(message));
      if (problem !== undefined) return this.end(problem);
      if (this.#greeted) {
        this.#events.onMessage(message);
      } else {
        this.#greeted = true;
        this.#cancelGreeting();
        this.#events.onGreeted();
      }
    }
  }

  #decode(chunk: Buffer): unknown[] {
    try {
      return [...this.#decoder.push(chunk)];
    } catch (caught) {
      this.end(AppError.from(caught));
      return [];
    }
  }
}

/**
 * Nobody but root (or the developer) can have put the socket there: its directory is theirs, and closed to others. Whose the
 * socket is says nothing: root gives it to the one user who may connect.
 */
function assertTrusted(socketPath: string, developerUid: number | undefined): void {
  const trusted = (status: Stats) => status.uid === 0 || status.uid === developerUid;
  const directory = statusOf(dirname(socketPath));
  const socket = statusOf(socketPath);
  const closedToOthers = directory.isDirectory() && (directory.mode & 0o022) === 0;
  if (trusted(directory) && closedToOthers && socket.isSocket()) return;
  throw new AppError('HELPER_UNTRUSTED', `${socketPath} was not made by the helper`, {
    expected: 'a socket in a directory that belongs to root and that nobody else can write',
  });
}

function statusOf(path: string): Stats {
  try {
    return lstatSync(path);
  } catch (caught) {
    throw connectError(caught);
  }
}

function refusalIn(message: unknown): AppError | undefined {
  const parsed = serverMessageSchema.safeParse(message);
  if (!parsed.success) return new AppError('RPC_BAD_FRAME', 'what answers is no helper');
  return parsed.data.kind === 'refused' ? AppError.fromData(readErrorData(parsed.data.error)) : undefined;
}

function greetingProblem(message: unknown): AppError | undefined {
  const hello = helloSchema.safeParse(message);
  if (!hello.success) return new AppError('RPC_BAD_FRAME', 'what answers is no helper');
  const { protocol, version } = hello.data;
  if (protocol.major === protocolVersion.major) return undefined;
  const text = `the helper (${version}) speaks protocol ${protocol.major}, this program ${protocolVersion.major}`;
  return new AppError('HELPER_INCOMPATIBLE', text, {
    expected: 'install the helper and the app of one version',
    details: { helperVersion: version },
  });
}

function connectError(caught: unknown): AppError {
  const code = errnoOf(caught);
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return notRunning('the helper is not running', caught);
  if (code === 'EACCES' || code === 'EPERM') {
    const expected = 'start the helper with --allow-uid and this user';
    return new AppError('HELPER_NOT_ALLOWED', 'this user may not reach the helper', { cause: caught, expected });
  }
  return AppError.from(caught, 'RPC_CLOSED', 'the connection to the helper failed');
}

function notRunning(message: string, cause?: unknown): AppError {
  return new AppError('HELPER_NOT_RUNNING', message, cause === undefined ? {} : { cause });
}
