/** Turns the bytes of a question into the bytes of its answer and keeps the log. Framing only: `DnsRouter` decides. */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { Network } from '../flow/metadata.ts';
import {
  type DnsMessage,
  decodeMessage,
  encodeMessage,
  maxTcpMessage,
  plainUdpSize,
  responseTo,
  safeUdpSize,
} from '../net/dns-message.ts';
import { recordDataText } from '../net/dns-record-text.ts';
import type { DnsLog } from './dns-log.ts';
import type { RoutedAnswer } from './dns-router.ts';

/** The part of `DnsRouter` that is needed here. */
export interface QuestionRouter {
  answer(query: DnsMessage, client: string, signal: AbortSignal): Promise<RoutedAnswer>;
}

export interface DnsServerOptions {
  readonly router: QuestionRouter;
  readonly log: DnsLog;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Questions under way at once; beyond it they are refused rather than kept waiting. */
const maxUnderWay = 4_096;

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  #router: QuestionRouter;
  #underWay = 0;

  constructor(options: DnsServerOptions) {
    this.#options = options;
    this.#logger = options.logger.child('dns');
    this.#router = options.router;
  }

  /** Questions from now on are answered by another router (new configuration); those under way end with the old one. */
  setRouter(router: QuestionRouter): void {
    this.#router = router;
  }

  /** Ends what is under way; later questions get no answer. */
  stop(): void {
    this.#stopped.abort(new AppError('DNS_IO', 'the DNS server was stopped'));
  }

  /**
   * The answer to one message without length prefix, or undefined for what deserves none (no header, a response, after
   * `stop`). Never rejects. By UDP it fits what the asker can take, or says TC; by TCP it is whole.
   */
  async answer(bytes: Uint8Array, source: Endpoint, network: Network): Promise<Uint8Array | undefined> {
    const signal = this.#stopped.signal;
    const decoded = decodeMessage(bytes);
    const query = decoded.ok ? decoded.message : decoded.header;
    if (query === undefined || query.response || signal.aborted) return undefined;
    if (!decoded.ok) {
      this.#logger.debug('malformed question', { client: source.host, reason: decoded.reason });
      return encodeMessage(responseTo(query, query.opcode === 0 ? 'FORMERR' : 'NOTIMP'));
    }
    const begun = this.#options.clock.monotonic();
    const time = this.#options.clock.now();
    const answer = await this.#route(query, source.host, signal);
    if (signal.aborted) return undefined;
    const encoded = this.#encode(query, answer, network);
    try {
      this.#record(query, encoded.answer, source, time, this.#options.clock.monotonic() - begun);
    } catch (error) {
      this.#logger.error('a viewer of the DNS log failed', { error: AppError.from(error).message });
    }
    return encoded.bytes;
  }

  async #route(query: DnsMessage, client: string, signal: AbortSignal): Promise<RoutedAnswer> {
    if (this.#underWay >= maxUnderWay) return { message: responseTo(query, 'REFUSED'), verdict: 'refused' };
    this.#underWay += 1;
    try {
      return await this.#router.answer(query, client, signal);
    } finally {
      this.#underWay -= 1;
    }
  }

  #encode(query: DnsMessage, answer: RoutedAnswer, network: Network): { bytes: Uint8Array; answer: RoutedAnswer } {
    const asked = Math.max(plainUdpSize, query.edns?.udpSize ?? plainUdpSize);
    const limit = network === 'tcp' ? maxTcpMessage : Math.min(asked, safeUdpSize);
    try {
      return { bytes: encodeMessage(answer.message, limit), answer };
    } catch (error) {
      this.#logger.warning('an answer cannot be encoded', {
        name: query.questions[0]?.name,
        error: AppError.from(error).message,
      });
      const failed: RoutedAnswer = { ...answer, message: responseTo(query, 'SERVFAIL'), verdict: 'error' };
      return { bytes: encodeMessage(failed.message), answer: failed };
    }
  }

  #record(query: DnsMessage, answer: RoutedAnswer, source: Endpoint, time: number, ms: number): void {
    const [question] = query.questions;
    this.#options.log.record({
      time,
      client: source.host,
      name: question?.name ?? '',
      type: question?.type ?? '',
      verdict: answer.verdict,
      rcode: answer.message.rcode,
      answer: answer.message.answers.map(recordDataText).join(', ').slice(0, 500),
      ...(answer.upstream === undefined ? {} : { upstream: answer.upstream }),
      ...(answer.upstreamMs === undefined ? {} : { upstreamMs: answer.upstreamMs }),
      ms,
    });
  }
}
