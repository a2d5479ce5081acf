/**
 * Questions to one server over a connection that is kept: DNS over TCP (RFC 7766) and, where `connect` gives a TLS stream,
 * DNS over TLS (RFC 7858). Questions are pipelined and may be answered in any order. Caches nothing.
 */
import { randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { DnsMessage } from '../net/dns-message.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';
import { encodeQuestion, type QuestionOptions, readAnswer } from './upstream-answer.ts';

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
/** A connection without questions is closed after this. Milliseconds. */
const idle = 30_000;
/** A connection that has brought answers and brings nothing for so long after a question is taken for dead. Milliseconds. */
const silence = 2_500;
const maxPipelined = 256;
/** Connections that a burst of questions may need. */
const maxConnections = 8;

export class StreamResolver implements Resolver {
  readonly #options: StreamResolverOptions;
  #connection: Promise<PipelinedConnection> | undefined;

  constructor(options: StreamResolverOptions) {
    this.#options = options;
  }

  /** Five seconds at most. A kept connection that turns out to be closed or silent is replaced once. */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const { label, clock } = this.#options;
    const begun = clock.monotonic();
    const life = new AbortController();
    const cancel = clock.after(deadline, () =>
      life.abort(new AppError('DNS_TIMEOUT', `${label} did not answer within ${deadline / 1_000} s`)),
    );
    const onAbort = (): void => life.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const message = await this.#ask(question, life.signal);
      return { message, upstream: label, ms: clock.monotonic() - begun };
    } catch (error) {
      throw AppError.from(life.signal.aborted ? life.signal.reason : error, 'DNS_IO', label);
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #ask(question: Question, signal: AbortSignal): Promise<DnsMessage> {
    signal.throwIfAborted();
    const kept = this.#connection;
    if (kept !== undefined) {
      const connection = await orAborted(kept, signal).catch(() => undefined);
      signal.throwIfAborted();
      if (connection?.isUsable === true) {
        try {
          return await connection.ask(question, signal);
        } catch (error) {
          signal.throwIfAborted();
          // Closed by the server while it was idle, or dead since the network changed: that says nothing about the question.
          if (connection.isUsable) throw error;
        }
      }
      if (this.#connection === kept) this.#connection = undefined;
    }
    for (let tries = 1; ; tries++) {
      const opening = (this.#connection ??= this.#open());
      const fresh = await orAborted(opening, signal);
      if (fresh.isUsable || tries === maxConnections) return await fresh.ask(question, signal);
      // More questions have waited for it than it takes.
      if (this.#connection === opening) this.#connection = undefined;
    }
  }

  #open(): Promise<PipelinedConnection> {
    const { connect, clock, question, label } = this.#options;
    const life = new AbortController();
    const cancel = clock.after(deadline, () => life.abort(new AppError('DNS_TIMEOUT', `no connection to ${label}`)));
    const opening = connect(life.signal)
      .then((stream) => new PipelinedConnection(stream, clock, question ?? {}))
      .finally(cancel);
    opening.catch(() => {
      if (this.#connection === opening) this.#connection = undefined;
    });
    return opening;
  }
}

interface Waiting {
  readonly question: Question;
  resolve(message: DnsMessage): void;
  reject(error: AppError): void;
}

class PipelinedConnection {
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #question: QuestionOptions;
  readonly #waiting = new Map<number, Waiting>();
  #bytes: Buffer = Buffer.alloc(0);
  #cancelIdle = (): void => undefined;
  #cancelSilence: (() => void) | undefined;
  #hasAnswered = false;
  #closed = false;

  constructor(stream: Duplex, clock: Clock, question: QuestionOptions) {
    this.#stream = stream;
    this.#clock = clock;
    this.#question = question;
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('error', (error: Error) => this.#end(AppError.from(error, 'DNS_IO')));
    for (const event of ['end', 'close']) {
      stream.on(event, () => this.#end(new AppError('DNS_IO', 'the server closed the connection')));
    }
    this.#rest();
  }

  get isUsable(): boolean {
    return !this.#closed && this.#waiting.size < maxPipelined;
  }

  ask(question: Question, signal: AbortSignal): Promise<DnsMessage> {
    if (!this.isUsable) return Promise.reject(new AppError('DNS_IO', 'the connection cannot take another question'));
    let id = randomInt(0, 65_536);
    while (this.#waiting.has(id)) id = (id + 1) & 0xffff;
    const query = encodeQuestion(question, id, this.#question);
    this.#cancelIdle();
    const answer = Promise.withResolvers<DnsMessage>();
    const onAbort = (): void => answer.reject(AppError.from(signal.reason, 'DNS_IO', 'given up'));
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.set(id, { question, resolve: answer.resolve, reject: answer.reject });
    const framed = Buffer.alloc(2 + query.length);
    framed.writeUInt16BE(query.length);
    framed.set(query, 2);
    this.#stream.write(framed);
    this.#listen();
    return answer.promise.finally(() => {
      signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#rest();
    });
  }

  #read(chunk: Buffer): void {
    this.#hasAnswered = true;
    this.#cancelSilence?.();
    this.#cancelSilence = undefined;
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= 2) {
      const end = 2 + this.#bytes.readUInt16BE(0);
      if (this.#bytes.length < end) return;
      this.#take(this.#bytes.subarray(2, end));
      this.#bytes = this.#bytes.subarray(end);
    }
  }

  #take(bytes: Buffer): void {
    const id = bytes.length >= 2 ? bytes.readUInt16BE(0) : -1;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    const answer = readAnswer(bytes, waiting.question, id);
    if (answer.kind === 'answer') waiting.resolve(answer.message);
    else {
      const reason = answer.kind === 'bad' ? answer.reason : 'it answers another question';
      waiting.reject(new AppError('DNS_BAD_MESSAGE', `no usable answer: ${reason}`));
    }
  }

  #rest(): void {
    this.#cancelIdle();
    if (!this.#closed) this.#cancelIdle = this.#clock.after(idle, () => this.#end(new AppError('DNS_IO', 'idle')));
  }

  /** The first answer may take as long as a question has; later ones of a connection that lives come sooner. */
  #listen(): void {
    this.#cancelSilence ??= this.#clock.after(this.#hasAnswered ? silence : deadline, () =>
      this.#end(new AppError('DNS_IO', 'the server has fallen silent')),
    );
  }

  #end(error: AppError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelIdle();
    this.#cancelSilence?.();
    this.#stream.destroy();
    for (const waiting of this.#waiting.values()) waiting.reject(error);
  }
}

/** Gives up waiting when aborted; what is waited for goes on, others may want it. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const gaveUp = Promise.withResolvers<never>();
  const onAbort = (): void => gaveUp.reject(AppError.from(signal.reason, 'DNS_IO', 'given up'));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, gaveUp.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
