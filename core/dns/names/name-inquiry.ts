/**
 * Finds out whether a name exists after a proxy could not connect to it: one question through the same proxy, never to a
 * local server. Only its NXDOMAIN counts; the failed dial alone says nothing about the name.
 */
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { Lifetime } from '../../base/deadline.ts';
import type { Logger } from '../../base/logger.ts';
import type { ErrorCode } from '../../contract/error.ts';
import type { StreamDialer } from '../../outbound/dialer.ts';
import type { Resolver } from '../resolver/resolver.ts';
import type { MissingNames } from './missing-names.ts';

export interface InquiryOutbound extends StreamDialer {
  readonly tag: string;
  readonly resolvesAt: 'here' | 'there';
}

export interface NameInquiryOptions {
  /** Who can be asked through an outbound; undefined when nobody is configured. */
  readonly remote: (outbound: InquiryOutbound) => Resolver | undefined;
  readonly missing: MissingNames;
  /** Whether a connection to the name worked lately: then it exists, whatever is answered. */
  readonly workedRecently: (name: string) => boolean;
  readonly onMissing: (name: string, upstream: string, ms: number) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a proxy says when it cannot resolve a name: SOCKS5 reply 1 or 4, a CONNECT that is answered 502 to 504, or an early close. */
const mayMeanNoName: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'DIAL_PROXY_FAILED',
  'DIAL_HOST_UNREACHABLE',
  'DIAL_NAME_NOT_FOUND',
]);
const maxUnderWay = 64;
const deadline = 10_000;
/** A name that was asked for is not asked for again so soon. Milliseconds. */
const pause = 10_000;

export class NameInquiry {
  readonly #options: NameInquiryOptions;
  readonly #log: Logger;
  /** Name and outbound -> when it was asked for by it; those under way too. */
  readonly #asked = new Map<string, number>();
  #underWay = 0;

  constructor(options: NameInquiryOptions) {
    this.#options = options;
    this.#log = options.logger.child('names');
  }

  /** A dial by name failed. Returns at once; what is found out is remembered for later questions. */
  dialFailed(name: string, outbound: InquiryOutbound, error: AppError): void {
    const { workedRecently, remote, clock } = this.#options;
    if (outbound.resolvesAt === 'here' || !mayMeanNoName.has(error.code)) return;
    if (this.#underWay >= maxUnderWay || workedRecently(name)) return;
    const now = clock.monotonic();
    for (const [other, since] of this.#asked) {
      if (now - since < pause) break;
      this.#asked.delete(other);
    }
    const key = `${name} ${outbound.tag}`;
    if (this.#asked.has(key)) return;
    const resolver = remote(outbound);
    if (resolver === undefined) return;
    this.#asked.set(key, now);
    void this.#ask(name, outbound.tag, resolver);
  }

  async #ask(name: string, tag: string, resolver: Resolver): Promise<void> {
    const { clock, missing, onMissing, workedRecently } = this.#options;
    const begun = clock.monotonic();
    const life = new Lifetime().endAfter(clock, deadline, () => new AppError('DNS_TIMEOUT', 'no answer in time'));
    this.#underWay += 1;
    try {
      const { message, upstream } = await resolver.query({ name, type: 'A' }, life.signal);
      const absent = message.rcode === 'NXDOMAIN' && !workedRecently(name);
      this.#log.info('asked whether a name exists', { name, via: tag, upstream, rcode: message.rcode, absent });
      if (!absent) return;
      missing.add(name, message, upstream, tag);
      onMissing(name, upstream, clock.monotonic() - begun);
    } catch (caught) {
      const { code, message } = AppError.from(caught, 'DNS_IO');
      this.#log.info('could not ask whether a name exists', { name, via: tag, code, reason: message });
    } finally {
      this.#underWay -= 1;
      life.release();
    }
  }
}
