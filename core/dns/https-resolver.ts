/**
 * Questions to one server by DNS over HTTPS (RFC 8484) on a kept session. The id is 0, so that caches on the way can share
 * answers. Caches nothing.
 */
import { TLSSocket } from 'node:tls';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { DnsMessage } from '../net/dns-message.ts';
import { Http1Session } from './http1-session.ts';
import { Http2Session } from './http2-session.ts';
import type { HttpsAnswer, HttpsRequest, HttpsSession } from './https-session.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';
import { type Connect, orAborted } from './stream-resolver.ts';
import { encodeQuestion, type QuestionOptions, readAnswer } from './upstream-answer.ts';

export interface HttpsResolverOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  /** A TLS stream. HTTP/2 is spoken where it was agreed on, else HTTP/1.1. */
  readonly connect: Connect;
  readonly question?: QuestionOptions;
  readonly clock: Clock;
}

const deadline = 5_000;
const mediaType = 'application/dns-message';

export class HttpsResolver implements Resolver {
  readonly #options: HttpsResolverOptions;
  readonly #authority: string;
  readonly #label: string;
  #session: Promise<HttpsSession> | undefined;

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
    const request = this.#requestFor(question);
    try {
      return read(await session.request(request, signal), question);
    } catch (error) {
      signal.throwIfAborted();
      // A session that the server had ended while nobody asked, or that died with the network, is replaced once.
      if (kept === undefined || !session.ended) throw error;
      if (this.#session === kept) this.#session = undefined;
      const next = await orAborted((this.#session ??= this.#open()), signal);
      return read(await next.request(request, signal), question);
    }
  }

  #requestFor(question: Question): HttpsRequest {
    const { method, path } = this.#options;
    const body = Buffer.from(encodeQuestion(question, 0, this.#options.question ?? {}));
    if (method === 'GET') {
      const parameter = `${path.includes('?') ? '&' : '?'}dns=${body.toString('base64url')}`;
      return { method, path: path + parameter, headers: { accept: mediaType } };
    }
    const headers = { accept: mediaType, 'content-type': mediaType, 'content-length': body.length };
    return { method, path, headers, body };
  }

  #open(): Promise<HttpsSession> {
    const { connect, clock } = this.#options;
    const life = new AbortController();
    const cancel = clock.after(deadline, () =>
      life.abort(new AppError('DNS_TIMEOUT', `no connection to ${this.#label}`)),
    );
    const opening = connect(life.signal)
      .then((stream) => {
        const options = { authority: this.#authority, connect, clock };
        // A server that agrees to nothing speaks HTTP/1.1 (RFC 7301).
        const isHttp2 = stream instanceof TLSSocket && stream.alpnProtocol === 'h2';
        return isHttp2
          ? new Http2Session(stream, options, () => this.#forget(opening))
          : new Http1Session(stream, options);
      })
      .finally(cancel);
    opening.catch(() => this.#forget(opening));
    return opening;
  }

  #forget(session: Promise<HttpsSession>): void {
    if (this.#session === session) this.#session = undefined;
  }
}

function read({ status, type, body }: HttpsAnswer, question: Question): DnsMessage {
  if (status !== 200) throw new AppError('DNS_IO', `the server answered with HTTP status ${status}`);
  const answer = readAnswer(body, question, 0);
  if (answer.kind === 'answer') return answer.message;
  const reason = answer.kind === 'bad' ? answer.reason : strangeness(type);
  throw new AppError('DNS_BAD_MESSAGE', `no usable answer: ${reason}`);
}

/** Why an answer is none: a portal's web page has the right status too. */
function strangeness(type: string): string {
  return type === mediaType ? 'it answers another question' : `it is "${type}"`;
}
