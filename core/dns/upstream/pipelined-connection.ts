/**
 * A connection to a server by TCP or TLS with many questions on it at once (RFC 7766 section 6.2.1.1): answers come in any
 * order. What was not answered when it ends is the resolver's to ask again.
 */
import { randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { GrowingBytes } from '../../base/growing-bytes.ts';
import type { DnsMessage } from '../../net/dns-message.ts';
import type { Question } from '../resolver/resolver.ts';
import { encodeQuestion, type QuestionOptions, readAnswer } from './upstream-answer.ts';

/** A connection without questions is closed after this. Milliseconds. */
const idle = 30_000;
/** A connection that has brought answers and brings nothing for so long while questions wait is taken for dead. Milliseconds. */
const silence = 2_500;
/** The first answer may take as long as a question has. Milliseconds. */
const firstAnswer = 5_000;
const maxPipelined = 256;

interface Waiting {
  readonly question: Question;
  resolve(message: DnsMessage): void;
  reject(error: AppError): void;
}

export class PipelinedConnection {
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  readonly #received = new GrowingBytes();
  #cancelIdle = (): void => undefined;
  #cancelSilence: (() => void) | undefined;
  #hasRested = false;
  #hasAnswered = false;
  /** Since it was last without questions: answers, and the most questions at once. */
  #answers = 0;
  #most = 0;
  #closed = false;
  #wasCut = false;

  /** `stream` is connected, and this object's from now on. */
  constructor(stream: Duplex, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('error', (error: Error) => this.#cut(AppError.from(error, 'DNS_IO')));
    for (const event of ['end', 'close']) {
      stream.on(event, () => this.#cut(new AppError('DNS_IO', 'the server closed the connection')));
    }
    this.#rest();
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  /** Whether another question may be asked on it. */
  get isUsable(): boolean {
    return !this.#closed && this.#waiting.size < maxPipelined;
  }

  /**
   * Whether its end says nothing about the question that it left unanswered: it was kept from earlier, and servers close
   * what they find idle; or it had several questions, and there are servers that take one at a time.
   */
  get endedInnocently(): boolean {
    return this.#closed && (this.#hasRested || this.#answers > 0 || this.#most > 1);
  }

  /** Whether it ended as those of servers do that take one question at a time. */
  get endedUnderLoad(): boolean {
    return this.#closed && this.#most > 1 && (this.#answers > 0 || !this.#hasRested);
  }

  /** Whether the server or the network ended it. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** Rejects with DNS_IO when the connection ends, DNS_BAD_MESSAGE for an answer that is none, or as `signal` says. */
  ask(question: Question, options: QuestionOptions, signal: AbortSignal): Promise<DnsMessage> {
    if (!this.isUsable) return Promise.reject(new AppError('DNS_IO', 'the connection cannot take another question'));
    let id = randomInt(0, 65_536);
    while (this.#waiting.has(id)) id = (id + 1) & 0xffff;
    const query = encodeQuestion(question, id, options);
    this.#cancelIdle();
    const answer = Promise.withResolvers<DnsMessage>();
    const onAbort = (): void => answer.reject(AppError.from(signal.reason, 'DNS_IO', 'given up'));
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.set(id, { question, resolve: answer.resolve, reject: answer.reject });
    this.#most = Math.max(this.#most, this.#waiting.size);
    const framed = Buffer.alloc(2 + query.length);
    framed.writeUInt16BE(query.length);
    framed.set(query, 2);
    this.#stream.write(framed);
    this.#listen();
    return answer.promise.finally(() => {
      signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0 && !this.#closed) this.#rest();
    });
  }

  /** Closes it; questions that wait are rejected. */
  end(error: AppError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelIdle();
    this.#cancelSilence?.();
    this.#stream.destroy();
    for (const waiting of this.#waiting.values()) waiting.reject(error);
  }

  #cut(error: AppError): void {
    this.#wasCut ||= !this.#closed;
    this.end(error);
  }

  #read(chunk: Buffer): void {
    this.#hasAnswered = true;
    this.#cancelSilence?.();
    this.#cancelSilence = undefined;
    this.#received.push(chunk);
    while (this.#received.length >= 2) {
      const { bytes } = this.#received;
      const end = 2 + bytes.readUInt16BE(0);
      if (bytes.length < end) break;
      this.#take(bytes.subarray(2, end));
      this.#received.drop(end);
    }
    if (this.#waiting.size > 0) this.#listen();
  }

  /** What nobody waits for is passed over: empty frames, second answers, those of another id. */
  #take(bytes: Buffer): void {
    const id = bytes.length >= 2 ? bytes.readUInt16BE(0) : -1;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    const answer = readAnswer(bytes, waiting.question, id, 'connection');
    this.#waiting.delete(id);
    this.#answers += 1;
    if (answer.kind === 'answer') waiting.resolve(answer.message);
    else {
      const reason = answer.kind === 'bad' ? answer.reason : 'it answers another question';
      waiting.reject(new AppError('DNS_BAD_MESSAGE', `no usable answer: ${reason}`));
    }
  }

  #rest(): void {
    this.#cancelIdle();
    if (this.#hasAnswered) this.#hasRested = true;
    this.#answers = 0;
    this.#most = 0;
    this.#cancelIdle = this.#clock.after(idle, () => this.end(new AppError('DNS_IO', 'idle')));
  }

  #listen(): void {
    this.#cancelSilence ??= this.#clock.after(this.#hasAnswered ? silence : firstAnswer, () =>
      this.end(new AppError('DNS_IO', 'the server has fallen silent')),
    );
  }
}
