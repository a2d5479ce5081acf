/**
 * The names of the network this machine is in: those of private zones, and what its search list names (resolv.conf(5): `nas`
 * is asked for as `nas.home.example`). Only the network's own servers know them, and no proxy.
 *
 * The search list is the network's word, and a hostile one may say `google.com`. So a domain of it counts only when the
 * internet does not know it. Where that cannot be found out, only private addresses are believed, and none in a domain that
 * somebody can have registered.
 */
import type { Clock } from '../../base/clock.ts';
import { within } from '../../base/deadline.ts';
import { isWithinDomain } from '../../base/domain.ts';
import { specialUseOf } from '../../base/special-names.ts';
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
  readonly searchList: Pick<SearchList, 'domains' | 'ndots' | 'revision'>;
  /** Grows when `ruling`, `isDirect` or what `isPublic` asks may be another than before. */
  readonly policyRevision: () => number;
  /** What a rule that is about a normalised name does with it; undefined without such a rule. */
  readonly ruling: (name: string) => 'direct' | 'proxied' | undefined;
  /** Whether connections to a normalised name go DIRECT unless a rule on a port or an address comes first. */
  readonly isDirect: (name: string) => boolean;
  /** Whether the internet knows a domain, asked without the network's own servers; undefined when that cannot be told. Never rejects. */
  readonly isPublic: (domain: string) => Promise<boolean | undefined>;
  /** Whether the network's servers have a private address for a normalised name, and none that is not. Never rejects. */
  readonly hasPrivateAddress: (name: string, signal: AbortSignal) => Promise<boolean>;
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
  /** Of search list and policies, as judged by. */
  #basis: number | undefined;
  #revision = 0;
  /** Of what is known; answers to questions of an earlier one are thrown away. */
  #epoch = 0;

  constructor(options: NetworkNamesOptions) {
    this.#options = options;
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
    await within(this.#options.clock, patienceMs, asking, () => undefined);
    const settled = this.standing(name);
    if (settled !== 'unknown') return settled;
    return this.#options.ruling(name) === undefined ? doubtful(domain) : 'other';
  }

  /** Whether a normalised name is the network's, after asking whoever has to be asked for that. Never rejects. */
  async isOwn(name: string, signal: AbortSignal): Promise<boolean> {
    const standing = await this.settle(name);
    return standing === 'own' || (standing === 'unsure' && (await this.#options.hasPrivateAddress(name, signal)));
  }

  /**
   * Whether the network has a private address for a name that the internet denies: a company's own domain is public and names
   * its search list. Only what goes DIRECT anyway is asked for. Never rejects.
   */
  async isOwnBesides(name: string, signal: AbortSignal): Promise<boolean> {
    const { isDirect, hasPrivateAddress } = this.#options;
    return this.#domainOf(name) !== undefined && isDirect(name) && (await hasPrivateAddress(name, signal));
  }

  /**
   * Whether a normalised name may be what a resolver has made of a name that it asks for next: with `ndots:2` it tries
   * `example.org.corp.example` before `example.org` (resolv.conf(5)).
   */
  mayBeExpanded(name: string): boolean {
    const { domains, ndots } = this.#options.searchList;
    if (ndots < 2) return false;
    return domains.some((domain) => {
      const dots = isWithinDomain(name, domain) ? name.slice(0, -domain.length - 1).split('.').length - 1 : 0;
      return dots > 0 && dots < ndots;
    });
  }

  /** What resolvers of this machine make of a single label by the search list, in its order, as far as it is the network's. */
  async expansionsOf(name: string, signal: AbortSignal): Promise<string[]> {
    if (name === '' || name.includes('.')) return [];
    const names = this.#options.searchList.domains.map((domain) => `${name}.${domain}`);
    const own = await Promise.all(names.map((full) => this.isOwn(full, signal)));
    return names.filter((_, i) => own[i]);
  }

  /** Another network: all is to be found out anew. */
  reset(): void {
    this.#forget();
    this.#revision += 1;
  }

  /** Both only grow, so their sum is another one when either is. */
  #basisNow(): number {
    return this.#options.searchList.revision + this.#options.policyRevision();
  }

  #forget(): void {
    this.#epoch += 1;
    this.#judgements.clear();
    this.#asking.clear();
  }

  /** Whether whose a normalised name is can depend on the rules. */
  concerns(name: string): boolean {
    return specialUseOf(name) === 'network' || this.#domainOf(name) !== undefined;
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
    const { clock } = this.#options;
    const basis = this.#basisNow();
    if (this.#basis !== basis) {
      this.#basis = basis;
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
