/**
 * Answers usual questions for names that get fake addresses straight from the pool, on the bytes. What it does not answer, the
 * router does; both mean the same.
 */
import { type Ip, ipToBytes, numberToIpv4 } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { recordTypeName } from '../net/dns-record-type.ts';
import type { Waiting } from './allocation-queue.ts';
import type { AnswerBatch } from './dns-batch.ts';
import {
  longestPlainAnswer,
  type PlainQuestion,
  PlainQuestionReader,
  plainType,
  writeAddress4,
  writeAddress6,
  writeDenial,
  writeFailure,
} from './plain-question.ts';

/** The part of the pool that is needed here. */
export interface FastPool {
  /** The IPv4 address of a name whose mapping is durable and current, counted as answered; -1 = none. */
  answerKnown(name: string): number;
  /** Gives a name an address; `waiting` is settled later, when that is durable. */
  allocate(waiting: Waiting): void;
  address6Of(ip: Ip): Ip | undefined;
}

/** What a router must say so that it can be done without it. */
export interface PlainRouter {
  /** Whether an address question for this normalised name is answered with a fake address without waiting for anything but the pool. */
  isPlainFake(name: string): boolean;
  /** Grows when earlier answers of `isPlainFake` no longer hold. */
  readonly generation: number;
  readonly pool: FastPool;
  /** Of fake answers; seconds. */
  readonly ttl: number;
}

/** An answer that was written, for the log: an address (IPv4 as its number), or empty for "no such record". */
export interface FastAnswer {
  readonly question: PlainQuestion;
  readonly data: number | string;
  readonly error?: AppError;
}

const servfail = 2;
/** Names whose way is remembered. To ask the router again is dearer than a look, but not dear. */
const mostRemembered = 32_768;

export class DnsFastPath {
  readonly question = new PlainQuestionReader();
  readonly #router: PlainRouter;
  readonly #plain = new Set<string>();
  #generation: number;
  /** Whether the pool has an IPv6 range; unknown until the first address was seen. */
  #hasRange6: boolean | undefined;

  constructor(router: PlainRouter) {
    this.#router = router;
    this.#generation = router.generation;
  }

  /** Reads a message; whether it is a question for this path. It is `question` then. */
  accepts(message: Uint8Array, start: number, end: number): boolean {
    if (!this.question.read(message, start, end)) return false;
    const { name, type } = this.question;
    if (type === plainType.AAAA && this.#hasRange6 === undefined) return false;
    if (this.#generation !== this.#router.generation) {
      this.#generation = this.#router.generation;
      this.#plain.clear();
    }
    if (this.#plain.has(name)) return true;
    if (!this.#router.isPlainFake(name)) return false;
    if (this.#plain.size >= mostRemembered) this.#plain.clear();
    this.#plain.add(name);
    return true;
  }

  /**
   * Appends the answer to `question`, if the pool knows one already; returns what it says for the log: an address, or empty.
   * Undefined: `allocate` is needed.
   */
  answerKnown(token: number, out: AnswerBatch): number | string | undefined {
    const { question } = this;
    if (question.type !== plainType.A && (question.type !== plainType.AAAA || this.#hasRange6 !== true)) {
      const at = out.begin(longestPlainAnswer);
      out.finish(token, writeDenial(out.bytes, at, question));
      return '';
    }
    const address = this.#router.pool.answerKnown(question.name);
    return address < 0 ? undefined : this.#write(question, token, address, out);
  }

  /** Gives the name in `question` an address and appends the answer when it is durable, to the batch of that time; then tells `done`. */
  allocate(token: number, client: string, out: () => AnswerBatch, done: (answer: FastAnswer) => void): void {
    const question = this.question.keep();
    const settle = (outcome: number | AppError): void => done(this.#settled(question, token, outcome, out()));
    this.#router.pool.allocate({ name: question.name, client, settle });
  }

  #settled(question: PlainQuestion, token: number, outcome: number | AppError, out: AnswerBatch): FastAnswer {
    try {
      if (outcome instanceof AppError) throw outcome;
      return { question, data: this.#write(question, token, outcome, out) };
    } catch (error) {
      const at = out.begin(longestPlainAnswer);
      out.finish(token, writeFailure(out.bytes, at, question, servfail));
      return { question, data: '', error: AppError.from(error) };
    }
  }

  #write(question: PlainQuestion, token: number, address: number, out: AnswerBatch): number | string {
    const { pool, ttl } = this.#router;
    this.#hasRange6 ??= pool.address6Of(numberToIpv4(address)) !== undefined;
    const at = out.begin(longestPlainAnswer);
    if (question.type === plainType.A) {
      out.finish(token, writeAddress4(out.bytes, at, question, address, ttl));
      return address;
    }
    const address6 = pool.address6Of(numberToIpv4(address));
    if (address6 === undefined) {
      out.finish(token, writeDenial(out.bytes, at, question));
      return '';
    }
    out.finish(token, writeAddress6(out.bytes, at, question, ipToBytes(address6), ttl));
    return address6;
  }
}

/** The asked type's name without a new string. */
export function plainTypeName(type: number): string {
  return type === plainType.A ? 'A' : type === plainType.AAAA ? 'AAAA' : recordTypeName(type);
}
