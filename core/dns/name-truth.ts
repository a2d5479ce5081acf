/**
 * Whether a name exists, where it is known or costs nothing to find out: for a name that goes DIRECT for sure and would be
 * resolved before the dial anyway, and for one that a proxy's side denied lately.
 */
import type { Clock } from '../base/clock.ts';
import { type DnsMessage, responseTo } from '../net/dns-message.ts';
import { absent, emptyAnswer, noSuchName } from './fake-answer.ts';
import type { MissingNames } from './missing-names.ts';
import type { Resolver } from './resolver.ts';
import type { RoutedAnswer } from './routed-answer.ts';
import type { SearchTries } from './search-tries.ts';

export interface NameTruthOptions {
  /** Answers for names that go DIRECT: what it has answered, the dialler finds in its memory. */
  readonly directResolver: Resolver;
  readonly isDirect: (name: string) => boolean;
  /** Who can be asked through the outbound of this tag, if anybody. */
  readonly remote: (tag: string) => Resolver | undefined;
  readonly missing: MissingNames;
  readonly tries: SearchTries;
  readonly clock: Clock;
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

  /** The answer that says there is no such name or address; undefined when it may exist. `owner` is the name as in the records. */
  async denial(query: DnsMessage, owner: string, name: string): Promise<RoutedAnswer | undefined> {
    const denied = await this.#find(query, owner, name);
    if (denied?.message.rcode === 'NXDOMAIN') this.#options.tries.denied(name);
    return denied;
  }

  async #find(query: DnsMessage, owner: string, name: string): Promise<RoutedAnswer | undefined> {
    const { missing, isDirect, tries } = this.#options;
    const known = missing.lookup(name);
    if (known !== undefined) {
      return { message: absent(query, owner, known.soa), verdict: 'absent', upstream: known.upstream };
    }
    if (isDirect(name)) return await this.#denied(query, owner, name);
    const again = await this.#deniedAgain(query, owner, name);
    if (again !== undefined) return again;
    return tries.includes(name) ? { message: noSuchName(query, owner), verdict: 'absent' } : undefined;
  }

  /** The upstream's denial, or undefined when there is none within a second. */
  async #denied(query: DnsMessage, owner: string, name: string): Promise<RoutedAnswer | undefined> {
    const { directResolver } = this.#options;
    const found = await this.#within(truthWait, directResolver.query({ name, type: 'A' }, this.#life.signal));
    if (found === undefined) return undefined;
    const { message, upstream, ms } = found;
    const told = { upstream, ...(ms === undefined ? {} : { upstreamMs: ms }) };
    const soa = message.authorities.find((record) => record.type === 'SOA');
    if (message.rcode === 'NXDOMAIN') return { message: absent(query, owner, soa), verdict: 'absent', ...told };
    if (message.rcode !== 'NOERROR') return { message: responseTo(query, 'SERVFAIL'), verdict: 'error', ...told };
    if (message.answers.some((record) => record.type === 'A')) return undefined;
    // A host may have IPv6 addresses only.
    const other = await this.#within(truthWait, directResolver.query({ name, type: 'AAAA' }, this.#life.signal));
    if (other === undefined || other.message.rcode !== 'NOERROR') return undefined;
    if (other.message.answers.some((record) => record.type === 'AAAA')) return undefined;
    return { message: emptyAnswer(query, owner), verdict: 'absent', ...told };
  }

  /** For a name that was denied lately, through the proxy that failed to reach it: it is asked about again, by the same way. */
  async #deniedAgain(query: DnsMessage, owner: string, name: string): Promise<RoutedAnswer | undefined> {
    const { missing, remote } = this.#options;
    const via = missing.suspected(name);
    const resolver = via === undefined ? undefined : remote(via);
    if (via === undefined || resolver === undefined) return undefined;
    const found = await this.#within(truthWait, resolver.query({ name, type: 'A' }, this.#life.signal));
    if (found === undefined) return undefined;
    const { message, upstream, ms } = found;
    if (message.rcode === 'NOERROR') missing.forget(name);
    if (message.rcode !== 'NXDOMAIN') return undefined;
    missing.add(name, message, upstream, via);
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
    const late = Promise.withResolvers<undefined>();
    const cancel = this.#options.clock.after(ms, () => late.resolve(undefined));
    try {
      return await Promise.race([work.catch(() => undefined), late.promise]);
    } finally {
      cancel();
    }
  }
}
