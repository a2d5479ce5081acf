/**
 * Questions to one UDP upstream. A truncated answer, and one that cannot be believed, is asked for again over TCP. Caches
 * nothing.
 */
import { randomInt } from 'node:crypto';
import { formatEndpoint, type Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { DnsMessage } from '../net/dns-message.ts';
import { type AnswerJudge, isDifferentAnswer } from './answer-suspicion.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';
import { askOverTcp, type TcpOpener } from './tcp-exchange.ts';
import { UdpExchange, type UdpOpener, type UdpOutcome } from './udp-exchange.ts';
import { type QuestionOptions, refusesEdns } from './upstream-answer.ts';

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
/** A server that answers by UDP is not waited for longer by TCP only because it is doubted. */
const verifyMs = 2_000;
/** Each question under way holds one or two descriptors; a flood must not use them all up. */
const maxUnderWay = 256;

export class UdpResolver implements Resolver {
  readonly #options: UdpResolverOptions;
  readonly #label: string;
  #underWay = 0;

  constructor(options: UdpResolverOptions) {
    this.#options = options;
    this.#label = options.label ?? `udp://${formatEndpoint({ host: options.address, port: options.port })}`;
  }

  /** Five seconds at most, one retry after 1.5. */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    if (this.#underWay >= maxUnderWay) {
      throw new AppError('DNS_IO', `${maxUnderWay} questions to ${this.#label} are under way already`);
    }
    this.#underWay += 1;
    const whole = new AbortController();
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
      this.#underWay -= 1;
    }
  }

  async #ask(question: Question, signal: AbortSignal): Promise<DnsMessage> {
    let plain = false;
    let outcome = await this.#askOverUdp(question, plain, signal);
    if (refusesEdns(outcome.message)) {
      plain = true;
      outcome = await this.#askOverUdp(question, plain, signal);
    }
    if (outcome.doubts.length > 0) return await this.#settle(question, outcome, plain, signal);
    if (!outcome.message.truncated) return outcome.message;
    return await this.#askOverTcp(question, plain, signal);
  }

  async #askOverUdp(question: Question, plain: boolean, signal: AbortSignal): Promise<UdpOutcome> {
    const { address, port, opener, judge, clock } = this.#options;
    const options = { ...this.#options.question, plain };
    const exchange = new UdpExchange(
      { address, port, label: this.#label, opener, question: options, judge, clock },
      question,
    );
    return await exchange.run(signal);
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
    if (verified === undefined) return message;
    // Connections are not forged so easily; but nobody has addresses of our own range to give.
    if (judge.leadsToUs(verified)) throw this.#unbelievable(['own']);
    return verified;
  }

  #unbelievable(doubts: readonly string[], cause?: unknown): AppError {
    return new AppError('DNS_BAD_MESSAGE', `${this.#label} gave no answer to be believed (${doubts.join(', ')})`, {
      cause,
    });
  }

  async #askOverTcp(question: Question, plain: boolean, signal: AbortSignal): Promise<DnsMessage> {
    const { address, port, opener } = this.#options;
    const id = randomInt(0, 65_536);
    const options = { ...this.#options.question, plain };
    return await askOverTcp(opener, question, { address, port, id, question: options, timeoutMs: deadline }, signal);
  }
}
