/** What the profile says about reading names from first bytes: at which ports, for whom, and which names are believed. */

import { type Ip, ipFamily, ipToBigInt, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { type Cidr, parseCidr } from '../base/cidr.ts';
import { DomainTrie } from '../base/domain.ts';
import type { SnifferConfig } from '../contract/config.ts';
import type { SniffProtocol } from './sniffed.ts';

/** Whether a normalised name is in a set of this name. */
export type InSet = (set: string, name: string) => boolean;
type NameList = (name: string) => boolean;

interface Ports {
  readonly first: number;
  readonly last: number;
}

export class Sniffer {
  /** Whether flows to bare addresses, and known names of `forceDomain`, are looked at. */
  readonly enabled: boolean;
  readonly #ports: Readonly<Record<SniffProtocol, readonly Ports[]>>;
  readonly #forced: NameList;
  readonly #skipped: NameList;
  readonly #sources: readonly Cidr[];
  readonly #destinations: readonly Cidr[];

  /** `isIn`: whether a set has a name. Throws CONFIG_INVALID for ports, patterns or prefixes that are none. */
  constructor(config: SnifferConfig, isIn: InSet = () => false) {
    this.enabled = config.enabled;
    this.#ports = { tls: ports(config, 'tls'), http: ports(config, 'http'), quic: ports(config, 'quic') };
    this.#forced = nameList(patterns(config, 'forceDomain'), config.forceSets, isIn);
    this.#skipped = nameList(patterns(config, 'skipDomain'), config.skipSets, isIn);
    this.#sources = prefixes(config, 'skipSource');
    this.#destinations = prefixes(config, 'skipDestination');
  }

  /** What is looked for in flows to this port; empty when nothing is. */
  protocolsAt(network: 'tcp' | 'udp', port: number): SniffProtocol[] {
    return protocolsOf(network).filter((protocol) =>
      this.#ports[protocol].some(({ first, last }) => port >= first && port <= last),
    );
  }

  /** Whether neither end is in a list of those that are never looked at. Hosts that are names are in none. */
  mayLook(source: string, destination: string): boolean {
    return !isListed(this.#sources, source) && !isListed(this.#destinations, destination);
  }

  /** Whether a known name is looked for all the same. */
  isForced(name: string): boolean {
    return this.enabled && this.#forced(name);
  }

  /** Whether a name that was found may be believed. */
  believes(name: string): boolean {
    return !this.#skipped(name);
  }
}

/** Everything that can be looked for. */
export function protocolsOf(network: 'tcp' | 'udp'): readonly SniffProtocol[] {
  return network === 'tcp' ? ['tls', 'http'] : ['quic'];
}

function ports(config: SnifferConfig, key: SniffProtocol): Ports[] {
  return config[key].map((text, index) => {
    const [first = Number.NaN, last = first] = text.split('-').map(Number);
    if (first >= 1 && first <= last && last <= 65_535) return { first, last };
    throw invalid(key, index, `"${text}" is neither a port nor a range`, '443 or 8080-8880');
  });
}

function nameList(trie: DomainTrie<true>, sets: readonly string[] | undefined, isIn: InSet): NameList {
  return (name) => (trie.size > 0 && trie.lookup(name) !== undefined) || sets?.some((set) => isIn(set, name)) === true;
}

function patterns(config: SnifferConfig, key: 'forceDomain' | 'skipDomain'): DomainTrie<true> {
  const trie = new DomainTrie<true>();
  for (const [index, pattern] of config[key].entries()) {
    const problem = trie.insert(pattern, true);
    if (problem !== undefined) throw invalid(key, index, problem, 'a pattern like +.example.com');
  }
  return trie;
}

function prefixes(config: SnifferConfig, key: 'skipSource' | 'skipDestination'): Cidr[] {
  return config[key].map((text, index) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw invalid(key, index, `"${text}" is no prefix`, '192.0.2.0/24');
    return cidr;
  });
}

function invalid(key: string, index: number, message: string, expected: string): AppError {
  return new AppError('CONFIG_INVALID', `sniffer.${key}[${index}]: ${message}`, { expected });
}

function isListed(list: readonly Cidr[], host: string): boolean {
  if (list.length === 0) return false;
  const ip: Ip | undefined = parseIp(host);
  if (ip === undefined) return false;
  const family = ipFamily(ip);
  const value = ipToBigInt(ip);
  return list.some((cidr) => cidr.family === family && value >= cidr.first && value <= cidr.last);
}
