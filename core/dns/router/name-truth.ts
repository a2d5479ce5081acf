/**
 * Whether a name exists, where it is known or costs nothing to find out: for a name that goes DIRECT for sure and would be
 * resolved before the dial anyway. Through the proxy only for one that was denied there lately, and for one that a resolver may
 * have made by its search list: with a fake address for that it would never ask for what was meant.
 */
import type { Clock } from '../../base/clock.ts';
import { within } from '../../base/deadline.ts';
import { type DnsMessage, responseTo } from '../../net/dns-message.ts';
import type { MissingNames } from '../names/missing-names.ts';
import type { NetworkNames } from '../names/network-names.ts';
import type { SearchTries } from '../names/search-tries.ts';
import type { Resolver } from '../resolver/resolver.ts';
import { absent, emptyAnswer, noSuchName } from './fake-answer.ts';
import type { NamePolicies } from './name-ways.ts';
import type { RoutedAnswer } from './routed-answer.ts';

export interface NameTruthOptions {
  /** Answers for names that go DIRECT: what it has answered, the dialler finds in its memory. */
  readonly directResolver: Resolver;
  readonly policies: Pick<NamePolicies, 'of'>;
  readonly network: Pick<NetworkNames, 'mayBeExpanded'>;
  /** Who can be asked through the outbound of this tag, if anybody. */
  readonly remote: (tag: string) => Resolver | undefined;
  readonly missing: MissingNames;
  readonly tries: SearchTries;
  readonly clock: Clock;
}

/** A name whose truth is wanted. */
export interface AskedName {
  readonly query: DnsMessage;
  /** The name as it stands in the records. */
  readonly owner: string;
  /** Normalised. */
  readonly name: string;
  /** Whose share of the places at servers it takes. */
  readonly client: string;
}

/** How long an answer waits for the truth. Milliseconds. */
const truthWait = 1_000;

export class NameTruth {
  readonly #options: NameTruthOptions;
  /** Questions asked for the truth's sake outlive who asked. */
  readonly #life = new AbortController();

  constructor(options: NameTruthOptions) {
    this.#options = options;
  }

  /** The answer that says there is no such name or address; undefined when it may exist. */
  async denial(asked: AskedName): Promise<RoutedAnswer | undefined> {
    const { name } = asked;
    const denied = await this.#find(asked);
    if (denied?.message.rcode === 'NXDOMAIN') this.#options.tries.denied(name);
    return denied;
  }

  async #find(asked: AskedName): Promise<RoutedAnswer | undefined> {
    const { query, owner, name } = asked;
    const { missing, policies, network, tries } = this.#options;
    const policy = policies.of(name);
    const known = missing.lookup(name);
    // Another proxy may know more than the one that denied it.
    if (known !== undefined && policy.mayTake(known.via)) {
      return { message: absent(query, owner, known.soa), verdict: 'absent', upstream: known.upstream };
    }
    if (policy.surelyDirect) return await this.#denied(asked);
    const denier = missing.suspected(name);
    const again = denier !== undefined && policy.mayTake(denier) ? denier : undefined;
    const denied = await this.#deniedThere(asked, again);
    if (denied !== undefined) return denied;
    if (tries.includes(name)) return { message: noSuchName(query, owner), verdict: 'absent' };
    const isExpanded = policy.way === 'proxied' && network.mayBeExpanded(name);
    return isExpanded ? await this.#deniedThere(asked, policy.tag) : undefined;
  }

  /** The upstream's denial, or undefined when there is none within a second. */
  async #denied({ query, owner, name, client }: AskedName): Promise<RoutedAnswer | undefined> {
    const { directResolver } = this.#options;
    const found = await this.#within(truthWait, directResolver.query({ name, type: 'A', client }, this.#life.signal));
    if (found === undefined) return undefined;
    const { message, upstream, ms } = found;
    const told = { upstream, ...(ms === undefined ? {} : { upstreamMs: ms }) };
    const soa = message.authorities.find((record) => record.type === 'SOA');
    if (message.rcode === 'NXDOMAIN') return { message: absent(query, owner, soa), verdict: 'absent', ...told };
    const isKnown = message.rcode === 'NOERROR';
    if (isKnown && message.answers.some((record) => record.type === 'A')) return undefined;
    // A host may have IPv6 addresses only, and its server fail at anything else.
    const other = await this.#within(
      truthWait,
      directResolver.query({ name, type: 'AAAA', client }, this.#life.signal),
    );
    const isOtherKnown = other?.message.rcode === 'NOERROR';
    if (isOtherKnown && other.message.answers.some((record) => record.type === 'AAAA')) return undefined;
    if (!isKnown) return { message: responseTo(query, 'SERVFAIL'), verdict: 'error', ...told };
    return isOtherKnown ? { message: emptyAnswer(query, owner), verdict: 'absent', ...told } : undefined;
  }

  /** The denial of those behind the outbound `via`. A name that was denied before is asked about by the way that failed to reach it. */
  async #deniedThere(
    { query, owner, name, client }: AskedName,
    via: string | undefined,
  ): Promise<RoutedAnswer | undefined> {
    const { missing, remote } = this.#options;
    const resolver = via === undefined ? undefined : remote(via);
    if (via === undefined || resolver === undefined) return undefined;
    const found = await this.#within(truthWait, resolver.query({ name, type: 'A', client }, this.#life.signal));
    if (found === undefined) return undefined;
    const { message, upstream, ms } = found;
    if (message.rcode === 'NOERROR') missing.forget(name);
    if (message.rcode !== 'NXDOMAIN') return undefined;
    if (missing.suspected(name) !== undefined) missing.add(name, message, upstream, via);
    const soa = message.authorities.find((record) => record.type === 'SOA');
    return {
      message: absent(query, owner, soa),
      verdict: 'absent',
      upstream,
      ...(ms === undefined ? {} : { upstreamMs: ms }),
    };
  }

  /** What it resolves to, or undefined when that takes longer or fails. What is under way goes on: the dialler will want it. */
  async #within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
    return await within(
      this.#options.clock,
      ms,
      work.catch(() => undefined),
      () => undefined,
    );
  }
}
