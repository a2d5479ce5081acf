/**
 * Decides how a question is answered: by the hosts table, locally, with a fake address, not at all, or by the upstream.
 * It neither frames bytes (`DnsServer`) nor asks servers (`Resolver`).
 */
import { type Ip, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { isWithinDomain, normaliseDomain } from '../base/domain.ts';
import type { Logger } from '../base/logger.ts';
import type { DnsRow } from '../contract/dns.ts';
import { type DnsMessage, type DnsQuestion, responseTo } from '../net/dns-message.ts';
import { recordDataText } from '../net/dns-record-text.ts';
import { addressAnswer, emptyAnswer, noSuchName, pointerAnswer, reversedAddress, withAliases } from './fake-answer.ts';
import type { FakeIpFilter } from './filter.ts';
import type { HostTable } from './hosts.ts';
import type { Resolver } from './resolver.ts';

export interface RoutedAnswer {
  /** The response, ready to be encoded: id, question and EDNS are the asker's. */
  readonly message: DnsMessage;
  readonly verdict: DnsRow['verdict'];
  /** Who was asked, if anybody. */
  readonly upstream?: string;
}

/** The part of the fake-IP pool that answering needs. */
export interface NamePool {
  allocate(name: string, client: string): Ip;
  lookup(ip: Ip): { readonly name: string } | undefined;
  contains(ip: Ip): boolean;
}

export interface DnsRouterOptions {
  readonly pool: NamePool;
  readonly hosts: HostTable;
  readonly filter: FakeIpFilter;
  /** Answers what is not answered here. */
  readonly resolver: Resolver;
  /** Of fake and static answers; seconds. */
  readonly ttl: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Answering it with NXDOMAIN asks Firefox to leave its own DNS over HTTPS off. */
const dohCanary = 'use-application-dns.net';
/** Characters of an answer in a log line. */
const longestLogged = 200;
const loopbackPointers: ReadonlySet<string> = new Set(['1.0.0.127.in-addr.arpa', `1.${'0.'.repeat(31)}ip6.arpa`]);

export class DnsRouter {
  readonly #options: DnsRouterOptions;
  readonly #logger: Logger;

  constructor(options: DnsRouterOptions) {
    this.#options = options;
    this.#logger = options.logger.child('dns');
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
    const chain = isAddressQuestion(question) ? this.#options.hosts.follow(name) : undefined;
    if (chain === undefined) return await this.#answerName(query, question, question.name, client, signal);
    const end = chain.names.at(-1) ?? name;
    const names = [question.name, ...chain.names.slice(1)];
    const { ttl } = this.#options;
    if (chain.addresses !== undefined) {
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
    const { pool, filter, ttl } = this.#options;
    const name = normaliseDomain(owner);
    const local = this.#answerLocally(query, question, name, owner);
    if (local !== undefined) return local;
    if (!isAddressQuestion(question) || filter.keepsReal(name))
      return await this.#forward(query, question, name, signal);
    if (question.type !== 'A' && question.type !== 'ANY') {
      return { message: emptyAnswer(query, owner), verdict: 'fake' };
    }
    return { message: addressAnswer(query, owner, [pool.allocate(name, client)], ttl), verdict: 'fake' };
  }

  /** What no server may be asked: the loopback's names (RFC 6761), our own reverse zone, the canary of Firefox. */
  #answerLocally(query: DnsMessage, question: DnsQuestion, name: string, owner: string): RoutedAnswer | undefined {
    const { pool, ttl } = this.#options;
    if (name === dohCanary) return { message: noSuchName(query, owner), verdict: 'blocked' };
    if (isWithinDomain(name, 'localhost')) {
      return { message: addressAnswer(query, owner, ['127.0.0.1', '::1'], ttl), verdict: 'local' };
    }
    if (question.type !== 'PTR') return undefined;
    if (loopbackPointers.has(name)) {
      return { message: pointerAnswer(query, owner, 'localhost', ttl), verdict: 'local' };
    }
    const address = parseIp(reversedAddress(name) ?? '');
    if (address === undefined || !pool.contains(address)) return undefined;
    const mapping = pool.lookup(address);
    return mapping === undefined
      ? { message: noSuchName(query, owner), verdict: 'fake' }
      : { message: pointerAnswer(query, owner, mapping.name, ttl), verdict: 'fake' };
  }

  async #forward(query: DnsMessage, question: DnsQuestion, name: string, signal: AbortSignal): Promise<RoutedAnswer> {
    const { message, upstream, cached } = await this.#options.resolver.query({ name, type: question.type }, signal);
    return {
      message: {
        ...responseTo(query, message.rcode),
        answers: message.answers,
        authorities: message.authorities,
        additionals: message.additionals,
      },
      verdict: cached === true ? 'cache' : 'real',
      upstream,
    };
  }
}

/** Whether the answer would lead to addresses: only such questions concern hosts and fake addresses. */
function isAddressQuestion(question: DnsQuestion): boolean {
  return ['A', 'AAAA', 'HTTPS', 'SVCB', 'ANY'].includes(question.type);
}
