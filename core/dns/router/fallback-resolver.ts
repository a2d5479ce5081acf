/** The fallback's answer where that of the usual servers is not to be had, or not to be believed. */
import { AppError } from '../../base/app-error.ts';
import { type Cidr, cidrContains, parseCidr } from '../../base/cidr.ts';
import type { Clock } from '../../base/clock.ts';
import { Lifetime } from '../../base/deadline.ts';
import type { DomainTrie } from '../../base/domain.ts';
import { addressOf, isAboutTheName } from '../../net/dns-message.ts';
import type { DnsAnswer, Question, Resolver } from '../resolver/resolver.ts';
import { trieOf } from './chosen-resolver.ts';

/** How long the usual servers may be silent while the fallback has an answer. Milliseconds. */
const usualPatience = 1_500;
/** How long the fallback is waited for when the usual servers say that there is nothing. Milliseconds. */
const fallbackPatience = 1_500;

/**
 * Asks both at once, and takes the fallback's answer
 * - for the listed names, whatever the usual servers say;
 * - where the usual servers fail: errors, silence, any code but NOERROR and NXDOMAIN;
 * - for addresses, where they have none to give, or one from the filter's prefixes.
 * It has to be an answer itself; where neither has one, the usual servers' is given, unless it is not believed.
 */
export class FallbackResolver implements Resolver {
  readonly #usual: Resolver;
  readonly #fallback: Resolver;
  readonly #domains: DomainTrie<true>;
  readonly #prefixes: readonly Cidr[];
  readonly #clock: Clock;

  /** Throws CONFIG_INVALID with the entry named. */
  constructor(
    usual: Resolver,
    fallback: Resolver,
    filter: { readonly ipcidr: readonly string[]; readonly domain: readonly string[] },
    clock: Clock,
  ) {
    this.#usual = usual;
    this.#fallback = fallback;
    this.#clock = clock;
    this.#domains = trieOf('fallback-filter', filter.domain);
    this.#prefixes = filter.ipcidr.map((text) => {
      const cidr = parseCidr(text);
      if (cidr === undefined) throw new AppError('CONFIG_INVALID', `fallback-filter: "${text}" is not a prefix`);
      return cidr;
    });
  }

  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    if (this.#domains.lookup(question.name) === true) return await this.#fallback.query(question, signal);
    if (signal.aborted) throw AppError.from(signal.reason, 'DNS_IO', 'given up');
    const spare = new Lifetime(signal);
    const usual = outcomeOf('usual', this.#usual.query(question, spare.signal));
    const other = outcomeOf('fallback', this.#fallback.query(question, spare.signal));
    try {
      return await this.#choose(question, usual, other);
    } finally {
      spare.release();
      spare.abort(new AppError('DNS_IO', 'another server was believed'));
    }
  }

  async #choose(question: Question, usual: Promise<Outcome>, other: Promise<Outcome>): Promise<DnsAnswer> {
    const patience = this.#after(usualPatience);
    const early = patience.promise.then(() => other).then((second) => (isAnswer(second) ? second : usual));
    const told = await Promise.race([usual, early]);
    patience.cancel();
    if (told.by === 'fallback' && isAnswer(told)) return told.answer;
    const doubt = this.#doubt(question, told);
    if (doubt === undefined && isAnswer(told)) return told.answer;
    const limit = doubt === 'empty' ? this.#after(fallbackPatience) : undefined;
    const second = await (limit === undefined ? other : Promise.race([other, limit.promise]));
    limit?.cancel();
    if (second !== undefined && isAnswer(second)) return second.answer;
    if (doubt === 'empty' && isAnswer(told)) return told.answer;
    return given(doubt === 'bogus' || !('answer' in told) ? (second ?? told) : told);
  }

  #doubt({ type }: Question, told: Outcome): 'failed' | 'bogus' | 'empty' | undefined {
    if (!isAnswer(told)) return 'failed';
    if (type !== 'A' && type !== 'AAAA') return undefined;
    const addresses = told.answer.message.answers.flatMap((record) => addressOf(record) ?? []);
    if (addresses.some((address) => this.#prefixes.some((prefix) => cidrContains(prefix, address)))) return 'bogus';
    return addresses.length === 0 ? 'empty' : undefined;
  }

  #after(ms: number): { readonly promise: Promise<undefined>; cancel(): void } {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    return { promise, cancel: this.#clock.after(ms, () => resolve(undefined)) };
  }
}

type Outcome =
  | { readonly by: 'usual' | 'fallback'; readonly answer: DnsAnswer }
  | { readonly by: 'usual' | 'fallback'; readonly error: unknown };

function outcomeOf(by: 'usual' | 'fallback', query: Promise<DnsAnswer>): Promise<Outcome> {
  return query.then(
    (answer) => ({ by, answer }),
    (error: unknown) => ({ by, error }),
  );
}

function isAnswer(outcome: Outcome): outcome is Outcome & { readonly answer: DnsAnswer } {
  return 'answer' in outcome && isAboutTheName(outcome.answer.message);
}

function given(outcome: Outcome): DnsAnswer {
  if ('answer' in outcome) return outcome.answer;
  throw AppError.from(outcome.error, 'DNS_IO');
}
