/** A tab's WebSocket as the transport of a `ViewerSession`: JSON text frames, bounded in what may wait to be sent. */
import { type RawData, WebSocket } from 'ws';
import { AppError } from '../../base/app-error.ts';
import type { Logger } from '../../base/logger.ts';
import type { MirageBridge } from '../../contract/app.ts';
import type { ServerFrame } from '../../contract/app-socket.ts';
import { ViewerSession } from './viewer-session.ts';

/** Bytes waiting for a slow tab from which on rows are left out, and from which on it is given up. */
const congestionLimit = 1 << 20;
const abandonLimit = 16 << 20;
/** RFC 6455, 7.4.1: a frame that breaks the rules. */
const closePolicyViolation = 1008;

export class ViewerSocket {
  readonly #socket: WebSocket;
  readonly #session: ViewerSession;
  #alive = true;

  /** Owns `socket` from here on. */
  constructor(socket: WebSocket, bridge: MirageBridge, logger: Logger) {
    this.#socket = socket;
    // Listeners first: the session sends the first events while it is being made.
    socket.on('pong', () => {
      this.#alive = true;
    });
    socket.on('error', (error) => logger.debug('a tab went away', { message: error.message }));
    this.#session = new ViewerSession(bridge, {
      send: (frame) => this.#send(frame),
      get congested() {
        return socket.bufferedAmount > congestionLimit;
      },
    });
    socket.on('close', () => this.#session.close());
    socket.on('message', (data, isBinary) => {
      try {
        this.#session.receive(frameOf(data, isBinary));
      } catch (caught) {
        const { message } = AppError.from(caught);
        logger.warning('a tab broke the protocol', { message });
        this.close(closePolicyViolation, message);
      }
    });
  }

  /** Ends a tab that did not answer the ping before this one. */
  ping(): void {
    if (!this.#alive) {
      this.#socket.terminate();
      return;
    }
    this.#alive = false;
    this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#session.close();
    this.#socket.close(code, reason);
  }

  #send(frame: ServerFrame): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > abandonLimit) this.#socket.terminate();
    else this.#socket.send(JSON.stringify(frame));
  }
}

/** The value of a text frame; undefined for what is none. */
export function frameOf(data: RawData, isBinary: boolean): unknown {
  if (isBinary || !Buffer.isBuffer(data)) return undefined;
  try {
    return JSON.parse(data.toString('utf8'));
  } catch {
    return undefined;
  }
}
