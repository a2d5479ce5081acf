/**
 * Questions to one UDP upstream. Each try has a socket (and so a port) and an id of its own; an answer must repeat the
 * question; a truncated one is asked for again over TCP. Caches nothing.
 */
import { randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { formatEndpoint, type Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { DnsMessage } from '../net/dns-message.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';
import { askOverTcp, type TcpOpener } from './tcp-exchange.ts';
import { encodeQuestion, type QuestionOptions, readAnswer, refusesEdns } from './upstream-answer.ts';

/** The part of `Egress` that opens UDP sockets. */
export interface UdpOpener {
  /** A bound socket for one destination, the caller's. Throws DIAL_*. */
  openUdp(to: Ip): Socket;
}

export interface UdpResolverOptions {
  readonly address: Ip;
  readonly port: number;
  readonly opener: UdpOpener & TcpOpener;
  readonly question?: QuestionOptions;
  readonly clock: Clock;
}

const retryAfter = 1_500;
const deadline = 5_000;
/** Each question under way holds one or two descriptors; a flood must not use them all up. */
const maxUnderWay = 256;

export class UdpResolver implements Resolver {
  readonly #options: UdpResolverOptions;
  readonly #label: string;
  #underWay = 0;

  constructor(options: UdpResolverOptions) {
    this.#options = options;
    this.#label = `udp://${formatEndpoint({ host: options.address, port: options.port })}`;
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
    let edns = true;
    let answer = await this.#askOverUdp(question, edns, signal);
    if (refusesEdns(answer)) {
      edns = false;
      answer = await this.#askOverUdp(question, edns, signal);
    }
    if (!answer.truncated) return answer;
    const { address, port, opener } = this.#options;
    return await askOverTcp(
      opener,
      question,
      { address, port, id: randomId(), question: { ...this.#options.question, plain: !edns }, timeoutMs: deadline },
      signal,
    );
  }

  /** Two tries, the second beside the first; the first answer to either counts. */
  async #askOverUdp(question: Question, edns: boolean, signal: AbortSignal): Promise<DnsMessage> {
    const outcome = Promise.withResolvers<DnsMessage>();
    const closers: (() => void)[] = [];
    let failure: AppError | undefined;
    const attempt = (): void => {
      try {
        closers.push(
          this.#send(question, edns, {
            onAnswer: outcome.resolve,
            // A broken or refused answer may be forged or a passing fault: the other try, or the deadline, decides.
            onFailure: (error, final) => {
              failure = error;
              if (final) outcome.reject(error);
            },
          }),
        );
      } catch (error) {
        outcome.reject(AppError.from(error, 'DNS_IO', this.#label));
      }
    };
    const onAbort = (): void => {
      const reason = AppError.from(signal.reason, 'DNS_IO', 'given up');
      outcome.reject(reason.code === 'DNS_TIMEOUT' ? (failure ?? reason) : reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else attempt();
    const cancelRetry = this.#options.clock.after(retryAfter, attempt);
    try {
      return await outcome.promise;
    } finally {
      cancelRetry();
      signal.removeEventListener('abort', onAbort);
      for (const close of closers) close();
    }
  }

  /** Answers a function that closes the socket. */
  #send(
    question: Question,
    edns: boolean,
    on: { onAnswer: (message: DnsMessage) => void; onFailure: (error: AppError, final: boolean) => void },
  ): () => void {
    const { address, port } = this.#options;
    const id = randomId();
    const query = encodeQuestion(question, id, { ...this.#options.question, plain: !edns });
    const socket = this.#options.opener.openUdp(address);
    socket.on('message', (bytes) => {
      const answer = readAnswer(bytes, question, id);
      if (answer.kind === 'answer') on.onAnswer(answer.message);
      else if (answer.kind === 'bad') {
        on.onFailure(new AppError('DNS_BAD_MESSAGE', `${this.#label}: ${answer.reason}`), false);
      }
    });
    // Connected: the kernel drops what others send, and reports ICMP errors (nobody listens there).
    const onError = (error: Error): void => on.onFailure(AppError.from(error, 'DNS_IO', this.#label), true);
    socket.on('error', onError);
    let open = true;
    const onConnected = (error?: Error): void => {
      if (error) onError(error);
      else if (open) socket.send(query);
    };
    socket.connect(port, address, onConnected);
    return () => {
      open = false;
      socket.close();
    };
  }
}

const randomId = (): number => randomInt(0, 65_536);
