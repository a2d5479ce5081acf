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
import { type HttpsAnswer, type HttpsRequest, type HttpsSession, Unanswered } from './https-session.ts';
import { orAborted } from './or-aborted.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';
import { ServerManners } from './server-manners.ts';
import type { Connect } from './stream-resolver.ts';
import { Turns } from './turns.ts';
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
const maxRedirects = 3;
/** Sessions for requests that go alone, and those that one request may see end under it. */
const maxSessions = 8;
const maxTries = 12;
/** A server's wish to be left alone is heeded so long, and waited for so long by a question. Milliseconds. */
const longestPause = 5_000;
const shortPause = 2_000;
const mediaType = 'application/dns-message';

export class HttpsResolver implements Resolver {
  readonly #options: HttpsResolverOptions;
  readonly #authority: string;
  readonly #label: string;
  readonly #manners: ServerManners;
  #session: Promise<HttpsSession> | undefined;
  /** For requests that go alone, each on a session of its own. */
  readonly #turns = new Turns(maxSessions);
  /** As the server wished. */
  #notBefore = 0;

  constructor(options: HttpsResolverOptions) {
    this.#options = options;
    this.#manners = new ServerManners(options.clock);
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
      const { message } = await this.#manners.ask(async (plain) => ({
        message: await this.#ask(question, plain, life.signal),
      }));
      return { message, upstream: this.#label, ms: clock.monotonic() - begun };
    } catch (error) {
      throw AppError.from(life.signal.aborted ? life.signal.reason : error, 'DNS_IO', this.#label);
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #ask(question: Question, plain: boolean, signal: AbortSignal): Promise<DnsMessage> {
    if (this.#notBefore > this.#options.clock.monotonic()) await this.#heed(signal);
    let path: string | undefined;
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const answer = await this.#exchange(this.#requestFor(question, plain, path), signal);
      const { status, location, retryAfter } = answer;
      if (isRedirect(status) && location !== undefined) {
        path = this.#pathOf(location);
        continue;
      }
      const wait = status === 429 || status === 503 ? secondsOf(retryAfter) : undefined;
      if (wait === undefined) return read(answer, question);
      const { clock } = this.#options;
      this.#notBefore = clock.monotonic() + Math.min(wait * 1_000, longestPause);
      if (wait * 1_000 > shortPause) return read(answer, question);
      await this.#heed(signal);
    }
    throw new AppError('DNS_IO', 'the server redirects again and again');
  }

  /** What a session left unanswered when it ended is asked again on another, alone where it had to share. */
  async #exchange(request: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
    let alone = false;
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      const opening: Promise<HttpsSession> | undefined = alone ? undefined : (this.#session ??= this.#open());
      try {
        if (opening === undefined) return await this.#exchangeAlone(request, signal);
        return await (await orAborted(opening, signal)).request(request, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Unanswered)) throw error;
        if (tries === maxTries) throw AppError.from(error.cause, 'DNS_IO');
        if (opening !== undefined && error.isOver) this.#forget(opening);
        alone ||= error.underLoad;
      }
    }
  }

  async #exchangeAlone(request: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
    await this.#turns.take(signal);
    const opening = this.#open();
    try {
      return await (await orAborted(opening, signal)).request(request, signal);
    } finally {
      opening.then(
        (session) => session.end(),
        () => undefined,
      );
      this.#turns.give();
    }
  }

  /** Waits as long as the server asked to; fails at once where that is too long. */
  async #heed(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const ms = this.#notBefore - clock.monotonic();
    if (ms <= 0) return;
    if (ms > shortPause)
      throw new AppError('DNS_IO', `the server asked not to be asked for ${Math.ceil(ms / 1_000)} s`);
    const pause = Promise.withResolvers<void>();
    const cancel = clock.after(ms, pause.resolve);
    try {
      await orAborted(pause.promise, signal);
    } finally {
      cancel();
    }
  }

  /** The path of a redirection on the same server; another server was not configured, and is not trusted with questions. */
  #pathOf(location: string): string {
    const base = `https://${this.#authority}${this.#options.path}`;
    const target = URL.canParse(location, base) ? new URL(location, base) : undefined;
    if (target?.origin !== new URL(base).origin)
      throw new AppError('DNS_IO', `the server redirects to ${location.slice(0, 100)}, which is another one`);
    return target.pathname + target.search;
  }

  #requestFor(question: Question, plain: boolean, redirected: string | undefined): HttpsRequest {
    const { method, path: configured } = this.#options;
    const path = redirected ?? configured;
    const body = Buffer.from(encodeQuestion(question, 0, { ...this.#options.question, ...(plain ? { plain } : {}) }));
    if (method === 'GET') {
      if (/[?&]dns=/.test(path)) return { method, path, headers: { accept: mediaType } };
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
  // Which question an answer belongs to is HTTP's to say; some servers put in an id of their own.
  const id = body.length >= 2 ? body.readUInt16BE(0) : 0;
  const answer = readAnswer(body, question, id, 'connection');
  if (answer.kind === 'answer') return answer.message;
  const reason = answer.kind === 'bad' ? answer.reason : strangeness(type);
  throw new AppError('DNS_BAD_MESSAGE', `no usable answer: ${reason}`);
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** Retry-After (RFC 9110 section 10.2.3) in seconds; undefined without one, and for a date. */
function secondsOf(retryAfter: string | undefined): number | undefined {
  return retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter.trim()) ? Number(retryAfter) : undefined;
}

/** Why an answer is none: a portal's web page has the right status too. */
function strangeness(type: string): string {
  return type === mediaType ? 'it answers another question' : `it is "${type}"`;
}
