/** Remembers answers for as long as they may be (RFC 1035, RFC 2308), and asks each question once however many wait for it. */
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { orAborted, within } from '../../base/deadline.ts';
import { type DnsMessage, type DnsRecord, isAboutTheName } from '../../net/dns-message.ts';
import { isSoa } from '../../net/dns-record-data.ts';
import { AnswerMemory, type Outcome, type Remembered } from './answer-memory.ts';
import { withAskedCase } from './name-case.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';

/** Seconds, as below. */
const longest = 86_400;
const longestDenial = 3_600;
const failureTtl = 5;
/** A TTL of zero is good for the transaction in progress (RFC 1035 section 3.2.1): an application's question and the dial after it. */
const transaction = 2;
/** An expired answer may still be given when a new one cannot be had (RFC 8767), for so long, with this TTL. */
const longestStale = 3_600;
const staleTtl = 30;
/** Milliseconds that a new answer is waited for when there is an expired one (RFC 8767 section 5). */
const clientPatience = 1_800;

interface Flight {
  readonly outcome: Promise<DnsAnswer>;
  readonly abort: AbortController;
  /** Of the memory when it began. */
  readonly epoch: number;
  readonly name: string;
  waiting: number;
}

export class CachedResolver implements Resolver {
  readonly #inner: Resolver;
  readonly #clock: Clock;
  readonly #makeMemory: () => AnswerMemory;
  #used: AnswerMemory | undefined;
  readonly #flights = new Map<string, Flight>();

  /** `memory`, wanted with the first question, may have answers of the same servers already, and be another resolver's too. */
  constructor(inner: Resolver, clock: Clock, memory = () => new AnswerMemory(4_096)) {
    this.#inner = inner;
    this.#clock = clock;
    this.#makeMemory = memory;
  }

  /**
   * A remembered answer has its TTLs lowered by its age. For one that has expired a new one is fetched; it is given only when
   * that fails, or takes longer than 1.8 s (RFC 8767). A remembered failure rejects again for five seconds. Names have the
   * letters of the question's spelling.
   */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const answer = await this.#answer(question, signal);
    const { name, spelling = name } = question;
    const sent = answer.message.questions[0]?.name ?? name;
    return { ...answer, message: withAskedCase(answer.message, sent, spelling) };
  }

  async #answer(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const key = keyOf(question);
    const known = this.#memory.get(key);
    const now = this.#clock.monotonic();
    if (known !== undefined && now < known.until) {
      if ('error' in known.outcome) throw known.outcome.error;
      const { message, upstream } = known.outcome.answer;
      return { message: aged(message, Math.floor((now - known.since) / 1_000)), upstream, cached: true };
    }
    const stale = known === undefined ? undefined : staleAnswerOf(known, now);
    if (stale !== undefined && now < (known?.retryAt ?? 0)) return given(stale);
    const flight = this.#flights.get(key) ?? this.#takeOff(key, question);
    return stale === undefined
      ? await this.#join(flight, key, signal)
      : await this.#refreshed(flight, key, stale, signal);
  }

  /** Forgets what is remembered; answers how many. */
  flush(): number {
    return this.#used?.flush() ?? 0;
  }

  /** Forgets everything: the network has changed, and the answers with it. Questions under way are not remembered either. */
  reset(): void {
    this.#used?.reset();
    this.#flights.clear();
  }

  /** The new answer, or the stale one when there is none in time. What is under way goes on. */
  async #refreshed(flight: Flight, key: string, stale: DnsAnswer, signal: AbortSignal): Promise<DnsAnswer> {
    const fresh = this.#join(flight, key, signal).then(
      (answer) => (isAboutTheName(answer.message) ? answer : given(stale)),
      (error: unknown) => {
        if (signal.aborted) throw error;
        return given(stale);
      },
    );
    return await within(this.#clock, clientPatience, fresh, () => given(stale));
  }

  get #memory(): AnswerMemory {
    this.#used ??= this.#makeMemory();
    return this.#used;
  }

  #takeOff(key: string, question: Question): Flight {
    const abort = new AbortController();
    const { epoch } = this.#memory;
    const outcome = this.#inner.query(question, abort.signal);
    const flight: Flight = { outcome, abort, epoch, name: question.name, waiting: 0 };
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
    // Another resolver's `reset` of the memory counts as well.
    if (flight.epoch !== this.#memory.epoch) return;
    const since = this.#clock.monotonic();
    const known = this.#memory.get(key);
    // A refresh that failed does not take the place of an answer that may still be given (RFC 8767 section 5).
    if (isFailure(outcome) && known !== undefined && staleAnswerOf(known, since) !== undefined) {
      this.#memory.set(key, { ...known, retryAt: since + failureTtl * 1_000 });
      return;
    }
    if (ttl >= 0)
      this.#memory.set(key, { outcome, name: flight.name, since, until: since + Math.max(ttl, transaction) * 1_000 });
  }

  /** Waits with the others; the last to give up ends the question. */
  async #join(flight: Flight, key: string, signal: AbortSignal): Promise<DnsAnswer> {
    signal.throwIfAborted();
    flight.waiting += 1;
    try {
      return await orAborted(flight.outcome, signal, 'DNS_IO');
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0 && signal.aborted) {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.abort.abort(signal.reason);
      }
    }
  }
}

/** DO, CD and AD change what a server says. */
function keyOf({ name, type, dnssecOk, checkingDisabled, authenticData }: Question): string {
  return `${type} ${name}${dnssecOk ? ' do' : ''}${checkingDisabled ? ' cd' : ''}${authenticData ? ' ad' : ''}`;
}

const given = ({ message, upstream }: DnsAnswer): DnsAnswer => ({
  message: withTtl(message, staleTtl),
  upstream,
  cached: true,
});

/** Neither an answer nor "there is no such name". */
function isFailure(outcome: Outcome): boolean {
  return 'error' in outcome || !isAboutTheName(outcome.answer.message);
}

/** What may still be told at `now`, after its time. What was to be forgotten at once, or says "there is none", is not. */
function staleAnswerOf({ outcome, since, until }: Remembered, now: number): DnsAnswer | undefined {
  if ('error' in outcome || until - since <= transaction * 1_000 || now >= until + longestStale * 1_000)
    return undefined;
  const { rcode, answers } = outcome.answer.message;
  return rcode === 'NOERROR' && answers.length > 0 ? outcome.answer : undefined;
}

/** Seconds that an NXDOMAIN holds by its SOA (RFC 2308). */
export function denialTtlOf(message: DnsMessage): number {
  return message.rcode === 'NXDOMAIN' ? Math.max(0, ttlOf(message)) : 0;
}

/** The same answer with the TTL of every record of answer and authority set; seconds. */
export function withTtl(message: DnsMessage, ttl: number): DnsMessage {
  const set = (records: readonly DnsRecord[]): DnsRecord[] => records.map((record) => ({ ...record, ttl }));
  return { ...message, answers: set(message.answers), authorities: set(message.authorities) };
}

/** Seconds that an answer may be remembered; -1 = not at all. */
function ttlOf(message: DnsMessage): number {
  if (message.truncated) return -1;
  if (!isAboutTheName(message)) return failureTtl;
  const soa = message.authorities.find((record) => record.type === 'SOA');
  const denied = message.rcode === 'NXDOMAIN' || message.answers.every((record) => record.type === 'CNAME');
  const shortest = message.answers.reduce((least, record) => Math.min(least, record.ttl), longest);
  if (!denied) return shortest;
  // A denial without SOA is not to be remembered (RFC 2308 section 5).
  return soa === undefined ? -1 : Math.min(shortest, longestDenial, soa.ttl, minimumOf(soa));
}

/** The last field of an SOA record: how long a denial holds (RFC 2308 section 4). */
function minimumOf(soa: DnsRecord): number {
  return isSoa(soa.data) ? soa.data.minimum : 0;
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
