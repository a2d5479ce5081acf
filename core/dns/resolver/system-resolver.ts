/** The servers that this machine used before us, as one resolver: in their order, as its own resolvers would ask them. */
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { parseScopedIp, type ScopedIp } from '../../base/scoped-address.ts';
import type { ResolverOptions } from '../../net/resolver-options.ts';
import { OrderedResolver } from './ordered-resolver.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';

/** The servers and settings as the system-DNS step recorded them. */
export interface BaseResolver {
  /** Addresses, with their zone where they need one; never our own. */
  readonly servers: readonly string[];
  readonly options: ResolverOptions;
}

export interface SystemResolverOptions {
  readonly base: () => Promise<BaseResolver>;
  readonly connect: (server: ScopedIp, options: ResolverOptions) => Resolver;
  readonly clock: Clock;
}

export class SystemResolver implements Resolver {
  readonly #options: SystemResolverOptions;
  #servers: Promise<Resolver> | undefined;

  constructor(options: SystemResolverOptions) {
    this.#options = options;
  }

  /** Rejects with DNS_NO_UPSTREAM when the machine had no server, or they cannot be told. */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    this.#servers ??= this.#read();
    return await (await this.#servers).query(question, signal);
  }

  /** Reads the servers anew at the next question. */
  reset(): void {
    this.#servers = undefined;
  }

  async #read(): Promise<Resolver> {
    const { base, connect, clock } = this.#options;
    try {
      const { servers, options } = await base();
      const known = servers.flatMap((server) => parseScopedIp(server) ?? []);
      if (known.length === 0) throw new AppError('DNS_NO_UPSTREAM', 'this machine had no DNS server configured');
      return new OrderedResolver(
        known.map((server) => connect(server, options)),
        options,
        clock,
      );
    } catch (error) {
      this.#servers = undefined;
      throw AppError.from(error, 'DNS_NO_UPSTREAM', 'the DNS servers of this machine cannot be read');
    }
  }
}
