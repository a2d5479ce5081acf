/** Where the relay of a SOCKS5 proxy really is (RFC 1928 section 6): many proxies do not know the address they are reached by. */
import { type Ip, ipFamily, isLoopback, isMulticast, isUnspecified, parseIp } from '../base/address.ts';
import { type Cidr, cidrContains, parseCidr } from '../base/cidr.ts';

/** Addresses that mean something in one network only (RFC 1918, 6598, 3927; 4193, 4291). */
const privateRanges: readonly Cidr[] = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
  'fe80::/10',
].flatMap((text) => parseCidr(text) ?? []);

/** The address in the reply where it can be meant; else the proxy's own, `peer`. `bound` may be a name. */
export function udpRelayAddress(bound: string, peer: Ip): Ip {
  const address = parseIp(bound);
  if (address === undefined || isUnspecified(address) || isMulticast(address)) return peer;
  if (ipFamily(address) !== ipFamily(peer)) return peer;
  if (isLoopback(address) !== isLoopback(peer)) return peer;
  const range = privateRanges.find((each) => cidrContains(each, address));
  return range === undefined || cidrContains(range, peer) ? address : peer;
}
