/** Asks several resolvers at once and takes the first good answer, so that a dead or lying server costs nothing. */
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { Lifetime } from '../../base/deadline.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';

/** How long an NXDOMAIN waits for a server that knows the name. Milliseconds. */
const denialGrace = 300;

export class RaceResolver implements Resolver {
  readonly #resolvers: readonly Resolver[];
  readonly #clock: Clock;

  constructor(resolvers: readonly Resolver[], clock: Clock) {
    this.#resolvers = resolvers;
    this.#clock = clock;
  }

  /**
   * The first NOERROR wins; NXDOMAIN after a grace or when nobody else is left; another rcode (SERVFAIL, REFUSED) only when
   * all have failed or said so. Rejects as the first to fail did, with DNS_NO_UPSTREAM when there is nobody to ask.
   */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const [only] = this.#resolvers;
    if (only === undefined) throw new AppError('DNS_NO_UPSTREAM', 'there is no upstream server to ask');
    if (this.#resolvers.length === 1) return await only.query(question, signal);
    const losers = new Lifetime(signal);
    let cancelGrace = (): void => undefined;
    try {
      return await new Promise<DnsAnswer>((resolve, reject) => {
        let left = this.#resolvers.length;
        let denial: DnsAnswer | undefined;
        let refusal: DnsAnswer | undefined;
        let failure: unknown;
        const run = async (resolver: Resolver): Promise<void> => {
          try {
            const answer = await resolver.query(question, losers.signal);
            const { rcode } = answer.message;
            if (rcode === 'NOERROR') resolve(answer);
            else if (rcode !== 'NXDOMAIN') refusal ??= answer;
            else if (denial === undefined) {
              denial = answer;
              cancelGrace = this.#clock.after(denialGrace, () => resolve(answer));
            }
          } catch (error) {
            failure ??= error;
          }
          left -= 1;
          if (left > 0) return;
          const answer = denial ?? refusal;
          if (answer !== undefined) resolve(answer);
          else reject(AppError.from(failure, 'DNS_IO'));
        };
        for (const resolver of this.#resolvers) void run(resolver);
      });
    } finally {
      cancelGrace();
      losers.release();
      losers.abort(new AppError('DNS_IO', 'another server was first'));
    }
  }
}
