/**
 * The client of one plain HTTP request as a stream: the rewritten head, then the request's body. Bytes behind the body
 * are swallowed: a further request on this connection may be meant for another server and may carry our password.
 */
import type { Socket } from 'node:net';
import { type Readable, Transform, type Writable } from 'node:stream';
import { AppError } from '../base/app-error.ts';
import { HttpBodyEnd, type HttpBodyLength } from '../net/http-body.ts';
import { SocketStream } from '../net/socket-stream.ts';
import type { Stream } from '../net/stream.ts';

export class ForwardedRequest implements Stream {
  readonly readable: Readable;
  readonly writable: Writable;
  readonly remote: string | undefined;
  readonly #client: SocketStream;

  /** Takes the socket over; its next byte is the body's first. */
  constructor(socket: Socket, head: Uint8Array, body: HttpBodyLength) {
    this.#client = new SocketStream(socket);
    this.writable = this.#client.writable;
    this.remote = this.#client.remote;
    const end = new HttpBodyEnd(body);
    const request = new Transform({
      transform(chunk: Uint8Array, _encoding, done) {
        const belonging = end.take(chunk);
        if (belonging === undefined)
          done(new AppError('DIAL_IO', 'the body of the request is not framed as announced'));
        else done(null, belonging === 0 ? undefined : chunk.subarray(0, belonging));
      },
    });
    request.push(head);
    socket.on('error', (error) => request.destroy(error));
    socket.on('close', () => {
      if (!socket.readableEnded) request.destroy();
    });
    request.on('error', () => undefined);
    this.readable = socket.pipe(request);
  }

  reset(): void {
    this.readable.destroy();
    this.#client.reset();
  }
}
