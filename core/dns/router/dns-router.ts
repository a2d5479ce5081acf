/**
 * Answers a question the way that its name goes (`NameWays`): by the hosts table, locally, with a fake address, not at all,
 * by the network's servers, the usual ones, or those behind a proxy. It neither frames bytes (`DnsServer`) nor asks servers
 * itself (`Resolver`).
 */
import type { Ip } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { normaliseDomain } from '../../base/domain.ts';
import type { Logger } from '../../base/logger.ts';
import { unreachable } from '../../base/unreachable.ts';
import { addressOf, type DnsMessage, type DnsQuestion, responseTo } from '../../net/dns-message.ts';
import { recordDataText } from '../../net/dns-record-text.ts';
import { type AddressPool, AllocationQueue } from '../fake-ip/allocation-queue.ts';
import type { AskedName } from '../fake-ip/fake-ip-mapping.ts';
import type { FakeIp6Range } from '../fake-ip/fake-ip6-range.ts';
import type { AddressMemory } from '../names/address-memory.ts';
import type { FakeIpFilter } from '../names/filter.ts';
import type { HostTable } from '../names/hosts.ts';
import type { MissingNames } from '../names/missing-names.ts';
import type { NetworkNames } from '../names/network-names.ts';
import { SearchTries } from '../names/search-tries.ts';
import { withTtl } from '../resolver/cached-resolver.ts';
import type { Resolver } from '../resolver/resolver.ts';
import type { FastPool } from './dns-fast-path.ts';
import {
  addressAnswer,
  emptyAnswer,
  noSuchName,
  pointerAnswer,
  reversedAddress,
  withAliases,
  withoutIpv6,
} from './fake-answer.ts';
import { NameTruth } from './name-truth.ts';
import { type DnsModeNow, isAddressType, type NamePolicies, NameWays, type Way } from './name-ways.ts';
import type { RoutedAnswer } from './routed-answer.ts';

/** The part of the fake-IP pool that answering needs. */
export interface NamePool extends AddressPool {
  /** The IPv4 address of a name with a current mapping as a number, counted as answered; -1 = none. */
  answerKnown(asked: AskedName, now: number): number;
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
  readonly mode: DnsModeNow;
  /** Whether names that do not exist are told so. */
  readonly truthful: boolean;
  readonly policies: NamePolicies;
  /** Whether nameserver-policy says who answers a name; and whether it says what the answer is. */
  readonly hasServers: (name: string) => boolean;
  readonly answersByCode: (name: string) => boolean;
  readonly missing: MissingNames;
  /** Who can be asked about names through the outbound of this tag, if anybody. */
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

/** One question on its way. */
interface Asked {
  readonly query: DnsMessage;
  readonly question: DnsQuestion;
  /** Normalised. */
  readonly name: string;
  /** The name as it stands in the records: as asked, or the end of its aliases. */
  readonly owner: string;
  readonly client: string;
  readonly signal: AbortSignal;
}

/** Characters of an answer in a log line. */
const longestLogged = 200;
const loopbackPointers: ReadonlySet<string> = new Set(['1.0.0.127.in-addr.arpa', `1.${'0.'.repeat(31)}ip6.arpa`]);

export class DnsRouter {
  readonly #options: DnsRouterOptions;
  readonly #logger: Logger;
  readonly #tries: SearchTries;
  readonly #ways: NameWays;
  readonly #truth: NameTruth;
  readonly #queue: AllocationQueue;

  /** What answering needs of the pool when `isPlainFake`. */
  readonly pool: FastPool;

  constructor(options: DnsRouterOptions) {
    this.#options = options;
    const { pool, fake6, clock } = options;
    this.#queue = new AllocationQueue(pool);
    this.pool = {
      answerKnown: (asked, now) => pool.answerKnown(asked, now),
      allocate: (waiting) => this.#queue.add(waiting),
      address6Of: (ip) => fake6?.addressOf(ip),
    };
    this.#logger = options.logger.child('dns');
    const tries = new SearchTries(clock);
    this.#tries = tries;
    this.#ways = new NameWays({ ...options, tries });
    this.#truth = new NameTruth({ ...options, tries });
  }

  /** Of fake answers; seconds. */
  get ttl(): number {
    return this.#options.ttl;
  }

  /** Grows when a name for which `isPlainFake` was true may no longer be one. */
  get generation(): number {
    return this.#ways.revision;
  }

  /** Whether an A, AAAA, HTTPS or SVCB question for this normalised name is answered by the pool without asking anybody. */
  isPlainFake(name: string): boolean {
    return this.#ways.of(name, 'A').kind === 'fake' && !this.#options.hosts.has(name);
  }

  /** Whether a normalised name does not exist by what it is, so that nobody may be asked about it. */
  isAbsent(name: string): boolean {
    const { kind } = this.#ways.of(name, 'A');
    return kind === 'absent' || kind === 'empty';
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
    const concernsHosts = isAddressType(question.type) || question.type === 'CNAME';
    const chain = concernsHosts ? this.#options.hosts.follow(name) : undefined;
    const asked: Asked = { query, question, name, owner: question.name, client, signal };
    if (chain === undefined) return await this.#answerName(asked);
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
    const answer = await this.#answerName({ ...asked, name: normaliseDomain(end), owner: end });
    return { ...answer, message: { ...withAliases(answer.message, names, ttl), authenticData: false } };
  }

  async #answerName(asked: Asked): Promise<RoutedAnswer> {
    const { name, question } = asked;
    const pointer = question.type === 'PTR' ? this.#pointer(asked) : undefined;
    return pointer ?? (await this.#answerBy(this.#ways.of(name, question.type), asked));
  }

  async #answerBy(way: Way, asked: Asked): Promise<RoutedAnswer> {
    const { query, question, name, owner } = asked;
    const { network, resolver, ttl } = this.#options;
    switch (way.kind) {
      case 'blocked':
        return { message: noSuchName(query, owner), verdict: 'blocked' };
      case 'loopback':
        return { message: addressAnswer(query, owner, ['127.0.0.1', '::1'], ttl), verdict: 'local' };
      case 'empty':
        return { message: emptyAnswer(query, owner), verdict: 'local' };
      case 'absent':
        // What resolvers make of it with their search list is nobody's business either.
        this.#tries.denied(name);
        return { message: noSuchName(query, owner), verdict: 'local' };
      case 'unsettled': {
        const standing = (await network.isOwn(name, asked.signal)) ? 'own' : 'other';
        return await this.#answerBy(this.#ways.of(name, question.type, standing), asked);
      }
      case 'network':
      case 'real':
        return await this.#answerReal(asked, resolver);
      case 'remote':
        return await this.#answerRemotely(asked, way.tag);
      case 'refused':
        return { message: responseTo(query, 'REFUSED'), verdict: 'refused' };
      case 'checked':
        return (await this.#truth.denial(asked)) ?? (await this.#answerFake(asked));
      case 'fake':
        return await this.#answerFake(asked);
      default:
        return unreachable(way);
    }
  }

  async #answerFake({ query, question, name, owner, client }: Asked): Promise<RoutedAnswer> {
    const { fake6, ttl } = this.#options;
    const leads = question.type === 'A' || question.type === 'ANY' || (question.type === 'AAAA' && fake6 !== undefined);
    if (!leads) return { message: emptyAnswer(query, owner), verdict: 'fake' };
    const address = await this.#queue.allocate(name, client);
    const addresses = fake6 === undefined ? [address] : [address, fake6.addressOf(address)];
    return { message: addressAnswer(query, owner, addresses, ttl), verdict: 'fake' };
  }

  /**
   * What servers say. Connections to the addresses in it are this name's from now on; in redir-host applications are to forget
   * them at once.
   */
  async #answerReal(asked: Asked, resolver: Resolver): Promise<RoutedAnswer> {
    const { query, question, name, owner } = asked;
    const { ipv6, mode, memory } = this.#options;
    if (!isAddressType(question.type)) return this.#existing(asked, await this.#ask(asked, resolver));
    // Hints and keys for hidden names would lead around us (RFC 9460, ECH).
    const isRedirHost = mode.current === 'redir-host';
    const leadsAround = isRedirHost && (question.type === 'HTTPS' || question.type === 'SVCB');
    if (leadsAround || (question.type === 'AAAA' && !ipv6)) {
      return { message: emptyAnswer(query, owner), verdict: 'local' };
    }
    const told = await this.#ask(asked, resolver);
    const answer = ipv6 ? told : { ...told, message: withoutIpv6(told.message) };
    for (const record of answer.message.answers) {
      const address = addressOf(record);
      if (address !== undefined) memory.remember(address, name);
    }
    return isRedirHost ? { ...answer, message: withTtl(answer.message, 1) } : answer;
  }

  /** Only those behind the outbound that the name goes to may be asked: nobody here is told of it. */
  async #answerRemotely(asked: Asked, tag: string): Promise<RoutedAnswer> {
    const resolver = this.#options.remote(tag);
    if (resolver === undefined) return { message: responseTo(asked.query, 'REFUSED'), verdict: 'refused' };
    return this.#existing(asked, await this.#ask(asked, resolver));
  }

  /**
   * A name that has its addresses here exists, whatever is known of it there: resolvers that remember an NXDOMAIN remember it
   * for every type (RFC 8020).
   */
  #existing({ query, name, owner }: Asked, answer: RoutedAnswer): RoutedAnswer {
    const isHere = answer.message.rcode === 'NXDOMAIN' && (this.isPlainFake(name) || this.#options.hosts.has(name));
    return isHere ? { ...answer, message: emptyAnswer(query, owner) } : answer;
  }

  /** The loopback's pointers, and our own reverse zone; undefined for others. */
  #pointer({ query, name, owner }: Asked): RoutedAnswer | undefined {
    const { pool, fake6, hosts, ttl } = this.#options;
    if (loopbackPointers.has(name)) {
      return { message: pointerAnswer(query, owner, 'localhost', ttl), verdict: 'local' };
    }
    const address = reversedAddress(name);
    if (address === undefined) return undefined;
    const named = hosts.nameOf(address);
    if (named !== undefined) return { message: pointerAnswer(query, owner, named, ttl), verdict: 'hosts' };
    const embedded = fake6?.embeddedIn(address);
    if (embedded === undefined && !pool.contains(address)) return undefined;
    const mapping = pool.lookup(embedded ?? address);
    return mapping === undefined
      ? { message: noSuchName(query, owner), verdict: 'fake' }
      : { message: pointerAnswer(query, owner, mapping.name, ttl), verdict: 'fake' };
  }

  async #ask({ query, question, name, owner, client, signal }: Asked, resolver: Resolver): Promise<RoutedAnswer> {
    const { message, upstream, cached, ms } = await resolver.query(
      {
        name,
        type: question.type,
        spelling: owner,
        client,
        ...(query.edns?.dnssecOk === true ? { dnssecOk: true } : {}),
        ...(query.checkingDisabled ? { checkingDisabled: true } : {}),
        ...(query.authenticData ? { authenticData: true } : {}),
      },
      signal,
    );
    return {
      message: {
        ...responseTo(query, message.rcode),
        // As the server that was asked says, to who asks (RFC 6840 section 5.8): whether to trust it is the asker's to know.
        authenticData: message.authenticData && (query.authenticData || query.edns?.dnssecOk === true),
        answers: message.answers,
        authorities: message.authorities,
      },
      verdict: cached === true ? 'cache' : 'real',
      upstream,
      ...(ms === undefined ? {} : { upstreamMs: ms }),
    };
  }
}
