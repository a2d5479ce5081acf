/**
 * Questions to one UDP upstream. A truncated answer, and one that cannot be believed, is asked for again over TCP. Caches
 * nothing.
 */
import { formatEndpoint, type Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { DnsMessage } from '../net/dns-message.ts';
import { type AnswerJudge, isDifferentAnswer } from './answer-suspicion.ts';
import { FairPlaces } from './fair-places.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';
import { ServerManners } from './server-manners.ts';
import { askOverTcp, type TcpOpener } from './tcp-exchange.ts';
import { UdpExchange, type UdpOpener, type UdpOutcome } from './udp-exchange.ts';
import type { QuestionOptions } from './upstream-answer.ts';

export interface UdpResolverOptions {
  readonly address: Ip;
  readonly port: number;
  /** How it is named; else by address and port. */
  readonly label?: string;
  readonly opener: UdpOpener & TcpOpener;
  readonly question?: QuestionOptions;
  /** What is known of this server; whoever asks the same server shares it. */
  readonly judge: AnswerJudge;
  readonly clock: Clock;
}

const deadline = 5_000;
/** After two tries by UDP. Milliseconds. */
const tcpAfter = 3_000;
/** Questions in a row that only TCP got answered, after which both are tried at once. */
const telling = 2;
/** A server that answers by UDP is not waited for longer by TCP only because it is doubted. */
const verifyMs = 2_000;
/** Each question under way holds one or two descriptors; a flood must not use them all up. */
const maxUnderWay = 256;

/** An answer and how it was asked for; `outcome` if it came by UDP. */
interface Told {
  readonly message: DnsMessage;
  readonly plain: boolean;
  readonly outcome?: UdpOutcome;
}

export class UdpResolver implements Resolver {
  readonly #options: UdpResolverOptions;
  readonly #label: string;
  readonly #manners: ServerManners;
  readonly #underWay: FairPlaces;
  #silent = 0;

  constructor(options: UdpResolverOptions) {
    this.#options = options;
    this.#underWay = new FairPlaces(maxUnderWay, `more than ${maxUnderWay} questions to one server are under way`);
    this.#manners = new ServerManners(options.clock);
    this.#label = options.label ?? `udp://${formatEndpoint({ host: options.address, port: options.port })}`;
  }

  /** Five seconds at most: a second try after 1.5, one by TCP after 3. */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const whole = new AbortController();
    const leave = this.#underWay.take(question.client ?? '', whole);
    const cancelDeadline = this.#options.clock.after(deadline, () =>
      whole.abort(new AppError('DNS_TIMEOUT', `${this.#label} did not answer within ${deadline / 1_000} s`)),
    );
    const onAbort = (): void => whole.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const begun = this.#options.clock.monotonic();
      const message = await this.#ask(question, whole.signal);
      return { message, upstream: this.#label, ms: this.#options.clock.monotonic() - begun };
    } finally {
      cancelDeadline();
      signal.removeEventListener('abort', onAbort);
      leave();
    }
  }

  async #ask(question: Question, signal: AbortSignal): Promise<DnsMessage> {
    const { message, plain, outcome } = await this.#manners.ask((without) => this.#askOnce(question, without, signal));
    if (outcome === undefined) return message;
    if (outcome.doubts.length > 0) return await this.#settle(question, outcome, plain, signal);
    if (!message.truncated) return message;
    try {
      return await this.#askOverTcp(question, plain, signal);
    } catch (error) {
      signal.throwIfAborted();
      // A part is better than nothing where TCP cannot be had.
      if (message.answers.length === 0) throw error;
      return { ...message, truncated: false };
    }
  }

  /** By UDP; beside it by TCP when that fails or brings nothing: datagrams get lost, are cut, or come from elsewhere. */
  async #askOnce(question: Question, plain: boolean, signal: AbortSignal): Promise<Told> {
    const life = new AbortController();
    const onAbort = (): void => life.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const byTcp = Promise.withResolvers<Told>();
    byTcp.promise.catch(() => undefined);
    const tryTcp = (): void => {
      this.#askOverTcp(question, plain, life.signal).then(
        (message) => byTcp.resolve({ message, plain }),
        (error: unknown) => byTcp.reject(error),
      );
    };
    const cancel = this.#options.clock.after(this.#silent < telling ? tcpAfter : 0, tryTcp);
    let failure: unknown;
    const byUdp = this.#askOverUdp(question, plain, life.signal).catch((error: unknown) => {
      failure = error;
      cancel();
      if (life.signal.aborted) byTcp.reject(error);
      else tryTcp();
      throw error;
    });
    try {
      const told = await Promise.any([byUdp, byTcp.promise]);
      if (told.outcome !== undefined) this.#silent = 0;
      else if (failure === undefined) this.#silent += 1;
      return told;
    } catch {
      throw signal.aborted ? (failure ?? signal.reason) : failure;
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
      life.abort(new AppError('DNS_IO', 'answered'));
    }
  }

  async #askOverUdp(question: Question, plain: boolean, signal: AbortSignal): Promise<Told> {
    const { address, port, opener, judge, clock } = this.#options;
    const options = { ...this.#options.question, plain };
    const exchange = new UdpExchange(
      { address, port, label: this.#label, opener, question: options, judge, clock },
      question,
    );
    const outcome = await exchange.run(signal);
    if (!plain) this.#manners.note(outcome.heard.edns ? 'with' : 'without');
    return { message: outcome.message, plain: !outcome.heard.edns, outcome };
  }

  /** What becomes of an answer that is doubted, when no better one came. */
  async #settle(
    question: Question,
    { message, heard, doubts }: UdpOutcome,
    plain: boolean,
    signal: AbortSignal,
  ): Promise<DnsMessage> {
    const { judge, clock } = this.#options;
    const outcome = judge.outcome(doubts);
    if (outcome === 'give') {
      judge.vain(heard, doubts);
      return message;
    }
    const life = new AbortController();
    const end = (): void => life.abort(AppError.from(signal.reason, 'DNS_TIMEOUT', 'no answer by TCP'));
    const cancel = clock.after(verifyMs, end);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    let verified: DnsMessage | undefined;
    try {
      verified = await this.#askOverTcp(question, plain, life.signal);
    } catch (error) {
      if (outcome === 'refuse') throw this.#unbelievable(doubts, error);
    } finally {
      cancel();
      signal.removeEventListener('abort', end);
    }
    if (verified === undefined || !isDifferentAnswer(verified, message)) judge.vain(heard, doubts);
    return verified ?? message;
  }

  #unbelievable(doubts: readonly string[], cause?: unknown): AppError {
    return new AppError('DNS_BAD_MESSAGE', `${this.#label} gave no answer to be believed (${doubts.join(', ')})`, {
      cause,
    });
  }

  async #askOverTcp(question: Question, plain: boolean, signal: AbortSignal): Promise<DnsMessage> {
    const { address, port, opener, judge, clock } = this.#options;
    const options = { ...this.#options.question, plain };
    const message = await askOverTcp(
      opener,
      question,
      { address, port, question: options, timeoutMs: deadline, clock },
      signal,
    );
    // Connections are not forged so easily; but nobody has addresses of our own range to give.
    if (judge.leadsToUs(message)) throw this.#unbelievable(['own']);
    return message;
  }
}
