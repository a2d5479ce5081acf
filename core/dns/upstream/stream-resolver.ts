/**
 * Questions to one server over connections that are kept: DNS over TCP (RFC 7766) and, where `connect` gives a TLS stream,
 * DNS over TLS (RFC 7858). Questions are pipelined; a server that cannot take that is asked one at a time. Caches nothing.
 */
import type { Duplex } from 'node:stream';
import { AppError, errnoOf } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { Lifetime, orAborted } from '../../base/deadline.ts';
import type { DnsMessage } from '../../net/dns-message.ts';
import type { DnsAnswer, Question, Resolver } from '../resolver/resolver.ts';
import { Turns } from '../resolver/turns.ts';
import { PipelinedConnection } from './pipelined-connection.ts';
import { ServerManners } from './server-manners.ts';
import type { QuestionOptions } from './upstream-answer.ts';

/** Makes a connected stream, the caller's. Rejects with DIAL_* or DNS_TLS. */
export type Connect = (signal: AbortSignal) => Promise<Duplex>;

export interface StreamResolverOptions {
  /** For the log: `tls://192.0.2.53:853`. */
  readonly label: string;
  readonly connect: Connect;
  readonly question?: QuestionOptions;
  readonly clock: Clock;
}

const deadline = 5_000;
/** Connections for questions that go alone. */
const maxConnections = 8;
/** Connections that one question may find full or see end under it. */
const maxTries = 12;
/** How long a server that ended a connection under several questions is asked one at a time. Milliseconds. */
const cautious = 600_000;

/** Whether a connection was cut, also while it was being made; a port where nobody listens refuses it. */
export function wasReset(error: unknown): boolean {
  return errnoOf(error instanceof AppError ? error.cause : error) === 'ECONNRESET';
}

export class StreamResolver implements Resolver {
  readonly #options: StreamResolverOptions;
  readonly #manners: ServerManners;
  /** Takes questions of everybody. */
  #shared: Promise<PipelinedConnection> | undefined;
  /** For questions that go alone, each on a connection of its own. */
  readonly #turns = new Turns(maxConnections);
  #cautiousUntil = 0;

  constructor(options: StreamResolverOptions) {
    this.#options = options;
    this.#manners = new ServerManners(options.clock);
  }

  /** Five seconds at most. What a connection left unanswered when it ended is asked again on another. */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const { label, clock } = this.#options;
    const begun = clock.monotonic();
    const life = new Lifetime(signal).endAfter(clock, deadline, () => {
      return new AppError('DNS_TIMEOUT', `${label} did not answer within ${deadline / 1_000} s`);
    });
    try {
      const options = this.#options.question ?? {};
      const { message } = await this.#manners.ask(async ({ plain }) => ({
        message: await this.#ask(question, plain ? { ...options, plain } : options, life.signal),
      }));
      return { message, upstream: label, ms: clock.monotonic() - begun };
    } catch (error) {
      throw AppError.from(life.signal.aborted ? life.signal.reason : error, 'DNS_IO', label);
    } finally {
      life.release();
    }
  }

  async #ask(question: Question, options: QuestionOptions, signal: AbortSignal): Promise<DnsMessage> {
    let wasUnderLoad = false;
    let mayRepeat = true;
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      const alone: boolean = wasUnderLoad || this.#options.clock.monotonic() < this.#cautiousUntil;
      const opening = alone ? this.#takeAlone(signal) : (this.#shared ??= this.#open());
      let connection: PipelinedConnection;
      try {
        connection = await orAborted(opening, signal, 'DNS_IO');
      } catch (error) {
        if (!mayRepeat || !wasReset(error)) throw error;
        mayRepeat = false;
        continue;
      }
      if (!connection.isUsable && tries < maxTries) {
        // It has ended, or more questions have waited for it than it takes.
        if (alone) this.#giveBack(connection);
        else if (this.#shared === opening) this.#shared = undefined;
        continue;
      }
      try {
        const message = await connection.ask(question, options, signal);
        // It is answered where it has a connection to itself.
        if (wasUnderLoad) this.#cautiousUntil = this.#options.clock.monotonic() + cautious;
        return message;
      } catch (error) {
        signal.throwIfAborted();
        // A connection that is cut before its first answer says little, either (RFC 7766 section 6.2.4): asked once more.
        const isRepeated: boolean = !connection.endedInnocently && connection.wasCut && mayRepeat;
        if ((!connection.endedInnocently && !isRepeated) || tries >= maxTries) throw error;
        mayRepeat &&= !isRepeated;
        wasUnderLoad ||= connection.endedUnderLoad;
      } finally {
        if (alone) this.#giveBack(connection);
        else if (!connection.isOpen && this.#shared === opening) this.#shared = undefined;
      }
    }
  }

  async #takeAlone(signal: AbortSignal): Promise<PipelinedConnection> {
    await this.#turns.take(signal);
    const opening = this.#open();
    try {
      return await orAborted(opening, signal, 'DNS_IO');
    } catch (error) {
      this.#turns.give();
      opening.then(
        (late) => late.end(new AppError('DNS_IO', 'nobody asks any more')),
        () => undefined,
      );
      throw error;
    }
  }

  #giveBack(connection: PipelinedConnection): void {
    connection.end(new AppError('DNS_IO', 'answered'));
    this.#turns.give();
  }

  #open(): Promise<PipelinedConnection> {
    const { connect, clock, label } = this.#options;
    const life = new Lifetime().endAfter(clock, deadline, () => {
      return new AppError('DNS_TIMEOUT', `no connection to ${label}`);
    });
    const opening = connect(life.signal)
      .then((stream) => new PipelinedConnection(stream, clock))
      .finally(() => life.release());
    opening.catch(() => {
      if (this.#shared === opening) this.#shared = undefined;
    });
    return opening;
  }
}
