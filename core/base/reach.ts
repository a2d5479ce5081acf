/** From where an address can be reached, after the IANA special-purpose address registries (RFC 6890). */
import { type Ip, ipToBytes, isLoopback, numberToIpv4 } from './address.ts';
import { type Cidr, cidrContains, parseCidr } from './cidr.ts';

export type Reach = 'nobody' | 'machine' | 'link' | 'site' | 'world';

const cidrs = (...texts: string[]): Cidr[] => texts.flatMap((text) => parseCidr(text) ?? []);

/** Fake addresses (RFC 2544) are a site's own as well. */
const reaches: readonly (readonly [Reach, readonly Cidr[]])[] = [
  ['nobody', cidrs('0.0.0.0/8', '224.0.0.0/3', '::/96', 'ff00::/8')],
  ['link', cidrs('169.254.0.0/16', 'fe80::/10')],
  [
    'site',
    cidrs('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15', 'fc00::/7', 'fec0::/10'),
  ],
];
/** IPv4 hosts behind NAT64 (RFC 6052). */
const translated = cidrs('64:ff9b::/96');

export function reachOf(ip: Ip): Reach {
  if (isLoopback(ip)) return 'machine';
  if (translated.some((cidr) => cidrContains(cidr, ip))) return reachOf(lastFourBytes(ip));
  return reaches.find(([, ranges]) => ranges.some((cidr) => cidrContains(cidr, ip)))?.[0] ?? 'world';
}

function lastFourBytes(ip: Ip): Ip {
  return numberToIpv4(Buffer.from(ipToBytes(ip)).readUInt32BE(12));
}
