/**
 * The names of the network this machine is in: those of private zones, and what its search list names (resolv.conf(5): `nas`
 * is asked for as `nas.home.example`). Only the network's own servers know them, and no proxy.
 *
 * The search list is the network's word, and a hostile one may say `google.com`. So a domain of it counts only when the
 * internet does not know it. Where that cannot be found out, only private addresses are believed, and none in a domain that
 * somebody can have registered.
 */
import type { Clock } from '../base/clock.ts';
import { isWithinDomain } from '../base/domain.ts';
import { specialUseOf } from '../base/special-names.ts';
import { depthOf } from './registered-domain.ts';
import type { SearchList } from './search-list.ts';

/**
 * - `own`: the network's
 * - `unsure`: the network's where it has a private address for it
 * - `unknown`: nobody has asked yet; see `settle`
 * - `other`: not the network's
 */
export type Standing = 'own' | 'unsure' | 'unknown' | 'other';

export interface NetworkNamesOptions {
  readonly searchList: Pick<SearchList, 'domains' | 'revision'>;
  /** What a rule that is about a normalised name does with it; undefined without such a rule. */
  readonly ruling: (name: string) => 'direct' | 'proxied' | undefined;
  /** Whether connections to a normalised name go DIRECT unless a rule on a port or an address comes first. */
  readonly isDirect: (name: string) => boolean;
  /** Whether the internet knows a domain, asked without the network's own servers; undefined when that cannot be told. Never rejects. */
  readonly isPublic: (domain: string) => Promise<boolean | undefined>;
  /** The search list names a public zone: its names are left to the rules. Told once for each, until `reset`. */
  readonly onPublic: (domain: string) => void;
  readonly clock: Clock;
}

interface Judgement {
  readonly standing: Exclude<Standing, 'unknown'>;
  /** Monotonic milliseconds; what could not be found out is asked again. */
  readonly until: number;
}

/** What could not be found out is believed for so long. Milliseconds. */
const retryMs = 60_000;
/** How long a question about a name waits for that about its domain. Milliseconds. */
const patienceMs = 1_000;

export class NetworkNames {
  readonly #options: NetworkNamesOptions;
  readonly #judgements = new Map<string, Judgement>();
  readonly #asking = new Map<string, Promise<void>>();
  #listRevision: number;
  #revision = 0;
  /** Of what is known; answers to questions of an earlier one are thrown away. */
  #epoch = 0;

  constructor(options: NetworkNamesOptions) {
    this.#options = options;
    this.#listRevision = options.searchList.revision;
  }

  /** Grows when `standing` may answer otherwise than before. */
  get revision(): number {
    return this.#options.searchList.revision + this.#revision;
  }

  /** Whose a normalised name is, as far as is known without asking. */
  standing(name: string): Standing {
    const { ruling } = this.#options;
    if (specialUseOf(name) === 'network') return ruling(name) === 'proxied' ? 'other' : 'own';
    const domain = this.#domainOf(name);
    if (domain === undefined || ruling(name) === 'proxied') return 'other';
    const standing = this.#judgementOf(domain)?.standing ?? 'unknown';
    // What only may be the network's is not taken out of a rule about it.
    return standing === 'unsure' && ruling(name) !== undefined ? 'other' : standing;
  }

  /** The same, after the internet was asked about the domain where nobody had yet. Never rejects. */
  async settle(name: string): Promise<Exclude<Standing, 'unknown'>> {
    const standing = this.standing(name);
    if (standing !== 'unknown') return standing;
    const domain = this.#domainOf(name) ?? name;
    const asking = this.#asking.get(domain) ?? this.#judge(domain);
    this.#asking.set(domain, asking);
    const late = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(patienceMs, late.resolve);
    await Promise.race([asking, late.promise]);
    cancel();
    const settled = this.standing(name);
    if (settled !== 'unknown') return settled;
    return this.#options.ruling(name) === undefined ? doubtful(domain) : 'other';
  }

  /**
   * Whether the network may be asked about a name that the internet denies: a company's own domain is public and names its
   * search list. Only what goes DIRECT anyway.
   */
  mayKnowBesides(name: string): boolean {
    return this.#domainOf(name) !== undefined && this.#options.isDirect(name);
  }

  /** What resolvers of this machine make of a single label by the search list, in its order; each with whose it is. */
  async expansionsOf(name: string): Promise<{ readonly name: string; readonly standing: Standing }[]> {
    if (name === '' || name.includes('.')) return [];
    const names = this.#options.searchList.domains.map((domain) => `${name}.${domain}`);
    return await Promise.all(names.map(async (full) => ({ name: full, standing: await this.settle(full) })));
  }

  /** Another network: all is to be found out anew. */
  reset(): void {
    this.#forget();
    this.#revision += 1;
  }

  #forget(): void {
    this.#epoch += 1;
    this.#judgements.clear();
    this.#asking.clear();
  }

  /** The longest domain of the search list that holds the name. */
  #domainOf(name: string): string | undefined {
    let found: string | undefined;
    for (const domain of this.#options.searchList.domains) {
      if (isWithinDomain(name, domain) && domain.length > (found?.length ?? 0)) found = domain;
    }
    return found;
  }

  #judgementOf(domain: string): Judgement | undefined {
    const { searchList, clock } = this.#options;
    if (this.#listRevision !== searchList.revision) {
      this.#listRevision = searchList.revision;
      this.#forget();
    }
    const judgement = this.#judgements.get(domain);
    return judgement !== undefined && clock.monotonic() < judgement.until ? judgement : undefined;
  }

  async #judge(domain: string): Promise<void> {
    const { isPublic, onPublic, clock } = this.#options;
    const epoch = this.#epoch;
    // `example` stands for what is public, and the internet denies it.
    const isStandIn = !domain.includes('.') && specialUseOf(domain) === 'ordinary';
    const known = await (isStandIn ? Promise.resolve(true) : isPublic(domain));
    if (epoch !== this.#epoch) return;
    this.#asking.delete(domain);
    const before = this.#judgements.get(domain)?.standing;
    const standing = known === undefined ? doubtful(domain) : known ? 'other' : 'own';
    const until = known === undefined ? clock.monotonic() + retryMs : Number.POSITIVE_INFINITY;
    this.#judgements.set(domain, { standing, until });
    if (standing !== before) this.#revision += 1;
    if (standing === 'other' && before !== 'other') onPublic(domain);
  }
}

/** What is made of a domain as long as the internet has not said whether it knows it. */
function doubtful(domain: string): 'unsure' | 'other' {
  return depthOf(domain) === 'deeper' ? 'unsure' : 'other';
}
