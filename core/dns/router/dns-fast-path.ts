/**
 * Answers usual questions for names that get fake addresses straight from the pool, on the bytes. What it does not answer, the
 * router does; both mean the same.
 */
import { type Ip, ipToBytes, numberToIpv4 } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import { recordTypeName } from '../../net/dns-record-type.ts';
import type { Waiting } from '../fake-ip/allocation-queue.ts';
import type { AskedName } from '../fake-ip/fake-ip-mapping.ts';
import type { AnswerBatch } from './dns-batch.ts';
import { type PlainName, PlainNames } from './plain-names.ts';
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
  /** The IPv4 address of a name whose mapping is durable and current, counted as answered now (wall clock); -1 = none. */
  answerKnown(asked: AskedName, now: number): number;
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

const servfail = 2;

export class DnsFastPath {
  readonly question = new PlainQuestionReader();
  readonly #router: PlainRouter;
  /** Names whose way is this one, in this generation. */
  readonly #plain = new PlainNames();
  #generation: number;
  /** Of the question that was accepted last. */
  #asked: PlainName | undefined;
  /** Whether the pool has an IPv6 range; unknown until the first address was seen. */
  #hasRange6: boolean | undefined;

  constructor(router: PlainRouter) {
    this.#router = router;
    this.#generation = router.generation;
  }

  /** Reads a message; whether it is a question for this path. It is `question` then. */
  accepts(message: Uint8Array, start: number, end: number): boolean {
    if (!this.question.read(message, start, end)) return false;
    const { question } = this;
    if (question.type === plainType.AAAA && this.#hasRange6 === undefined) return false;
    if (this.#generation !== this.#router.generation) {
      this.#generation = this.#router.generation;
      this.#plain.clear();
    }
    const known = this.#plain.find(question);
    if (known !== undefined) {
      question.name = known.name;
      this.#asked = known;
      return true;
    }
    if (!this.#router.isPlainFake(question.name)) return false;
    this.#asked = this.#plain.add(question.name, question.hash);
    return true;
  }

  /**
   * Appends the answer to `question`, if the pool knows one already; returns what it says for the log: an address (IPv4 as its
   * number), or empty for "no such record".
   * Undefined: `allocate` is needed.
   */
  answerKnown(token: number, now: number, out: AnswerBatch): number | string | undefined {
    const { question } = this;
    if (question.type !== plainType.A && (question.type !== plainType.AAAA || this.#hasRange6 !== true)) {
      const at = out.begin(longestPlainAnswer);
      out.finish(token, writeDenial(out.bytes, at, question));
      return '';
    }
    const address = this.#router.pool.answerKnown(this.#asked ?? question, now);
    return address < 0 ? undefined : this.#write(question, token, address, out);
  }

  /** Gives a name an address; `waiting` is settled later, when that is durable. */
  allocate(waiting: Waiting): void {
    this.#router.pool.allocate(waiting);
  }

  /** Appends the answer to a kept question whose name was given an address, or none; returns what it says for the log. Never throws. */
  answerNew(
    question: PlainQuestion,
    token: number,
    outcome: number | AppError,
    out: AnswerBatch,
  ): number | string | AppError {
    try {
      if (typeof outcome === 'number') return this.#write(question, token, outcome, out);
      return this.#writeFailure(question, token, outcome, out);
    } catch (error) {
      return this.#writeFailure(question, token, AppError.from(error), out);
    }
  }

  #writeFailure(question: PlainQuestion, token: number, error: AppError, out: AnswerBatch): AppError {
    const at = out.begin(longestPlainAnswer);
    out.finish(token, writeFailure(out.bytes, at, question, servfail));
    return error;
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
