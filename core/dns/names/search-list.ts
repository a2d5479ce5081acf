/** The domains that this machine's resolvers try behind a name (resolv.conf(5)), as its network has told them, and behind which. */
import { AppError } from '../../base/app-error.ts';
import { normaliseDomain } from '../../base/domain.ts';
import type { Logger } from '../../base/logger.ts';

/** resolv.conf(5) has six; later C libraries take more. */
const most = 32;

export interface WrittenSearchList {
  readonly domains: readonly string[];
  /** Names with fewer dots are tried with the domains before they are tried alone. */
  readonly ndots: number;
}

export class SearchList {
  readonly #source: () => Promise<WrittenSearchList>;
  readonly #logger: Logger;
  #domains: readonly string[] = [];
  #ndots = 1;
  #revision = 0;

  /** `source` is the machine's list without us. Empty until it was read. */
  constructor(source: () => Promise<WrittenSearchList>, logger: Logger) {
    this.#source = source;
    this.#logger = logger.child('dns');
  }

  /** Normalised, as the network says them: whether they are its own, `NetworkNames` finds out. */
  get domains(): readonly string[] {
    return this.#domains;
  }

  get ndots(): number {
    return this.#ndots;
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#revision;
  }

  /** Reads the list anew. Never rejects: what cannot be read is as before. */
  async read(): Promise<void> {
    try {
      const { domains: written, ndots } = await this.#source();
      const domains = [...new Set(written.map(normaliseDomain))].filter((domain) => domain !== '').slice(0, most);
      if (domains.join(' ') === this.#domains.join(' ') && ndots === this.#ndots) return;
      this.#domains = domains;
      this.#ndots = ndots;
      this.#revision += 1;
      this.#logger.info('the search list of this network', { domains: domains.join(' '), ndots });
    } catch (error) {
      this.#logger.warning('the search list cannot be read', { reason: AppError.from(error).message });
    }
  }
}
