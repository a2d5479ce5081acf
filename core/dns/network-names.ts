/**
 * The names of the network this machine is in: what its search list names (resolv.conf(5): `nas` is asked for as
 * `nas.home.example`) and what is local everywhere. Only the network's own servers know them, and no proxy.
 */
import { isWithinDomain } from '../base/domain.ts';
import type { SearchList } from './search-list.ts';

/** RFC 6762, 8375, 9476 in use, and reverse zones of addresses that are private or of one link (RFC 6303). */
const localZones: readonly string[] = [
  'local',
  'lan',
  'internal',
  'localdomain',
  'home.arpa',
  'fritz.box',
  '10.in-addr.arpa',
  ...Array.from({ length: 16 }, (_, i) => `${16 + i}.172.in-addr.arpa`),
  '168.192.in-addr.arpa',
  '254.169.in-addr.arpa',
  'c.f.ip6.arpa',
  'd.f.ip6.arpa',
  ...['8', '9', 'a', 'b'].map((digit) => `${digit}.e.f.ip6.arpa`),
];

export class NetworkNames {
  readonly #searchList: Pick<SearchList, 'domains' | 'revision'>;
  readonly #isNamed: (name: string) => boolean;

  /** `isNamed` tells whether a rule is about a name: then it is not left to the network. */
  constructor(searchList: Pick<SearchList, 'domains' | 'revision'>, isNamed: (name: string) => boolean) {
    this.#searchList = searchList;
    this.#isNamed = isNamed;
  }

  /** Grows when `isSearched` may answer otherwise than before. */
  get revision(): number {
    return this.#searchList.revision;
  }

  /** Whether a normalised name is in a domain of the search list, and no rule is about it. */
  isSearched(name: string): boolean {
    return this.#searchList.domains.some((domain) => isWithinDomain(name, domain)) && !this.#isNamed(name);
  }

  /** Whether the network's own servers are to be asked about a normalised name. */
  includes(name: string): boolean {
    if (!name.includes('.')) return name !== '';
    return localZones.some((zone) => isWithinDomain(name, zone)) || this.isSearched(name);
  }
}
