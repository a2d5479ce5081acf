/**
 * One question to one server by UDP: two tries, each with a socket (and so a port), an id and a mix of letters of its own;
 * of the answers, one that the judge believes is taken at once, a doubted one when no better one comes in time.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
import type { Ip } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { DnsMessage } from '../../net/dns-message.ts';
import { mixedCase } from '../resolver/name-case.ts';
import type { Question } from '../resolver/resolver.ts';
import { type AnswerJudge, type Doubt, type HeardAnswer, isDifferentAnswer } from './answer-suspicion.ts';
import type { Manner } from './server-manners.ts';
import { encodeQuestion, type QuestionOptions, readAnswer } from './upstream-answer.ts';

/** The part of `Egress` that opens UDP sockets. */
export interface UdpOpener {
  /** A bound socket for one destination, the caller's. Throws DIAL_*. */
  openUdp(to: Ip, port: number): Socket;
}

export interface UdpExchangeOptions {
  readonly address: Ip;
  readonly port: number;
  /** For errors: `udp://192.0.2.53:53`. */
  readonly label: string;
  readonly opener: UdpOpener;
  readonly question: QuestionOptions;
  /** The letters of the name stay as they are. */
  readonly even: boolean;
  readonly judge: AnswerJudge;
  readonly clock: Clock;
}

/**
 * Doubts are those that were not resolved; with them, `heard` is what the judge must be told of what came of it. The message
 * has the name with its letters as they were sent.
 */
export interface UdpOutcome {
  readonly message: DnsMessage;
  readonly heard: HeardAnswer;
  /** How the question was put that it answers. */
  readonly manner: Manner;
  readonly doubts: readonly Doubt[];
}

interface Candidate extends UdpOutcome {
  readonly attempt: number;
}

const retryAfter = 1_500;
/** How long a socket is listened to after its answer was given. Milliseconds. */
const lingerMs = 1_000;

export class UdpExchange {
  readonly #options: UdpExchangeOptions;
  readonly #asked: Question;
  readonly #outcome = Promise.withResolvers<UdpOutcome>();
  readonly #sockets: Socket[] = [];
  /** The best of the doubted answers. */
  #held: Candidate | undefined;
  #given: Candidate | undefined;
  #failure: AppError | undefined;
  #cancelGrace: (() => void) | undefined;

  constructor(options: UdpExchangeOptions, question: Question) {
    this.#options = options;
    this.#asked = question;
  }

  /**
   * Sends, and once more after 1.5 s beside it, then without EDNS where the server was not seen to know it, and with even letters
   * where it was not seen to find mixed ones. Rejects with DNS_IO, DNS_BAD_MESSAGE for a broken answer without a better one, or as `signal` says. Call it once.
   */
  async run(signal: AbortSignal): Promise<UdpOutcome> {
    const { clock, judge } = this.#options;
    const onAbort = (): void => {
      const reason = AppError.from(signal.reason, 'DNS_IO', 'given up');
      if (reason.code !== 'DNS_TIMEOUT') this.#outcome.reject(reason);
      else if (this.#held === undefined) this.#outcome.reject(this.#failure ?? reason);
      else this.#outcome.resolve(this.#held);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else this.#try(0);
    const cancelRetry = clock.after(retryAfter, () => this.#try(1));
    try {
      return await this.#outcome.promise;
    } finally {
      cancelRetry();
      this.#cancelGrace?.();
      signal.removeEventListener('abort', onAbort);
      if (this.#given === undefined || !judge.listensOn) this.#close();
      else {
        for (const socket of this.#sockets) socket.unref();
        clock.after(lingerMs, () => this.#close());
      }
    }
  }

  #close(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
  }

  #try(attempt: number): void {
    const { address, port, opener, question, judge, clock, label } = this.#options;
    const id = randomInt(0, 65_536);
    const even = this.#options.even || (attempt > 0 && !judge.findsMixedNames);
    const sent = even ? this.#asked.name : mixedCase(this.#asked.name, randomBytes);
    const plain = question.plain === true || (attempt > 0 && !judge.knowsEdns);
    let socket: Socket;
    let query: Uint8Array;
    try {
      query = encodeQuestion(this.#asked, id, { ...question, plain }, sent);
      socket = opener.openUdp(address, port);
    } catch (error) {
      this.#outcome.reject(AppError.from(error, 'DNS_IO', label));
      return;
    }
    this.#sockets.push(socket);
    let begun = clock.monotonic();
    socket.on('message', (bytes) => {
      const answer = readAnswer(bytes, this.#asked, id, 'datagram');
      if (answer.kind === 'foreign') return;
      if (answer.kind === 'bad') this.#hearBroken(new AppError('DNS_BAD_MESSAGE', `${label}: ${answer.reason}`));
      else {
        const heard = { message: answer.message, sent, edns: !plain, ms: clock.monotonic() - begun };
        this.#hear(heard, { plain, even }, attempt);
      }
    });
    // Connected: the kernel drops what others send, and reports ICMP errors (nobody listens there).
    const onError = (error: Error): void => {
      const failure = AppError.from(error, 'DNS_IO', label);
      // What was heard before does not come to nothing by it.
      if (this.#held === undefined) this.#outcome.reject(failure);
      else this.#failure = failure;
    };
    socket.on('error', onError);
    socket.connect(port, address, (error?: Error) => {
      if (error) return onError(error);
      if (!this.#sockets.includes(socket)) return;
      begun = clock.monotonic();
      socket.send(query);
    });
  }

  #hear(heard: HeardAnswer, manner: Manner, attempt: number): void {
    const { judge } = this.#options;
    const doubts = judge.doubts(heard);
    const { message } = heard;
    const candidate = { message, heard, manner, doubts, attempt };
    const earlier = this.#given ?? this.#held;
    // Answers to another try may rightly be others.
    const contradicts = earlier?.attempt === attempt && isDifferentAnswer(earlier.message, message);
    if (contradicts) judge.contradict(this.#asked.name, earlier.doubts, doubts, this.#given !== undefined);
    if (this.#given !== undefined) {
      if (contradicts && doubts.length === 0) judge.believe(heard);
      return;
    }
    const isBest = doubts.length === 0 || (contradicts && doubts.every((doubt) => doubt === 'contested'));
    if (isBest) return this.#give({ ...candidate, doubts: [] });
    // Of two doubted alike, the later one: a forger must be the first.
    this.#cancelGrace ??= this.#options.clock.after(judge.grace, () => this.#giveHeld());
    if (this.#held === undefined || doubts.length <= this.#held.doubts.length) this.#held = candidate;
  }

  #give(candidate: Candidate): void {
    this.#given = candidate;
    this.#options.judge.believe(candidate.heard);
    this.#outcome.resolve(candidate);
  }

  #giveHeld(): void {
    if (this.#held !== undefined) this.#outcome.resolve(this.#held);
    else if (this.#failure !== undefined) this.#outcome.reject(this.#failure);
  }

  /** It may be forged, a passing fault, or cut off without saying so: a better one is waited for as after a doubted one. */
  #hearBroken(failure: AppError): void {
    this.#failure = failure;
    this.#cancelGrace ??= this.#options.clock.after(this.#options.judge.grace, () => this.#giveHeld());
  }
}
