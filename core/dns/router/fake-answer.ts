/** Answers that are made here and not fetched: the parts of DNS that fake addresses and static names need. */
import { type Ip, parseIp } from '../../base/address.ts';
import { type DnsMessage, type DnsRecord, responseTo } from '../../net/dns-message.ts';
import { ipv6Hint, withoutParameter } from '../../net/service-parameters.ts';
import { denialSoa } from '../resolver/soa.ts';

/** Seconds: what applications remember must not outlive the off switch by much. */
const longestDenial = 60;

/** One A or AAAA record for each address of the asked family; without any, "no such record" with an SOA. */
export function addressAnswer(query: DnsMessage, name: string, addresses: readonly Ip[], ttl: number): DnsMessage {
  const type = query.questions[0]?.type;
  const records = addresses
    .map((address): DnsRecord => ({ name, type: address.includes(':') ? 'AAAA' : 'A', ttl, data: address }))
    .filter((record) => type === 'ANY' || record.type === type);
  return records.length === 0 ? emptyAnswer(query, name) : { ...responseTo(query, 'NOERROR'), answers: records };
}

/** The name exists, such a record does not. */
export function emptyAnswer(query: DnsMessage, name: string): DnsMessage {
  return { ...responseTo(query, 'NOERROR'), authorities: [denialSoa(name)] };
}

export function noSuchName(query: DnsMessage, name: string): DnsMessage {
  return { ...responseTo(query, 'NXDOMAIN'), authorities: [denialSoa(name)] };
}

/** NXDOMAIN as an upstream said it, with its SOA for as long as an answer of ours may be remembered; without one, with ours. */
export function absent(query: DnsMessage, name: string, soa: DnsRecord | undefined): DnsMessage {
  if (soa === undefined) return noSuchName(query, name);
  return { ...responseTo(query, 'NXDOMAIN'), authorities: [{ ...soa, ttl: Math.min(soa.ttl, longestDenial) }] };
}

export function pointerAnswer(query: DnsMessage, name: string, target: string, ttl: number): DnsMessage {
  return { ...responseTo(query, 'NOERROR'), answers: [{ name, type: 'PTR', ttl, data: target }] };
}

/** Puts the aliases that lead from the asked name to the answered one before the answer. */
export function withAliases(message: DnsMessage, names: readonly string[], ttl: number): DnsMessage {
  const aliases = names
    .slice(0, -1)
    .map((name, i): DnsRecord => ({ name, type: 'CNAME', ttl, data: names[i + 1] ?? name }));
  return { ...message, answers: [...aliases, ...message.answers] };
}

/** The answer without IPv6 addresses: records of their own, and hints beside others (RFC 9460 section 7.3). */
export function withoutIpv6(message: DnsMessage): DnsMessage {
  const answers = message.answers
    .filter(({ type }) => type !== 'AAAA')
    .map((record) => {
      const { type, data } = record;
      const mayHint = (type === 'HTTPS' || type === 'SVCB') && data instanceof Uint8Array;
      return mayHint ? { ...record, data: withoutParameter(data, ipv6Hint) } : record;
    });
  return { ...message, answers };
}

/** The address that `4.3.2.1.in-addr.arpa` or its like in `ip6.arpa` asks about (RFC 1035 section 3.5, RFC 3596 section 2.5); undefined for other names. */
export function reversedAddress(name: string): Ip | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (match !== null) return parseIp(`${match[4]}.${match[3]}.${match[2]}.${match[1]}`);
  const [, nibbles] = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name) ?? [];
  const digits = nibbles?.split('.').reverse().join('').match(/..../g);
  return digits == null ? undefined : parseIp(digits.join(':'));
}
