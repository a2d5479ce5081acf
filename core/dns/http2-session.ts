/** Requests by HTTP/2 (RFC 9113): many at once on one connection, whose life a PING tells. */
import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { maxTcpMessage } from '../net/dns-message.ts';
import {
  type HttpsAnswer,
  type HttpsRequest,
  type HttpsSession,
  type HttpsSessionOptions,
  idle,
  silence,
} from './https-session.ts';

/** A doubted server has to answer a PING within this. Milliseconds. */
const pong = 1_000;

export class Http2Session implements HttpsSession {
  readonly #session: http2.ClientHttp2Session;
  readonly #authority: string;
  readonly #clock: Clock;

  constructor(stream: Duplex, { authority, clock }: HttpsSessionOptions, onEnd: () => void) {
    this.#authority = authority;
    this.#clock = clock;
    this.#session = http2.connect(`https://${authority}`, { createConnection: () => stream });
    for (const event of ['error', 'goaway', 'close']) this.#session.on(event, onEnd);
    this.#session.setTimeout(idle, () => this.#session.close());
    this.#session.unref();
  }

  get ended(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  request({ method, path, headers, body }: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request(
        { ':authority': this.#authority, ':method': method, ':path': path, ...headers },
        { signal },
      );
      const chunks: Buffer[] = [];
      let length = 0;
      let status = 0;
      let type = '';
      let location: string | undefined;
      let retryAfter: string | undefined;
      // Not ended with the question: that nobody wants the answer any more does not make the session a good one.
      const cancelDoubt = this.#clock.after(silence, () => this.#probe());
      stream.on('response', (answer) => {
        cancelDoubt();
        status = Number(answer[':status']);
        ({ 'content-type': type = '', location, 'retry-after': retryAfter } = answer);
      });
      stream.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxTcpMessage) stream.destroy(new AppError('DNS_BAD_MESSAGE', 'the answer is too long'));
        else chunks.push(chunk);
      });
      stream.on('error', reject);
      stream.on('end', () => {
        // Without a status it was taken back before there was an answer; `close` tells it.
        if (status !== 0) resolve({ status, type, body: Buffer.concat(chunks), location, retryAfter });
      });
      stream.on('close', () => reject(new AppError('DNS_IO', 'the server closed the request')));
      stream.end(body);
    });
  }

  /** Ends a session whose server does not even answer a PING (RFC 9113 section 6.7). */
  #probe(): void {
    if (this.ended) return;
    const cancel = this.#clock.after(pong, () =>
      this.#session.destroy(new AppError('DNS_IO', 'the server has fallen silent')),
    );
    this.#session.ping(cancel);
  }
}
