/**
 * Questions to one server by DNS over HTTPS (RFC 8484) on a kept session. The id is 0, so that caches on the way can share
 * answers. Caches nothing.
 */

import { TLSSocket } from 'node:tls';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { Lifetime, orAborted } from '../../base/deadline.ts';
import { parseUrl } from '../../base/parse-url.ts';
import type { DnsMessage, DnsRecord } from '../../net/dns-message.ts';
import type { DnsAnswer, Question, Resolver } from '../resolver/resolver.ts';
import { Turns } from '../resolver/turns.ts';
import { Http1Session } from './http1-session.ts';
import { Http2Session } from './http2-session.ts';
import { decodedBody, type HttpsAnswer, type HttpsRequest, type HttpsSession, Unanswered } from './https-session.ts';
import { ServerManners } from './server-manners.ts';
import { type Connect, wasReset } from './stream-resolver.ts';
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
/** Statuses of a gateway whose servers are in trouble, which often passes (RFC 9110 section 15.6). */
const passing: ReadonlySet<number> = new Set([500, 502, 503, 504]);
/** Statuses of a server that takes one of the two methods, though RFC 8484 section 4.1 wants both. */
const refusesMethod: ReadonlySet<number> = new Set([405, 415, 501]);

export class HttpsResolver implements Resolver {
  readonly #options: HttpsResolverOptions;
  readonly #authority: string;
  readonly #label: string;
  readonly #manners: ServerManners;
  #method: 'GET' | 'POST';
  #session: Promise<HttpsSession> | undefined;
  /** For requests that go alone, each on a session of its own. */
  readonly #turns = new Turns(maxSessions);
  /** As the server wished. */
  #notBefore = 0;

  constructor(options: HttpsResolverOptions) {
    this.#options = options;
    this.#method = options.method;
    this.#manners = new ServerManners(options.clock);
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    this.#authority = options.port === 443 ? host : `${host}:${options.port}`;
    this.#label = `https://${this.#authority}${options.path}`;
  }

  /** Five seconds at most. A kept session that turns out to be ended or dead is replaced once. */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const { clock } = this.#options;
    const begun = clock.monotonic();
    const life = new Lifetime(signal).endAfter(clock, deadline, () => {
      return new AppError('DNS_TIMEOUT', `${this.#label} did not answer within ${deadline / 1_000} s`);
    });
    try {
      const { message } = await this.#manners.ask(async ({ plain }) => ({
        message: await this.#ask(question, plain, life.signal),
      }));
      return { message, upstream: this.#label, ms: clock.monotonic() - begun };
    } catch (error) {
      throw AppError.from(life.signal.aborted ? life.signal.reason : error, 'DNS_IO', this.#label);
    } finally {
      life.release();
    }
  }

  async #ask(question: Question, plain: boolean, signal: AbortSignal): Promise<DnsMessage> {
    if (this.#notBefore > this.#options.clock.monotonic()) await this.#heed(signal);
    let path: string | undefined;
    let isSecondTry = false;
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const request = this.#requestFor(question, plain, path);
      const answer = await this.#exchange(request, signal);
      const { status, location, retryAfter } = answer;
      if (isRedirect(status) && location !== undefined) {
        path = this.#pathOf(location);
        continue;
      }
      const mayPass = passing.has(status) && retryAfter === undefined;
      if (!isSecondTry && (mayPass || refusesMethod.has(status))) {
        isSecondTry = true;
        // Whatever other questions have changed meanwhile: many are refused at once.
        if (!mayPass) this.#method = request.method === 'GET' ? 'POST' : 'GET';
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
    let mayRepeat = true;
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      const opening: Promise<HttpsSession> | undefined = alone ? undefined : (this.#session ??= this.#open());
      try {
        if (opening === undefined) return await this.#exchangeAlone(request, signal);
        return await (await orAborted(opening, signal, 'DNS_IO')).request(request, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Unanswered)) {
          // A question may be asked twice (RFC 8484 section 4.1), and a connection that is cut says little about it.
          if (!mayRepeat || !wasReset(error)) throw error;
          mayRepeat = false;
          continue;
        }
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
      return await (await orAborted(opening, signal, 'DNS_IO')).request(request, signal);
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
      await orAborted(pause.promise, signal, 'DNS_IO');
    } finally {
      cancel();
    }
  }

  /** The path of a redirection on the same server; another server was not configured, and is not trusted with questions. */
  #pathOf(location: string): string {
    const base = `https://${this.#authority}${this.#options.path}`;
    const target = parseUrl(location, base);
    if (target?.origin !== new URL(base).origin)
      throw new AppError('DNS_IO', `the server redirects to ${location.slice(0, 100)}, which is another one`);
    return target.pathname + target.search;
  }

  #requestFor(question: Question, plain: boolean, redirected: string | undefined): HttpsRequest {
    const method = this.#method;
    const path = redirected ?? this.#options.path;
    const body = Buffer.from(encodeQuestion(question, 0, { ...this.#options.question, ...(plain ? { plain } : {}) }));
    const headers = { accept: mediaType, 'accept-encoding': 'identity' };
    if (method === 'GET') {
      if (/[?&]dns=/.test(path)) return { method, path, headers };
      const parameter = `${path.includes('?') ? '&' : '?'}dns=${body.toString('base64url')}`;
      return { method, path: path + parameter, headers };
    }
    const entity = { 'content-type': mediaType, 'content-length': body.length };
    return { method, path, headers: { ...headers, ...entity }, body };
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

function read(answer: HttpsAnswer, question: Question): DnsMessage {
  const { status, type } = answer;
  // Any success carries an answer (RFC 8484 section 4.2.1).
  if (status < 200 || status > 299) throw new AppError('DNS_IO', `the server answered with HTTP status ${status}`);
  const body = decodedBody(answer);
  // Which question an answer belongs to is HTTP's to say; some servers put in an id of their own.
  const id = body.length >= 2 ? body.readUInt16BE(0) : 0;
  const told = readAnswer(body, question, id, 'connection');
  if (told.kind === 'answer') return aged(told.message, secondsOf(answer.age) ?? 0);
  const reason = told.kind === 'bad' ? told.reason : strangeness(type);
  throw new AppError('DNS_BAD_MESSAGE', `no usable answer: ${reason}`);
}

/** What a cache on the way had for some seconds is good for so much less (RFC 8484 section 5.1). */
function aged(message: DnsMessage, seconds: number): DnsMessage {
  if (seconds === 0) return message;
  const older = (records: readonly DnsRecord[]): DnsRecord[] =>
    records.map((record) => ({ ...record, ttl: Math.max(0, record.ttl - seconds) }));
  return { ...message, answers: older(message.answers), authorities: older(message.authorities) };
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** A field of seconds, such as Retry-After (RFC 9110 section 10.2.3); undefined without one, and for a date. */
function secondsOf(field: string | undefined): number | undefined {
  return field !== undefined && /^\d{1,6}$/.test(field.trim()) ? Number(field) : undefined;
}

/** Why an answer is none: a portal's web page has the right status too. */
function strangeness(type: string): string {
  return type === mediaType ? 'it answers another question' : `it is "${type}"`;
}
