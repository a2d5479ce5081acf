/** What a nameserver's parameters change of its answers: types left out (`disable-ipv4`, `disable-ipv6`, `disable-qtype-65`) and DNS64 (RFC 6147). */
import { bytesToIp, type Ip, ipFamily, ipToBytes } from '../../base/address.ts';
import { addressOf, type DnsMessage, type DnsRecord, queryFor, responseTo } from '../../net/dns-message.ts';
import { recordTypeNumber } from '../../net/dns-record-type.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';
import { denialSoa } from './soa.ts';

export interface Shape {
  readonly disableIpv4?: boolean | undefined;
  readonly disableIpv6?: boolean | undefined;
  /** Other types that are answered "no such record", by number. */
  readonly disableTypes?: readonly number[] | undefined;
  /** /96 prefix. */
  readonly dns64?: string | undefined;
}

export class ShapedResolver implements Resolver {
  readonly #inner: Resolver;
  readonly #shape: Shape;

  constructor(inner: Resolver, shape: Shape) {
    this.#inner = inner;
    this.#shape = shape;
  }

  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    const { disableIpv4, disableIpv6, disableTypes, dns64 } = this.#shape;
    const isDisabled = disableTypes?.includes(recordTypeNumber(question.type) ?? 0) === true;
    if (isDisabled || (question.type === 'A' && disableIpv4) || (question.type === 'AAAA' && disableIpv6)) {
      return { message: nothing(question), upstream: "the nameserver's parameters" };
    }
    const answer = await this.#inner.query(question, signal);
    const { message } = answer;
    // Servers that fail at AAAA questions are not rare: only "no such name" is believed (RFC 6147 section 5.1.2).
    if (dns64 === undefined || question.type !== 'AAAA' || message.rcode === 'NXDOMAIN') return answer;
    if (message.rcode === 'NOERROR' && message.answers.some(hasIpv6)) return answer;
    const old = await this.#inner.query({ ...question, type: 'A' }, signal);
    if (old.message.rcode !== 'NOERROR') return answer;
    const longest = Math.min(...message.authorities.map(({ type, ttl }) => (type === 'SOA' ? ttl : Infinity)));
    const answers = old.message.answers.map((record) => translated(record, dns64, longest));
    if (!answers.some((record) => record.type === 'AAAA')) return answer;
    const questions = old.message.questions.map((one) => ({ ...one, type: 'AAAA' }));
    return { ...old, message: { ...old.message, questions, answers } };
  }
}

/** IPv4 addresses in their IPv6 form count as none (RFC 6147 section 5.1.4). */
function hasIpv6(record: DnsRecord): boolean {
  const address = record.type === 'AAAA' ? addressOf(record) : undefined;
  return address !== undefined && ipFamily(address) === 6;
}

function nothing({ name, type }: Question): DnsMessage {
  return { ...responseTo(queryFor(0, name, type, undefined), 'NOERROR'), authorities: [denialSoa(name)] };
}

/** An A record as AAAA inside the prefix, for no longer than "there is no AAAA" holds (RFC 6147 section 5.1.7); other records as they are. */
function translated(record: DnsRecord, prefix: string, longest: number): DnsRecord {
  const address = record.type === 'A' ? addressOf(record) : undefined;
  if (address === undefined) return record;
  return { ...record, type: 'AAAA', ttl: Math.min(record.ttl, longest), data: embedded(address, prefix) };
}

/** RFC 6052 section 2.2, for prefixes of 96 bits. */
export function embedded(address: Ip, prefix: string): Ip {
  const bytes = Uint8Array.from(ipToBytes(prefix.split('/')[0] ?? '::'));
  bytes.set(ipToBytes(address), 12);
  return bytesToIp(bytes);
}
