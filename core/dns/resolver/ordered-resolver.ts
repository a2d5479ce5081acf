/**
 * Asks several servers in their order, as resolv.conf(5) wants it: the next one only after silence or failure. For the first may
 * know what the others deny (a VPN's server beside the provider's).
 */
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { Lifetime, orAborted, within } from '../../base/deadline.ts';
import { isAboutTheName } from '../../net/dns-message.ts';
import type { ResolverOptions } from '../../net/resolver-options.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';

/** Nobody waits longer for a name. Milliseconds. */
const longest = 15_000;
/**
 * How long a server is waited for that was silent once, and one that was so again and again: it goes on being asked, and its first
 * answer gives it back its place. Milliseconds.
 */
const shortened = [1_000, 1_000, 250];

interface Server {
  readonly resolver: Resolver;
  /** Questions in a row without an answer. */
  silences: number;
}

export class OrderedResolver implements Resolver {
  readonly #servers: readonly Server[];
  readonly #options: Pick<ResolverOptions, 'timeoutMs' | 'attempts' | 'rotate'>;
  readonly #clock: Clock;
  #turn = 0;

  constructor(
    resolvers: readonly Resolver[],
    options: Pick<ResolverOptions, 'timeoutMs' | 'attempts' | 'rotate'>,
    clock: Clock,
  ) {
    this.#servers = resolvers.map((resolver) => ({ resolver, silences: 0 }));
    this.#options = options;
    this.#clock = clock;
  }

  /**
   * The first server that knows whether the name exists decides. What else servers say (SERVFAIL, REFUSED) is the answer when
   * none does. Rejects as the first to fail did, with DNS_TIMEOUT after 15 s.
   */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const round = new Lifetime(signal).endAfter(this.#clock, longest, () => {
      return new AppError('DNS_TIMEOUT', 'no server answered in time');
    });
    try {
      return await this.#goThrough(question, round.signal);
    } finally {
      round.release();
    }
  }

  async #goThrough(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const start = this.#options.rotate ? this.#turn++ % Math.max(1, this.#servers.length) : 0;
    const order = new Set([...this.#servers.slice(start), ...this.#servers.slice(0, start)]);
    const alone = order.size === 1;
    let refusal: DnsAnswer | undefined;
    let failure: unknown;
    for (let attempt = 0; attempt < this.#options.attempts; attempt++) {
      for (const server of order) {
        try {
          const answer = await this.#ask(server, question, alone, signal);
          if (isAboutTheName(answer.message)) return answer;
          refusal ??= answer;
          // It has said what it has to say.
          order.delete(server);
        } catch (error) {
          if (signal.aborted) throw AppError.from(signal.reason, 'DNS_IO', 'given up');
          failure ??= error;
        }
      }
    }
    if (refusal !== undefined) return refusal;
    throw AppError.from(failure ?? new AppError('DNS_NO_UPSTREAM', 'there is no upstream server to ask'), 'DNS_IO');
  }

  /** `alone`: nobody else could be asked meanwhile, so that impatience gains nothing. */
  async #ask(server: Server, question: Question, alone: boolean, signal: AbortSignal): Promise<DnsAnswer> {
    const { timeoutMs } = this.#options;
    const patience = shortened[Math.min(server.silences, shortened.length) - 1] ?? timeoutMs;
    const waitMs = alone ? timeoutMs : Math.min(timeoutMs, patience);
    // What comes too late for this question still shows that the server is there.
    const asked = server.resolver.query(question, signal).then((answer) => {
      server.silences = 0;
      return answer;
    });
    asked.catch(() => undefined);
    try {
      return await within(this.#clock, waitMs, orAborted(asked, signal, 'DNS_IO'), () => {
        throw new AppError('DNS_TIMEOUT', `no answer within ${waitMs / 1_000} s`);
      });
    } catch (error) {
      if (error instanceof AppError && error.code === 'DNS_TIMEOUT') server.silences += 1;
      throw error;
    }
  }
}
