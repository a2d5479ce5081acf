/**
 * The client of one plain HTTP request as a stream: the rewritten head and the request's body one way, the response the other.
 * It knows where the response ends, whatever the server does with its connection, and then hands the client's connection back
 * for the next request, which may be meant for another server.
 */
import type { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { AppError } from '../base/app-error.ts';
import { GrowingBytes } from '../base/growing-bytes.ts';
import { HttpBodyEnd } from '../net/http-body.ts';
import type { ForwardedHead } from '../net/http-connect.ts';
import { encodeHttpError } from '../net/http-error.ts';
import { isHeadWorthReading } from '../net/http-fields.ts';
import { httpResponseLength, parseHttpResponse, rewriteHttpResponse } from '../net/http-response.ts';
import { SocketStream } from '../net/socket-stream.ts';
import type { Stream } from '../net/stream.ts';

/** What follows the exchange: the bytes of further requests that have come already, or the end of the connection. */
export type AfterExchange = { readonly kind: 'next'; readonly bytes: Uint8Array } | { readonly kind: 'end' };

/** Bytes of further requests that are taken while the server has not answered; then the client has to wait. */
const maxEarly = 65_536;
/** Interim responses before the final one. A server that works for long says 102 every 20 seconds or so (RFC 2518 section 10.1). */
const maxInterim = 100;

/** Which part of the response comes next. `rest`: everything up to the end of the server's connection. */
type ResponsePart = 'head' | 'body' | 'rest' | 'over';

export class HttpExchange implements Stream {
  readonly readable: Readable;
  readonly writable: Writable;
  readonly remote: string | undefined;
  readonly #socket: Socket;
  readonly #client: SocketStream;
  readonly #request: ForwardedHead;
  readonly #after: (after: AfterExchange) => void;
  readonly #requestEnd: HttpBodyEnd;
  #responseEnd: HttpBodyEnd | undefined;
  #part: ResponsePart = 'head';
  #head = new GrowingBytes();
  #interim = 0;
  #answered = false;
  /** Both sides have changed to another protocol: bytes pass as they are. */
  #upgraded = false;
  /** The client's bytes behind this request. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #clientEnded = false;
  #keepAlive = false;
  readonly #onData = (chunk: Uint8Array): void => this.#receive(chunk);
  readonly #onEnd = (): void => this.#clientFinished();
  readonly #onError = (error: Error): void => void this.readable.destroy(error);
  readonly #onClose = (): void => {
    if (!this.#clientEnded) this.readable.destroy();
  };

  /** Takes the socket over until `after` is called, exactly once unless it is reset; its next byte is the body's first. */
  constructor(socket: Socket, request: ForwardedHead, after: (after: AfterExchange) => void) {
    this.#socket = socket;
    this.#client = new SocketStream(socket);
    this.#request = request;
    this.#after = after;
    this.#requestEnd = new HttpBodyEnd(request.body);
    this.remote = this.#client.remote;
    this.readable = new Readable({ read: () => this.#resume() });
    this.readable.on('error', () => undefined);
    this.writable = new Writable({
      write: (chunk: Uint8Array, _encoding, done) => this.#respond(chunk, done),
      final: (done) => this.#finish(done),
    });
    this.writable.on('error', () => undefined);
    this.readable.push(request.head);
    socket.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
    socket.resume();
  }

  /** Ends the client's connection too, unless it was handed back. */
  reset(): void {
    this.readable.destroy();
    if (this.#part === 'over') return;
    this.#part = 'over';
    this.#detach();
    this.#client.reset();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#upgraded) return this.#pass(chunk);
    const belonging = this.#requestEnd.over ? 0 : this.#requestEnd.take(chunk);
    if (belonging === undefined) {
      this.readable.destroy(new AppError('DIAL_IO', 'the body of the request is not framed as announced'));
      return;
    }
    if (belonging > 0) this.#pass(chunk.subarray(0, belonging));
    if (belonging === chunk.length) return;
    this.#early.push(chunk.subarray(belonging));
    this.#earlyBytes += chunk.length - belonging;
    if (this.#earlyBytes > maxEarly) this.#socket.pause();
  }

  #pass(chunk: Uint8Array): void {
    if (!this.readable.push(chunk)) this.#socket.pause();
  }

  #resume(): void {
    if (this.#part !== 'over' && this.#earlyBytes <= maxEarly) this.#socket.resume();
  }

  #clientFinished(): void {
    this.#clientEnded = true;
    this.readable.push(null);
  }

  /** Reads the server's bytes and sends the client what is meant for it. */
  #respond(chunk: Uint8Array, done: (error?: Error) => void): void {
    const send: Uint8Array[] = [];
    let rest = chunk;
    while (rest.length > 0 && this.#part !== 'over') {
      const [out, left] = this.#part === 'head' ? this.#takeHead(rest) : this.#takeBody(rest);
      if (out.length > 0) send.push(out);
      rest = left;
    }
    const isOver = this.#part === 'over';
    const [only] = send;
    const flushed = only === undefined || this.#socket.write(send.length === 1 ? only : Buffer.concat(send));
    this.#answered ||= send.length > 0;
    if (flushed || this.#socket.destroyed) done();
    else this.#socket.once('drain', () => done());
    if (isOver) this.writable.end();
  }

  /** What the client is sent for bytes of the head, and the bytes behind it. */
  #takeHead(bytes: Uint8Array): [out: Uint8Array, left: Uint8Array] {
    const nothing = new Uint8Array();
    const searched = this.#head.length;
    this.#head.push(bytes);
    const received = this.#head.bytes;
    if (!isHeadWorthReading(received, searched)) return [nothing, nothing];
    const parsed = parseHttpResponse(received);
    if (parsed.kind === 'more') return [nothing, nothing];
    this.#head = new GrowingBytes();
    if (parsed.kind === 'bad') {
      this.#part = 'rest';
      return [received, nothing];
    }
    const head = parsed.value;
    const written = received.subarray(0, parsed.used);
    const left = received.subarray(parsed.used);
    if (head.status === 101) {
      this.#part = 'rest';
      if (this.#request.upgrade) this.#upgrade();
      return [written, left];
    }
    if (head.status < 200) {
      this.#interim += 1;
      if (this.#interim > maxInterim) {
        this.#part = 'over';
        return [this.#error('the server sends interim responses without end', 'http_protocol_error'), nothing];
      }
      // HTTP/1.0 knows none (RFC 9110 section 15.2).
      return [this.#request.version === '1.0' ? nothing : written, left];
    }
    const length = httpResponseLength(head, this.#request.method);
    const isFramed = length.kind === 'bytes' || (length.kind === 'chunked' && this.#request.version === '1.1');
    this.#keepAlive = isFramed && this.#request.persistent && this.#requestEnd.over && !this.#clientEnded;
    if (length.kind === 'until-close') this.#part = 'rest';
    else {
      this.#responseEnd = new HttpBodyEnd(length);
      this.#part = this.#responseEnd.over ? 'over' : 'body';
    }
    return [rewriteHttpResponse(head, length, this.#keepAlive), left];
  }

  #takeBody(bytes: Uint8Array): [out: Uint8Array, left: Uint8Array] {
    const belonging = this.#part === 'body' ? this.#responseEnd?.take(bytes) : bytes.length;
    if (belonging === undefined) {
      // Not framed as announced: the client may make of it what it can, up to the end of the connection.
      this.#part = 'rest';
      this.#keepAlive = false;
      return [bytes, new Uint8Array()];
    }
    if (this.#responseEnd?.over === true) this.#part = 'over';
    return [bytes.subarray(0, belonging), bytes.subarray(belonging)];
  }

  #upgrade(): void {
    this.#upgraded = true;
    for (const chunk of this.#early.splice(0)) this.#pass(chunk);
    this.#earlyBytes = 0;
    this.#socket.resume();
  }

  /** The response is over, or the server has ended its connection. */
  #finish(done: (error?: Error) => void): void {
    if (this.#upgraded) {
      this.#socket.end(() => done());
      return;
    }
    const isWhole = this.#part === 'over';
    this.#part = 'over';
    this.#detach();
    if (this.#requestEnd.over) this.readable.push(null);
    else this.readable.destroy();
    done();
    if (this.#socket.destroyed) return;
    if (isWhole && this.#keepAlive && !this.#clientEnded) {
      this.#after({ kind: 'next', bytes: Buffer.concat(this.#early.splice(0)) });
      return;
    }
    if (!this.#answered) {
      const message = 'the server closed the connection without an answer';
      this.#socket.write(this.#error(message, 'connection_terminated'));
    }
    this.#after({ kind: 'end' });
  }

  #error(message: string, error: string): Uint8Array {
    return encodeHttpError(502, message, { reader: this.#request.reader, host: this.#request.host, error });
  }

  #detach(): void {
    this.#socket
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onClose);
    this.#socket.pause();
  }
}
