/** Who is asked about which name: the ordered policy, and the network's own servers. */

import { AppError } from '../base/app-error.ts';
import { DomainTrie } from '../base/domain.ts';
import { unreachable } from '../base/unreachable.ts';
import type { NetworkNames } from './network-names.ts';
import { hasPrivateAddress } from './private-address.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';

/** The first entry with a pattern for the name answers; other names go to `usual`. */
export class PolicyResolver implements Resolver {
  readonly #usual: Resolver;
  readonly #entries: readonly { readonly patterns: DomainTrie<true>; readonly resolver: Resolver }[];

  /** Throws CONFIG_INVALID with the pattern named. */
  constructor(
    usual: Resolver,
    entries: readonly { readonly patterns: readonly string[]; readonly resolver: Resolver }[],
  ) {
    this.#usual = usual;
    this.#entries = entries.map(({ patterns, resolver }) => ({
      patterns: trieOf('nameserver-policy', patterns),
      resolver,
    }));
  }

  query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const entry = this.#entries.find(({ patterns }) => patterns.lookup(question.name) === true);
    return (entry?.resolver ?? this.#usual).query(question, signal);
  }
}

/**
 * Names of the network are asked of its own servers, of those that only may be its the private addresses are taken; other
 * names, and all where it has no servers, go to `usual`. What that denies in a domain of the search list may have a private
 * address all the same.
 */
export class NetworkResolver implements Resolver {
  readonly #usual: Resolver;
  readonly #own: Resolver;
  readonly #names: Pick<NetworkNames, 'settle' | 'mayKnowBesides'>;

  constructor(usual: Resolver, own: Resolver, names: Pick<NetworkNames, 'settle' | 'mayKnowBesides'>) {
    this.#usual = usual;
    this.#own = own;
    this.#names = names;
  }

  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const standing = await this.#names.settle(question.name);
    switch (standing) {
      case 'own':
        return (await this.#askOwn(question, signal)) ?? (await this.#usual.query(question, signal));
      case 'unsure':
        return (await this.#askPrivate(question, signal)) ?? (await this.#usual.query(question, signal));
      case 'other': {
        const answer = await this.#usual.query(question, signal);
        if (answer.message.rcode !== 'NXDOMAIN' || !this.#names.mayKnowBesides(question.name)) return answer;
        return (await this.#askPrivate(question, signal)) ?? answer;
      }
      default:
        return unreachable(standing);
    }
  }

  /** Undefined where the network has no private address for the name. */
  async #askPrivate(question: Question, signal: AbortSignal): Promise<DnsAnswer | undefined> {
    const isHere = await hasPrivateAddress(this.#own, question.name, signal);
    return isHere ? await this.#own.query(question, signal) : undefined;
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
  for (const pattern of patterns) {
    const problem = trie.insert(pattern, true);
    if (problem !== undefined) throw new AppError('CONFIG_INVALID', `${what}: "${pattern}": ${problem}`);
  }
  return trie;
}
