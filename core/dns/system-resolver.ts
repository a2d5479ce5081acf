/** The servers that this machine used before us, as one resolver. */
import type { Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { RaceResolver } from './race-resolver.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';

export interface SystemResolverOptions {
  /** The earlier servers as the system-DNS step recorded them; never our own address. */
  readonly baseServers: () => Promise<readonly Ip[]>;
  readonly connect: (address: Ip) => Resolver;
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
    try {
      const addresses = await this.#options.baseServers();
      if (addresses.length === 0) throw new AppError('DNS_NO_UPSTREAM', 'this machine had no DNS server configured');
      return new RaceResolver(addresses.map(this.#options.connect), this.#options.clock);
    } catch (error) {
      this.#servers = undefined;
      throw AppError.from(error, 'DNS_NO_UPSTREAM', 'the DNS servers of this machine cannot be read');
    }
  }
}
