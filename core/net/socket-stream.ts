/** A connected TCP socket as a `Stream`. It dials nothing: whoever made the socket hands it over. */
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { Stream } from './stream.ts';

export class SocketStream implements Stream {
  readonly readable: Readable;
  readonly writable: Writable;
  readonly remote: string | undefined;
  readonly #socket: Socket;

  /** Takes the socket over. It must have been made with `allowHalfOpen`, else a FIN would end both directions. `remote`: where it leads, if not to its peer. */
  constructor(socket: Socket, remote = socket.remoteAddress) {
    if (!socket.allowHalfOpen) throw new TypeError('a stream needs a socket with allowHalfOpen');
    this.#socket = socket;
    this.readable = socket;
    this.writable = socket;
    this.remote = remote;
    // Errors also reach those who read and write; this one keeps an abandoned stream from ending the process.
    socket.on('error', () => undefined);
  }

  reset(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    // One end of a pair: its other end takes the close for a reset.
    if (socket.remoteFamily === undefined) return void socket.destroy();
    // libuv refuses to reset while a shutdown is under way and would send FIN instead.
    const shuttingDown = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
    if (shuttingDown) socket.once('finish', () => socket.resetAndDestroy());
    else socket.resetAndDestroy();
  }
}
