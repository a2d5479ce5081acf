/** Addresses that only the network this machine is in has, and whether its servers know a name with one: the internet cannot have given it. */
import type { Ip } from '../../base/address.ts';
import { type Cidr, cidrContains, parseCidr } from '../../base/cidr.ts';
import { addressOf, type DnsMessage } from '../../net/dns-message.ts';
import type { Resolver } from '../resolver/resolver.ts';

/** RFC 1918, RFC 6598, RFC 3927; RFC 4193, RFC 4291. */
const privatePrefixes: readonly Cidr[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
].flatMap((text) => parseCidr(text) ?? []);

export function isPrivateAddress(address: Ip): boolean {
  return privatePrefixes.some((prefix) => cidrContains(prefix, address));
}

/** Whether there are addresses in an answer and all of them are private. */
export function isPrivateAnswer({ rcode, answers }: DnsMessage): boolean {
  const addresses = answers.flatMap((record) => addressOf(record) ?? []);
  if (rcode !== 'NOERROR' || addresses.length === 0) return false;
  return addresses.every(isPrivateAddress);
}

/** Asks for IPv4, then IPv6. False also when there is no answer. */
export async function hasPrivateAddress(resolver: Resolver, name: string, signal: AbortSignal): Promise<boolean> {
  for (const type of ['A', 'AAAA']) {
    const answer = await resolver.query({ name, type }, signal).catch(() => undefined);
    if (answer === undefined || answer.message.rcode === 'NXDOMAIN') return false;
    if (answer.message.answers.some((record) => addressOf(record) !== undefined))
      return isPrivateAnswer(answer.message);
  }
  return false;
}
