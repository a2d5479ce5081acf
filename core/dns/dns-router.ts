/**
 * Decides how a question is answered: by the hosts table, locally, with a fake address, not at all, or by the upstream.
 * It neither frames bytes (`DnsServer`) nor asks servers (`Resolver`).
 */
import type { Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { isWithinDomain, normaliseDomain } from '../base/domain.ts';
import type { Logger } from '../base/logger.ts';
import type { DnsMode } from '../contract/config.ts';
import type { DnsRow } from '../contract/dns.ts';
import { addressOf, type DnsMessage, type DnsQuestion, responseTo } from '../net/dns-message.ts';
import { recordDataText } from '../net/dns-record-text.ts';
import type { AddressMemory } from './address-memory.ts';
import { type AddressPool, AllocationQueue } from './allocation-queue.ts';
import { withTtl } from './cached-resolver.ts';
import type { FastPool } from './dns-fast-path.ts';
import {
  absent,
  addressAnswer,
  emptyAnswer,
  noSuchName,
  pointerAnswer,
  reversedAddress,
  withAliases,
} from './fake-answer.ts';
import type { FakeIp6Range } from './fake-ip6-range.ts';
import type { FakeIpFilter } from './filter.ts';
import type { HostTable } from './hosts.ts';
import type { MissingNames } from './missing-names.ts';
import type { NetworkNames } from './network-names.ts';
import type { Resolver } from './resolver.ts';
import { SearchTries } from './search-tries.ts';

export interface RoutedAnswer {
  /** The response, ready to be encoded: id, question and EDNS are the asker's. */
  readonly message: DnsMessage;
  readonly verdict: DnsRow['verdict'];
  /** Who was asked, if anybody, and how long that took in milliseconds. */
  readonly upstream?: string;
  readonly upstreamMs?: number;
}

/** The part of the fake-IP pool that answering needs. */
export interface NamePool extends AddressPool {
  /** The IPv4 address of a name with a current mapping as a number, counted as answered; -1 = none. */
  answerKnown(name: string): number;
  lookup(ip: Ip): { readonly name: string } | undefined;
  contains(ip: Ip): boolean;
}

export interface DnsRouterOptions {
  readonly pool: NamePool;
  /** Where names have fake IPv6 addresses too; undefined = nowhere. */
  readonly fake6: FakeIp6Range | undefined;
  readonly hosts: HostTable;
  readonly filter: FakeIpFilter;
  readonly network: NetworkNames;
  /** Answers what is not answered here. */
  readonly resolver: Resolver;
  /** Answers for names that go DIRECT: what it has answered, the dialler finds in its memory. */
  readonly directResolver: Resolver;
  readonly mode: DnsMode;
  /** Whether names that do not exist are told so. */
  readonly truthful: boolean;
  /** Whether every connection to this name will go DIRECT, whatever else becomes known of it. */
  readonly isDirect: (name: string) => boolean;
  readonly missing: MissingNames;
  /** Who can be asked through the outbound of this tag whether a name exists, if anybody. */
  readonly remote: (tag: string) => Resolver | undefined;
  readonly memory: AddressMemory;
  readonly blockDoh: boolean;
  /** Whether real answers have AAAA records. */
  readonly ipv6: boolean;
  /** Of fake and static answers; seconds. */
  readonly ttl: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Answering it with NXDOMAIN asks Firefox to leave its own DNS over HTTPS off. */
const dohCanary = 'use-application-dns.net';
/** Servers that browsers ask around the system's DNS. */
const publicDohHosts: ReadonlySet<string> = new Set([
  'cloudflare-dns.com',
  'chrome.cloudflare-dns.com',
  'mozilla.cloudflare-dns.com',
  'one.one.one.one',
  'dns.google',
  'dns.quad9.net',
  'doh.opendns.com',
  'dns.nextdns.io',
  'dns.adguard-dns.com',
  'doh.cleanbrowsing.org',
  'dns.alidns.com',
  'doh.pub',
  'dns.sb',
]);
/** How long an answer waits for the truth about a name that goes DIRECT. Milliseconds. */
const truthWait = 1_000;
/** Characters of an answer in a log line. */
const longestLogged = 200;
const loopbackPointers: ReadonlySet<string> = new Set(['1.0.0.127.in-addr.arpa', `1.${'0.'.repeat(31)}ip6.arpa`]);

export class DnsRouter {
  readonly #options: DnsRouterOptions;
  readonly #logger: Logger;
  /** Questions asked for the truth's sake outlive who asked. */
  readonly #life = new AbortController();
  readonly #tries: SearchTries;
  readonly #queue: AllocationQueue;

  /** What answering needs of the pool when `isPlainFake`. */
  readonly pool: FastPool;

  constructor(options: DnsRouterOptions) {
    this.#options = options;
    const { pool, fake6 } = options;
    this.#queue = new AllocationQueue(pool);
    this.pool = {
      answerKnown: (name) => pool.answerKnown(name),
      allocate: (waiting) => this.#queue.add(waiting),
      address6Of: (ip) => fake6?.addressOf(ip),
    };
    this.#logger = options.logger.child('dns');
    this.#tries = new SearchTries(options.clock);
  }

  /** Of fake answers; seconds. */
  get ttl(): number {
    return this.#options.ttl;
  }

  /** Grows when a name for which `isPlainFake` was true may no longer be one. */
  get generation(): number {
    const { missing, hosts, network } = this.#options;
    return missing.revision + hosts.revision + network.revision;
  }

  /** Whether an A, AAAA, HTTPS or SVCB question for this normalised name is answered by the pool without asking anybody. */
  isPlainFake(name: string): boolean {
    const { mode, filter, network, hosts, truthful, isDirect, missing, blockDoh } = this.#options;
    if (mode !== 'fake-ip' || name === dohCanary || (blockDoh && publicDohHosts.has(name))) return false;
    if (isWithinDomain(name, 'localhost') || hosts.has(name) || filter.keepsReal(name)) return false;
    if (network.isSearched(name)) return false;
    return !truthful || (missing.suspected(name) === undefined && !isDirect(name) && !this.#tries.includes(name));
  }

  /**
   * Answers a decoded query from `client` (an address). Never rejects: what fails becomes SERVFAIL. `signal` ends a
   * question that nobody waits for any more.
   */
  async answer(query: DnsMessage, client: string, signal: AbortSignal): Promise<RoutedAnswer> {
    const begun = this.#options.clock.monotonic();
    let answer: RoutedAnswer;
    let error: AppError | undefined;
    try {
      answer = await this.#decide(query, client, signal);
    } catch (caught) {
      error = AppError.from(caught);
      answer = { message: responseTo(query, 'SERVFAIL'), verdict: 'error' };
    }
    this.#logger.debug('question', {
      client,
      name: query.questions[0]?.name,
      type: query.questions[0]?.type,
      verdict: answer.verdict,
      rcode: answer.message.rcode,
      answer: answer.message.answers.map(recordDataText).join(' ').slice(0, longestLogged),
      upstream: answer.upstream,
      ms: Math.round(this.#options.clock.monotonic() - begun),
      error: error && `${error.code}: ${error.message}`,
    });
    return answer;
  }

  async #decide(query: DnsMessage, client: string, signal: AbortSignal): Promise<RoutedAnswer> {
    const [question] = query.questions;
    if (query.opcode !== 0) return { message: responseTo(query, 'NOTIMP'), verdict: 'refused' };
    if (question === undefined || query.questions.length > 1) {
      return { message: responseTo(query, 'FORMERR'), verdict: 'refused' };
    }
    if ((query.edns?.version ?? 0) > 0) return { message: responseTo(query, 'BADVERS'), verdict: 'refused' };
    if (question.class !== 1) return { message: responseTo(query, 'NOTIMP'), verdict: 'refused' };
    if (question.type === 'AXFR' || question.type === 'IXFR') {
      return { message: responseTo(query, 'REFUSED'), verdict: 'refused' };
    }
    const name = normaliseDomain(question.name);
    const concernsHosts = isAddressQuestion(question) || question.type === 'CNAME';
    const chain = concernsHosts ? this.#options.hosts.follow(name) : undefined;
    if (chain === undefined) return await this.#answerName(query, question, question.name, client, signal);
    const end = chain.names.at(-1) ?? name;
    const names = [question.name, ...chain.names.slice(1)];
    const { ttl } = this.#options;
    if (question.type === 'CNAME' && names.length > 1) {
      return { message: withAliases(responseTo(query, 'NOERROR'), names.slice(0, 2), ttl), verdict: 'hosts' };
    }
    if (chain.addresses !== undefined) {
      for (const address of chain.addresses) this.#options.memory.forget(address);
      const message = addressAnswer(query, names.at(-1) ?? question.name, chain.addresses, ttl);
      return { message: withAliases(message, names, ttl), verdict: 'hosts' };
    }
    const answer = await this.#answerName(query, question, end, client, signal);
    return { ...answer, message: withAliases(answer.message, names, ttl) };
  }

  /** `owner` is the name as it stands in the records: as asked, or the end of its aliases. */
  async #answerName(
    query: DnsMessage,
    question: DnsQuestion,
    owner: string,
    client: string,
    signal: AbortSignal,
  ): Promise<RoutedAnswer> {
    const { filter, network, ttl, mode, truthful, ipv6, fake6 } = this.#options;
    const name = normaliseDomain(owner);
    const local = this.#answerLocally(query, question, name, owner);
    if (local !== undefined) return local;
    if (!isAddressQuestion(question)) return await this.#answerBesides(query, question, name, owner, signal);
    if (mode === 'redir-host') return await this.#answerForMemory(query, question, name, owner, signal);
    // What a resolver makes of a name that was denied is no name of the network either.
    const isSearched = network.isSearched(name) && !this.#tries.includes(name);
    if (isSearched || filter.keepsReal(name)) {
      if (question.type === 'AAAA' && !ipv6) return { message: emptyAnswer(query, owner), verdict: 'local' };
      const answer = await this.#forward(query, question, name, owner, signal);
      return isSearched ? this.#forgotten(answer) : this.#remembered(answer, name);
    }
    const denied = truthful ? await this.#truth(query, owner, name) : undefined;
    if (denied !== undefined) {
      if (denied.message.rcode === 'NXDOMAIN') this.#tries.denied(name);
      return denied;
    }
    const leads = question.type === 'A' || question.type === 'ANY' || (question.type === 'AAAA' && fake6 !== undefined);
    if (!leads) return { message: emptyAnswer(query, owner), verdict: 'fake' };
    const address = await this.#queue.allocate(name, client);
    const addresses = fake6 === undefined ? [address] : [address, fake6.addressOf(address)];
    return { message: addressAnswer(query, owner, addresses, ttl), verdict: 'fake' };
  }

  /**
   * Other types are the upstream's. But a name that has its addresses here exists, whatever is known of it there: resolvers
   * that remember an NXDOMAIN remember it for every type (RFC 8020).
   */
  async #answerBesides(
    query: DnsMessage,
    question: DnsQuestion,
    name: string,
    owner: string,
    signal: AbortSignal,
  ): Promise<RoutedAnswer> {
    const answer = await this.#forward(query, question, name, owner, signal);
    const isHere = answer.message.rcode === 'NXDOMAIN' && (this.isPlainFake(name) || this.#options.hosts.has(name));
    return isHere ? { ...answer, message: emptyAnswer(query, owner) } : answer;
  }

  /** That there is no such name or address, where it is known or costs nothing to find out; undefined otherwise. */
  async #truth(query: DnsMessage, owner: string, name: string): Promise<RoutedAnswer | undefined> {
    const known = this.#knownMissing(query, owner, name);
    if (known !== undefined) return known;
    if (this.#options.isDirect(name)) return await this.#denied(query, owner, name);
    const again = await this.#deniedAgain(query, owner, name);
    if (again !== undefined) return again;
    return this.#tries.includes(name) ? { message: noSuchName(query, owner), verdict: 'absent' } : undefined;
  }

  #knownMissing(query: DnsMessage, owner: string, name: string): RoutedAnswer | undefined {
    const known = this.#options.missing.lookup(name);
    if (known === undefined) return undefined;
    return { message: absent(query, owner, known.soa), verdict: 'absent', upstream: known.upstream };
  }

  /**
   * For a name that goes DIRECT for sure and would be resolved before the dial anyway: the upstream's denial, or undefined
   * when there is none within a second. Nothing is asked for other names.
   */
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

  /** redir-host: real addresses, which applications are to forget at once and we remember with their name. */
  async #answerForMemory(
    query: DnsMessage,
    question: DnsQuestion,
    name: string,
    owner: string,
    signal: AbortSignal,
  ): Promise<RoutedAnswer> {
    const { ipv6 } = this.#options;
    // Hints and keys for hidden names would lead around us (RFC 9460, ECH).
    const unwanted = question.type === 'HTTPS' || question.type === 'SVCB' || (question.type === 'AAAA' && !ipv6);
    if (unwanted) return { message: emptyAnswer(query, owner), verdict: 'local' };
    const answer = this.#remembered(await this.#forward(query, question, name, owner, signal), name);
    return { ...answer, message: withTtl(answer.message, 1) };
  }

  /** Nobody else may know the name, so that a proxy is given the address. As with `hosts`. */
  #forgotten(answer: RoutedAnswer): RoutedAnswer {
    for (const record of answer.message.answers) {
      const address = addressOf(record);
      if (address !== undefined) this.#options.memory.forget(address);
    }
    return answer;
  }

  /** Connections to these real addresses are this name's from now on, not that of an earlier answer. */
  #remembered(answer: RoutedAnswer, name: string): RoutedAnswer {
    for (const record of answer.message.answers) {
      const address = addressOf(record);
      if (address !== undefined) this.#options.memory.remember(address, name);
    }
    return answer;
  }

  /** What no server may be asked: the loopback's names (RFC 6761), our own reverse zone, the canary of Firefox. */
  #answerLocally(query: DnsMessage, question: DnsQuestion, name: string, owner: string): RoutedAnswer | undefined {
    const { pool, fake6, ttl } = this.#options;
    if (name === dohCanary || (this.#options.blockDoh && publicDohHosts.has(name)))
      return { message: noSuchName(query, owner), verdict: 'blocked' };
    if (isWithinDomain(name, 'localhost')) {
      return { message: addressAnswer(query, owner, ['127.0.0.1', '::1'], ttl), verdict: 'local' };
    }
    if (question.type !== 'PTR') return undefined;
    if (loopbackPointers.has(name)) {
      return { message: pointerAnswer(query, owner, 'localhost', ttl), verdict: 'local' };
    }
    const asked = reversedAddress(name);
    if (asked === undefined) return undefined;
    const named = this.#options.hosts.nameOf(asked);
    if (named !== undefined) return { message: pointerAnswer(query, owner, named, ttl), verdict: 'hosts' };
    const embedded = fake6?.embeddedIn(asked);
    if (embedded === undefined && !pool.contains(asked)) return undefined;
    const mapping = pool.lookup(embedded ?? asked);
    return mapping === undefined
      ? { message: noSuchName(query, owner), verdict: 'fake' }
      : { message: pointerAnswer(query, owner, mapping.name, ttl), verdict: 'fake' };
  }

  async #forward(
    query: DnsMessage,
    question: DnsQuestion,
    name: string,
    owner: string,
    signal: AbortSignal,
  ): Promise<RoutedAnswer> {
    const { message, upstream, cached, ms } = await this.#options.resolver.query(
      {
        name,
        type: question.type,
        spelling: owner,
        ...(query.edns?.dnssecOk === true ? { dnssecOk: true } : {}),
        ...(query.checkingDisabled ? { checkingDisabled: true } : {}),
      },
      signal,
    );
    return {
      message: {
        ...responseTo(query, message.rcode),
        answers: message.answers,
        authorities: message.authorities,
        additionals: message.additionals,
      },
      verdict: cached === true ? 'cache' : 'real',
      upstream,
      ...(ms === undefined ? {} : { upstreamMs: ms }),
    };
  }
}

/** Whether the answer would lead to addresses: only such questions concern hosts and fake addresses. */
function isAddressQuestion(question: DnsQuestion): boolean {
  return ['A', 'AAAA', 'HTTPS', 'SVCB', 'ANY'].includes(question.type);
}
