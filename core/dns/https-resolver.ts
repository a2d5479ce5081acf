/**
 * Questions to one server by DNS over HTTPS (RFC 8484) on a kept HTTP/2 session. The id is 0, so that caches on the way can
 * share answers. Caches nothing.
 */
import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { type DnsMessage, maxTcpMessage } from '../net/dns-message.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';
import { type Connect, orAborted } from './stream-resolver.ts';
import { encodeQuestion, type QuestionOptions, readAnswer } from './upstream-answer.ts';

export interface HttpsResolverOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  /** A TLS stream on which HTTP/2 was agreed. */
  readonly connect: Connect;
  readonly question?: QuestionOptions;
  readonly clock: Clock;
}

const deadline = 5_000;
const idle = 30_000;
/** A server that brings no answer for so long has to answer a PING in the time after it. Milliseconds. */
const silence = 2_500;
const pong = 1_000;
const mediaType = 'application/dns-message';

export class HttpsResolver implements Resolver {
  readonly #options: HttpsResolverOptions;
  readonly #authority: string;
  readonly #label: string;
  #session: Promise<http2.ClientHttp2Session> | undefined;

  constructor(options: HttpsResolverOptions) {
    this.#options = options;
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    this.#authority = options.port === 443 ? host : `${host}:${options.port}`;
    this.#label = `https://${this.#authority}${options.path}`;
  }

  /** Five seconds at most. A kept session that turns out to be ended or dead is replaced once. */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const { clock } = this.#options;
    const begun = clock.monotonic();
    const life = new AbortController();
    const cancel = clock.after(deadline, () =>
      life.abort(new AppError('DNS_TIMEOUT', `${this.#label} did not answer within ${deadline / 1_000} s`)),
    );
    const onAbort = (): void => life.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const message = await this.#ask(question, life.signal);
      return { message, upstream: this.#label, ms: clock.monotonic() - begun };
    } catch (error) {
      throw AppError.from(life.signal.aborted ? life.signal.reason : error, 'DNS_IO', this.#label);
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #ask(question: Question, signal: AbortSignal): Promise<DnsMessage> {
    signal.throwIfAborted();
    const kept = this.#session;
    const session = await orAborted((this.#session ??= this.#open()), signal);
    try {
      return await this.#request(session, question, signal);
    } catch (error) {
      signal.throwIfAborted();
      // A session that the server had ended while nobody asked, or that died with the network, is replaced once.
      if (kept === undefined || !(session.closed || session.destroyed)) throw error;
      if (this.#session === kept) this.#session = undefined;
      return await this.#request(await orAborted((this.#session ??= this.#open()), signal), question, signal);
    }
  }

  #request(session: http2.ClientHttp2Session, question: Question, signal: AbortSignal): Promise<DnsMessage> {
    const { method, path } = this.#options;
    const query = Buffer.from(encodeQuestion(question, 0, this.#options.question ?? {}));
    const headers = { ':authority': this.#authority, ':method': method, accept: mediaType };
    return new Promise((resolve, reject) => {
      const stream = session.request(
        method === 'GET'
          ? { ...headers, ':path': `${path}${path.includes('?') ? '&' : '?'}dns=${query.toString('base64url')}` }
          : {
              ...headers,
              ':path': path,
              'content-type': mediaType,
              'content-length': query.length,
            },
        { signal },
      );
      const chunks: Buffer[] = [];
      let length = 0;
      let status = 0;
      let type = '';
      // Not ended with the question: that nobody wants the answer any more does not make the session a good one.
      const cancelDoubt = this.#options.clock.after(silence, () => this.#probe(session));
      stream.on('response', (answer) => {
        cancelDoubt();
        status = Number(answer[':status']);
        type = answer['content-type'] ?? '';
      });
      stream.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxTcpMessage) stream.destroy(new AppError('DNS_BAD_MESSAGE', 'the answer is too long'));
        else chunks.push(chunk);
      });
      stream.on('error', reject);
      stream.on('end', () => {
        // Taken back before there was an answer; `close` tells it.
        if (status === 0) return;
        if (status !== 200) return reject(new AppError('DNS_IO', `the server answered with HTTP status ${status}`));
        const answer = readAnswer(Buffer.concat(chunks), question, 0);
        if (answer.kind === 'answer') return resolve(answer.message);
        const reason = answer.kind === 'bad' ? answer.reason : strangeness(type);
        reject(new AppError('DNS_BAD_MESSAGE', `no usable answer: ${reason}`));
      });
      stream.on('close', () => reject(new AppError('DNS_IO', 'the server closed the request')));
      stream.end(method === 'GET' ? undefined : query);
    });
  }

  #open(): Promise<http2.ClientHttp2Session> {
    const { connect, clock } = this.#options;
    const life = new AbortController();
    const cancel = clock.after(deadline, () =>
      life.abort(new AppError('DNS_TIMEOUT', `no connection to ${this.#label}`)),
    );
    const opening = connect(life.signal)
      .then((stream) => this.#begin(stream, () => this.#forget(opening)))
      .finally(cancel);
    opening.catch(() => this.#forget(opening));
    return opening;
  }

  #begin(stream: Duplex, forget: () => void): http2.ClientHttp2Session {
    const session = http2.connect(`https://${this.#authority}`, { createConnection: () => stream });
    session.on('error', forget);
    session.on('goaway', forget);
    session.on('close', forget);
    session.setTimeout(idle, () => session.close());
    session.unref();
    return session;
  }

  /** Ends a session whose server does not even answer a PING (RFC 9113 section 6.7). */
  #probe(session: http2.ClientHttp2Session): void {
    if (session.closed || session.destroyed) return;
    const cancel = this.#options.clock.after(pong, () =>
      session.destroy(new AppError('DNS_IO', 'the server has fallen silent')),
    );
    session.ping(cancel);
  }

  #forget(session: Promise<http2.ClientHttp2Session>): void {
    if (this.#session === session) this.#session = undefined;
  }
}

/** Why an answer is none: a portal's web page has the right status too. */
function strangeness(type: string): string {
  return type === mediaType ? 'it answers another question' : `it is "${type}"`;
}
