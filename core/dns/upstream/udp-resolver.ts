/**
 * Questions to one UDP upstream. A truncated answer, and one that cannot be believed, is asked for again over TCP. Caches
 * nothing.
 */
import { formatEndpoint, type Ip } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { Lifetime } from '../../base/deadline.ts';
import type { Endpoint } from '../../contract/flow.ts';
import { type DnsMessage, isAboutTheName } from '../../net/dns-message.ts';
import { FairPlaces } from '../resolver/fair-places.ts';
import type { DnsAnswer, Question, Resolver } from '../resolver/resolver.ts';
import { type AnswerJudge, isDifferentAnswer } from './answer-suspicion.ts';
import { type Manner, ServerManners } from './server-manners.ts';
import { askOverTcp, type TcpOpener } from './tcp-exchange.ts';
import { UdpExchange, type UdpOpener, type UdpOutcome } from './udp-exchange.ts';
import type { QuestionOptions } from './upstream-answer.ts';

export interface UdpResolverOptions {
  readonly address: Ip;
  readonly port: number;
  /** How it is named; else by address and port. */
  readonly label?: string;
  readonly opener: UdpOpener & TcpOpener;
  /** Where it is asked now; there by default. */
  readonly placeOf?: ((server: Endpoint) => Endpoint) | undefined;
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
/** A server that answers by UDP is not waited for longer by TCP, only because it is doubted or its answer was cut. */
const verifyMs = 2_000;
/** Each question under way holds one or two descriptors; a flood must not use them all up. */
const maxUnderWay = 256;

/** An answer and how it was asked for; `outcome` if it came by UDP. */
interface Told {
  readonly message: DnsMessage;
  readonly plain: boolean;
  readonly outcome?: UdpOutcome;
}

const noneByTcp = (): AppError => new AppError('DNS_TIMEOUT', 'no answer by TCP');

export class UdpResolver implements Resolver {
  readonly #options: UdpResolverOptions;
  readonly #label: string;
  readonly #manners: ServerManners;
  readonly #underWay: FairPlaces;
  #silent = 0;

  constructor(options: UdpResolverOptions) {
    this.#options = options;
    this.#underWay = new FairPlaces(maxUnderWay, `more than ${maxUnderWay} questions to one server are under way`);
    this.#manners = new ServerManners(options.clock, () => !options.judge.findsMixedNames);
    this.#label = options.label ?? `udp://${formatEndpoint({ host: options.address, port: options.port })}`;
  }

  /** Five seconds at most: a second try after 1.5, one by TCP after 3. */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const whole = new Lifetime(signal);
    const leave = this.#underWay.take(question.client ?? '', whole);
    whole.endAfter(this.#options.clock, deadline, () => {
      return new AppError('DNS_TIMEOUT', `${this.#label} did not answer within ${deadline / 1_000} s`);
    });
    try {
      const begun = this.#options.clock.monotonic();
      const message = await this.#ask(question, whole.signal);
      return { message, upstream: this.#label, ms: this.#options.clock.monotonic() - begun };
    } finally {
      whole.release();
      leave();
    }
  }

  async #ask(question: Question, signal: AbortSignal): Promise<DnsMessage> {
    const { message, plain, outcome } = await this.#manners.ask((manner) => this.#askOnce(question, manner, signal));
    if (outcome === undefined) return message;
    if (outcome.doubts.length > 0) return await this.#settle(question, outcome, plain, signal);
    return message.truncated ? await this.#whole(question, message, plain, signal) : message;
  }

  /** What was cut off, by TCP. A part is better than nothing where that cannot be had. */
  async #whole(question: Question, part: DnsMessage, plain: boolean, signal: AbortSignal): Promise<DnsMessage> {
    const isPart = part.answers.length > 0;
    const life = new Lifetime(signal);
    if (isPart) life.endAfter(this.#options.clock, verifyMs, noneByTcp);
    try {
      const whole = await this.#askOverTcp(question, plain, life.signal);
      return isPart && !isAboutTheName(whole) ? { ...part, truncated: false } : whole;
    } catch (error) {
      if (!isPart) throw error;
      return { ...part, truncated: false };
    } finally {
      life.release();
    }
  }

  /** By UDP; beside it by TCP when that fails or brings nothing: datagrams get lost, are cut, or come from elsewhere. */
  async #askOnce(question: Question, { plain, even }: Manner, signal: AbortSignal): Promise<Told> {
    const life = new Lifetime(signal);
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
    const byUdp = this.#askOverUdp(question, { plain, even }, life.signal).catch((error: unknown) => {
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
      life.release();
      life.abort(new AppError('DNS_IO', 'answered'));
    }
  }

  async #askOverUdp(question: Question, { plain, even }: Manner, signal: AbortSignal): Promise<Told> {
    const { opener, judge, clock } = this.#options;
    const { host: address, port } = this.#place();
    const options = { ...this.#options.question, plain };
    const exchange = new UdpExchange(
      { address, port, label: this.#label, opener, question: options, even, judge, clock },
      question,
    );
    const outcome = await exchange.run(signal);
    this.#manners.note({ plain, even }, outcome.manner);
    return { message: outcome.message, plain: outcome.manner.plain, outcome };
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
    const life = new Lifetime(signal).endAfter(clock, verifyMs, noneByTcp);
    let verified: DnsMessage | undefined;
    try {
      verified = await this.#askOverTcp(question, plain, life.signal);
    } catch (error) {
      if (outcome === 'refuse') throw this.#unbelievable(doubts, error);
    } finally {
      life.release();
    }
    if (verified === undefined || !isDifferentAnswer(verified, message)) judge.vain(heard, doubts);
    return verified ?? message;
  }

  #place(): Endpoint {
    const { address, port, placeOf } = this.#options;
    const server = { host: address, port };
    return placeOf?.(server) ?? server;
  }

  #unbelievable(doubts: readonly string[], cause?: unknown): AppError {
    return new AppError('DNS_BAD_MESSAGE', `${this.#label} gave no answer to be believed (${doubts.join(', ')})`, {
      cause,
    });
  }

  async #askOverTcp(question: Question, plain: boolean, signal: AbortSignal): Promise<DnsMessage> {
    const { opener, judge, clock } = this.#options;
    const { host: address, port } = this.#place();
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
