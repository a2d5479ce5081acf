/** A resolver that answers when a test says so. */
import { AppError } from '../../../../core/base/app-error.ts';
import type { DnsAnswer, Question, Resolver } from '../../../../core/dns/resolver/resolver.ts';
import { type DnsMessage, type DnsRecord, queryFor, responseTo } from '../../../../core/net/dns-message.ts';

export class ScriptedResolver implements Resolver {
  readonly asked: { question: Question; signal: AbortSignal }[] = [];
  readonly #waiting: PromiseWithResolvers<DnsAnswer>[] = [];
  readonly #name: string;

  constructor(name = 'udp://192.0.2.53:53') {
    this.#name = name;
  }

  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    this.asked.push({ question, signal });
    const outcome = Promise.withResolvers<DnsAnswer>();
    this.#waiting.push(outcome);
    signal.addEventListener('abort', () => outcome.reject(AppError.from(signal.reason, 'DNS_IO')));
    return await outcome.promise;
  }

  /** Ends the oldest question that waits. */
  answer(change: Partial<DnsMessage> = {}): void {
    const question = this.asked[this.asked.length - this.#waiting.length]?.question;
    const message = {
      ...responseTo(queryFor(0, question?.name ?? '', question?.type ?? 'A', undefined), 'NOERROR'),
      ...change,
    };
    this.#waiting.shift()?.resolve({ message, upstream: this.#name });
  }

  fail(code: 'DNS_TIMEOUT' | 'DNS_IO' | 'DNS_NO_UPSTREAM' = 'DNS_TIMEOUT'): void {
    this.#waiting.shift()?.reject(new AppError(code, `${this.#name} failed`));
  }
}

/** Answers at once from a table of `TYPE name`; NXDOMAIN for all else. */
export class TableResolver implements Resolver {
  readonly asked: string[] = [];
  readonly #table: Readonly<Record<string, readonly DnsRecord[] | string>>;

  /** A text is an rcode, or `throw`. */
  constructor(table: Readonly<Record<string, readonly DnsRecord[] | string>>) {
    this.#table = table;
  }

  async query({ name, type }: Question): Promise<DnsAnswer> {
    const key = `${type} ${name}`;
    this.asked.push(key);
    const found = this.#table[key] ?? 'NXDOMAIN';
    if (found === 'throw') throw new AppError('DNS_TIMEOUT', 'no answer');
    const response = responseTo(queryFor(0, name, type, undefined), typeof found === 'string' ? found : 'NOERROR');
    const message = { ...response, answers: typeof found === 'string' ? [] : found };
    return await Promise.resolve({ message, upstream: 'udp://192.0.2.53:53' });
  }
}
