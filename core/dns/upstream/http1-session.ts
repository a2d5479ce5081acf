/** Requests by HTTP/1.1 (RFC 9112): one at a time on a connection, a few connections, which are kept. */
import http from 'node:http';
import { type Duplex, PassThrough } from 'node:stream';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { Lifetime } from '../../base/deadline.ts';
import { maxTcpMessage } from '../../net/dns-message.ts';
import { Turns } from '../resolver/turns.ts';
import {
  type HttpsAnswer,
  type HttpsRequest,
  type HttpsSession,
  type HttpsSessionOptions,
  idle,
  silence,
} from './https-session.ts';
import type { Connect } from './stream-resolver.ts';

/** Questions beyond it wait for a connection. */
const maxConnections = 6;
/** Bytes of the head of a response. */
const maxHeaderSize = 64 * 1024;
/** Time for a connection. Milliseconds. */
const patience = 5_000;

export class Http1Session implements HttpsSession {
  readonly #agent: StreamAgent;
  readonly #authority: string;
  readonly #clock: Clock;
  readonly #turns = new Turns(maxConnections);

  /** `first` is connected already. */
  constructor(first: Duplex, options: HttpsSessionOptions) {
    this.#agent = new StreamAgent(first, options);
    this.#authority = options.authority;
    this.#clock = options.clock;
  }

  async request(request: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
    // The agent does not count connections that are still made.
    await this.#turns.take(signal);
    try {
      return await this.#exchange(request, signal);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      signal.throwIfAborted();
      // What has died with one kept connection has probably died with the others.
      this.#agent.dropKept();
      return await this.#exchange(request, signal);
    } finally {
      this.#turns.give();
    }
  }

  end(): void {
    this.#agent.destroy();
  }

  async #exchange({ method, path, headers, body }: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
    const request = http.request({
      agent: this.#agent,
      method,
      path,
      headers: { ...headers, host: this.#authority },
      signal,
      maxHeaderSize,
      // Nothing is smuggled where a connection carries one person's questions.
      insecureHTTPParser: true,
    });
    const cancelDoubt = this.#clock.after(silence, () => {
      if (request.reusedSocket) request.destroy(new AppError('DNS_IO', 'the server has fallen silent'));
    });
    try {
      const response = await responseTo(request, body);
      cancelDoubt();
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of response as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > maxTcpMessage) throw new AppError('DNS_BAD_MESSAGE', 'the answer is too long');
        chunks.push(chunk);
      }
      const { headers, statusCode: status = 0 } = response;
      const {
        'content-type': type = '',
        'content-encoding': coding,
        location,
        'retry-after': retryAfter,
        age,
      } = headers;
      return { status, type, coding, body: Buffer.concat(chunks), location, retryAfter, age };
    } finally {
      cancelDoubt();
    }
  }
}

/** A kept connection had ended before it brought an answer: the server may have closed it while the request was on its way. */
class StaleConnection extends Error {}

function responseTo(request: http.ClientRequest, body: Uint8Array | undefined): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', (error) => {
      reject(request.reusedSocket ? new StaleConnection(error.message, { cause: error }) : error);
    });
    request.end(body);
  });
}

/** Connections by `connect`; the first is there. */
class StreamAgent extends http.Agent {
  readonly #connect: Connect;
  readonly #clock: Clock;
  readonly #label: string;
  #first: Duplex | undefined;

  constructor(first: Duplex, { connect, clock, authority }: HttpsSessionOptions) {
    super({ keepAlive: true, maxFreeSockets: maxConnections, timeout: idle });
    this.#first = first;
    this.#connect = connect;
    this.#clock = clock;
    this.#label = `https://${authority}`;
  }

  override createConnection(
    _options: http.ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | undefined {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined && !first.destroyed) return first;
    if (callback !== undefined) void this.#make(callback);
    return undefined;
  }

  async #make(done: (error: Error | null, stream: Duplex) => void): Promise<void> {
    const life = new Lifetime().endAfter(this.#clock, patience, () => new AppError('DNS_TIMEOUT', 'no connection'));
    let stream: Duplex;
    try {
      stream = await this.#connect(life.signal);
    } catch (error) {
      // Beside an error the stream is not looked at.
      done(AppError.from(error, 'DNS_IO', this.#label), new PassThrough());
      return;
    } finally {
      life.release();
    }
    done(null, stream);
  }

  /** Ends the connections that wait for a request. */
  dropKept(): void {
    for (const kept of Object.values(this.freeSockets)) for (const socket of kept ?? []) socket.destroy();
  }
}
