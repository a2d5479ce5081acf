/** Requests by HTTP/2 (RFC 9113): many at once on one connection, whose life a PING tells. */
import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { maxTcpMessage } from '../../net/dns-message.ts';
import {
  type HttpsAnswer,
  type HttpsRequest,
  type HttpsSession,
  type HttpsSessionOptions,
  idle,
  silence,
  Unanswered,
} from './https-session.ts';

/** A doubted server has to answer a PING within this. Milliseconds. */
const pong = 1_000;

export class Http2Session implements HttpsSession {
  readonly #session: http2.ClientHttp2Session;
  readonly #authority: string;
  readonly #clock: Clock;
  readonly #under = new Set<HttpsRequest>();
  /** Most requests at once since there was none. */
  #most = 0;
  #answers = 0;

  constructor(stream: Duplex, { authority, clock }: HttpsSessionOptions, onEnd: () => void) {
    this.#authority = authority;
    this.#clock = clock;
    this.#session = http2.connect(`https://${authority}`, { createConnection: () => stream });
    for (const event of ['error', 'goaway', 'close']) this.#session.on(event, onEnd);
    this.#session.setTimeout(idle, () => this.#session.close());
    this.#session.unref();
  }

  async request(request: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
    this.#under.add(request);
    this.#most = Math.max(this.#most, this.#under.size);
    try {
      const answer = await this.#exchange(request, signal);
      this.#answers += 1;
      return answer;
    } finally {
      this.#under.delete(request);
      if (this.#under.size === 0 && !this.#isOver) this.#most = 0;
    }
  }

  end(): void {
    this.#session.close();
  }

  get #isOver(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  #exchange({ method, path, headers, body }: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
    let stream: http2.ClientHttp2Stream;
    try {
      stream = this.#session.request(
        { ':authority': this.#authority, ':method': method, ':path': path, ...headers },
        { signal },
      );
    } catch (error) {
      return Promise.reject(this.#isOver ? new Unanswered(AppError.from(error, 'DNS_IO'), true, false) : error);
    }
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let length = 0;
      let status = 0;
      let type = '';
      let coding: string | undefined;
      let location: string | undefined;
      let retryAfter: string | undefined;
      let age: string | undefined;
      const fail = (error: Error): void => reject(status === 0 ? this.#judged(error, stream.rstCode) : error);
      // Not ended with the question: that nobody wants the answer any more does not make the session a good one.
      const cancelDoubt = this.#clock.after(silence, () => this.#probe());
      stream.on('response', (answer) => {
        cancelDoubt();
        status = Number(answer[':status']);
        ({ 'content-type': type = '', 'content-encoding': coding, location, 'retry-after': retryAfter, age } = answer);
      });
      stream.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxTcpMessage) stream.destroy(new AppError('DNS_BAD_MESSAGE', 'the answer is too long'));
        else chunks.push(chunk);
      });
      stream.on('error', fail);
      stream.on('end', () => {
        // Without a status it was taken back before there was an answer; `close` tells it.
        if (status !== 0) resolve({ status, type, coding, body: Buffer.concat(chunks), location, retryAfter, age });
      });
      stream.on('close', () => fail(new AppError('DNS_IO', 'the server closed the request')));
      stream.end(body);
    });
  }

  /** What a request without an answer has come to: whether it says anything about the request (RFC 9113 section 8.7). */
  #judged(error: Error, code: number | undefined): Error {
    if (code === http2.constants.NGHTTP2_REFUSED_STREAM) return new Unanswered(error, this.#isOver, false);
    // Kept from earlier, and servers close what they find idle; or shared, and it may end in a moment.
    const isInnocent = (this.#isOver && this.#answers > 0) || this.#most > 1;
    return isInnocent ? new Unanswered(error, this.#isOver, this.#most > 1) : error;
  }

  /** Ends a session whose server does not even answer a PING (RFC 9113 section 6.7). */
  #probe(): void {
    if (this.#isOver) return;
    const cancel = this.#clock.after(pong, () =>
      this.#session.destroy(new AppError('DNS_IO', 'the server has fallen silent')),
    );
    this.#session.ping(cancel);
  }
}
