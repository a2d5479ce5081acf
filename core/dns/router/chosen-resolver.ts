/** Who is asked about which name: the policy, and the network's own servers. */

import { AppError } from '../../base/app-error.ts';
import { DomainTrie } from '../../base/domain.ts';
import type { UpstreamConfig } from '../../contract/dns-config.ts';
import { type NameSets, noNameSets } from '../names/name-sets.ts';
import type { NetworkNames } from '../names/network-names.ts';
import type { DnsAnswer, Question, Resolver } from '../resolver/resolver.ts';

export interface PolicyEntry {
  readonly patterns: readonly string[];
  readonly sets?: readonly string[] | undefined;
  readonly servers: readonly UpstreamConfig[];
}

/** Gives the entry of a normalised name, if it has one. */
type Part = (name: string) => PolicyEntry | undefined;

/**
 * Which entry of `nameserver-policy` a name belongs to: that of its closest pattern, wherever it stands, as in Clash; of two
 * entries with the same pattern the first. Entries with sets keep their place: those before them go first.
 */
export class NameserverPolicy {
  readonly entries: readonly PolicyEntry[];
  readonly #parts: readonly Part[];

  /** Throws CONFIG_INVALID with the pattern named. */
  constructor(entries: readonly PolicyEntry[], sets: NameSets = noNameSets) {
    this.entries = entries;
    const parts: Part[] = [];
    let patterns: DomainTrie<PolicyEntry> | undefined;
    for (const entry of entries) {
      if (entry.patterns.length > 0) {
        if (patterns === undefined) {
          const trie = new DomainTrie<PolicyEntry>();
          parts.push((name) => trie.lookup(name));
          patterns = trie;
        }
        for (const pattern of entry.patterns) insert(patterns, 'nameserver-policy', pattern, entry);
      }
      if (entry.sets === undefined || entry.sets.length === 0) continue;
      const named = entry.sets;
      parts.push((name) => (named.some((set) => sets.has(set, name)) ? entry : undefined));
      patterns = undefined;
    }
    this.#parts = parts;
  }

  /** The entry of a normalised name, if any. */
  entryOf(name: string): PolicyEntry | undefined {
    for (const part of this.#parts) {
      const entry = part(name);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Whether a name is answered with a code: whoever writes that wants it answered so, and not with a fake address. */
  answersByCode(name: string): boolean {
    return this.entryOf(name)?.servers.every(({ kind }) => kind === 'rcode') === true;
  }
}

/** Whoever the policy names for a name answers; other names go to `usual`. */
export class PolicyResolver implements Resolver {
  readonly #usual: Resolver;
  readonly #policy: NameserverPolicy;
  readonly #resolvers: ReadonlyMap<PolicyEntry, Resolver>;

  constructor(usual: Resolver, policy: NameserverPolicy, resolverOf: (entry: PolicyEntry) => Resolver) {
    this.#usual = usual;
    this.#policy = policy;
    this.#resolvers = new Map(policy.entries.map((entry) => [entry, resolverOf(entry)]));
  }

  query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const entry = this.#policy.entryOf(question.name);
    const chosen = entry === undefined ? undefined : this.#resolvers.get(entry);
    return (chosen ?? this.#usual).query(question, signal);
  }
}

/**
 * Names of the network are asked of its own servers; other names, and all where it has no servers, go to `usual`. What that
 * denies in a domain of the search list the network may know all the same.
 */
export class NetworkResolver implements Resolver {
  readonly #usual: Resolver;
  readonly #own: Resolver;
  readonly #names: Pick<NetworkNames, 'isOwn' | 'isOwnBesides'>;

  constructor(usual: Resolver, own: Resolver, names: Pick<NetworkNames, 'isOwn' | 'isOwnBesides'>) {
    this.#usual = usual;
    this.#own = own;
    this.#names = names;
  }

  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    if (await this.#names.isOwn(question.name, signal))
      return (await this.#askOwn(question, signal)) ?? (await this.#usual.query(question, signal));
    const answer = await this.#usual.query(question, signal);
    if (answer.message.rcode !== 'NXDOMAIN' || !(await this.#names.isOwnBesides(question.name, signal))) return answer;
    return (await this.#askOwn(question, signal)) ?? answer;
  }

  /** Undefined where the network has no servers. */
  async #askOwn(question: Question, signal: AbortSignal): Promise<DnsAnswer | undefined> {
    try {
      return await this.#own.query(question, signal);
    } catch (error) {
      if (error instanceof AppError && error.code === 'DNS_NO_UPSTREAM') return undefined;
      throw error;
    }
  }
}

/** Throws CONFIG_INVALID with the pattern, and what has it, named. */
export function trieOf(what: string, patterns: readonly string[]): DomainTrie<true> {
  const trie = new DomainTrie<true>();
  for (const pattern of patterns) insert(trie, what, pattern, true);
  return trie;
}

function insert<T>(trie: DomainTrie<T>, what: string, pattern: string, value: T): void {
  const problem = trie.insert(pattern, value);
  if (problem !== undefined) throw new AppError('CONFIG_INVALID', `${what}: "${pattern}": ${problem}`);
}
