/** Remembers answers for as long as they may be (RFC 1035, RFC 2308), and asks each question once however many wait for it. */
import { LRUCache } from 'lru-cache';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { DnsMessage, DnsRecord } from '../net/dns-message.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';

const capacity = 4_096;
/** Seconds, as below. */
const longest = 86_400;
const longestDenial = 3_600;
const failureTtl = 5;

type Outcome = { readonly answer: DnsAnswer } | { readonly error: AppError };

interface Remembered {
  readonly outcome: Outcome;
  /** Monotonic milliseconds. */
  readonly since: number;
  readonly until: number;
}

interface Flight {
  readonly outcome: Promise<DnsAnswer>;
  readonly abort: AbortController;
  waiting: number;
}

export class CachedResolver implements Resolver {
  readonly #inner: Resolver;
  readonly #clock: Clock;
  readonly #memory = new LRUCache<string, Remembered>({ max: capacity });
  readonly #flights = new Map<string, Flight>();

  constructor(inner: Resolver, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  /** A remembered answer has its TTLs lowered by its age. A remembered failure rejects again for five seconds. */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const key = `${question.type} ${question.name}`;
    const known = this.#memory.get(key);
    const now = this.#clock.monotonic();
    if (known !== undefined && now < known.until) {
      if ('error' in known.outcome) throw known.outcome.error;
      const { message, upstream } = known.outcome.answer;
      return { message: aged(message, Math.floor((now - known.since) / 1_000)), upstream, cached: true };
    }
    return await this.#join(this.#flights.get(key) ?? this.#takeOff(key, question), key, signal);
  }

  /** Forgets everything: the network has changed, and the answers with it. Questions under way are not remembered either. */
  reset(): void {
    this.#memory.clear();
    this.#flights.clear();
  }

  #takeOff(key: string, question: Question): Flight {
    const abort = new AbortController();
    const flight: Flight = { outcome: this.#inner.query(question, abort.signal), abort, waiting: 0 };
    this.#flights.set(key, flight);
    flight.outcome.then(
      (answer) => this.#land(key, flight, { answer }, ttlOf(answer.message)),
      (error: unknown) => this.#land(key, flight, { error: AppError.from(error, 'DNS_IO') }, failureTtl),
    );
    return flight;
  }

  #land(key: string, flight: Flight, outcome: Outcome, ttl: number): void {
    if (this.#flights.get(key) !== flight) return;
    this.#flights.delete(key);
    const since = this.#clock.monotonic();
    if (ttl > 0) this.#memory.set(key, { outcome, since, until: since + ttl * 1_000 });
  }

  /** Waits with the others; the last to give up ends the question. */
  async #join(flight: Flight, key: string, signal: AbortSignal): Promise<DnsAnswer> {
    signal.throwIfAborted();
    flight.waiting += 1;
    const gaveUp = Promise.withResolvers<never>();
    const onAbort = (): void => gaveUp.reject(AppError.from(signal.reason, 'DNS_IO', 'given up'));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([flight.outcome, gaveUp.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      flight.waiting -= 1;
      if (flight.waiting === 0 && signal.aborted) {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.abort.abort(signal.reason);
      }
    }
  }
}

/** Seconds that an answer may be remembered. */
function ttlOf(message: DnsMessage): number {
  if (message.truncated) return 0;
  if (message.rcode !== 'NOERROR' && message.rcode !== 'NXDOMAIN') return failureTtl;
  const soa = message.authorities.find((record) => record.type === 'SOA');
  const denied = message.rcode === 'NXDOMAIN' || message.answers.every((record) => record.type === 'CNAME');
  const shortest = Math.min(longest, ...message.answers.map((record) => record.ttl));
  if (!denied) return shortest;
  return Math.min(shortest, longestDenial, soa === undefined ? failureTtl : Math.min(soa.ttl, minimumOf(soa)));
}

/** The last field of an SOA record: how long a denial holds (RFC 2308 section 4). */
function minimumOf(soa: DnsRecord): number {
  const { data } = soa;
  return typeof data === 'object' && data !== null && 'minimum' in data ? Number(data.minimum) || 0 : 0;
}

function aged(message: DnsMessage, seconds: number): DnsMessage {
  const older = (records: readonly DnsRecord[]): DnsRecord[] =>
    records.map((record) => ({ ...record, ttl: Math.max(0, record.ttl - seconds) }));
  return {
    ...message,
    answers: older(message.answers),
    authorities: older(message.authorities),
    additionals: older(message.additionals),
  };
}
