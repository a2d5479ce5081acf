/**
 * Where the relay of a SOCKS5 proxy is (RFC 1928 section 6): many proxies say what is true for themselves only, the wildcard they
 * are bound to or an address behind their NAT. The engine has the same for flows from the TUN
 * (`native/src/socks5/relay_address.rs`); both are held to `native/src/socks5/relay-addresses.txt`.
 */
import { type Ip, ipFamily, ipToBytes, parseIp } from '../base/address.ts';
import { reachOf } from '../base/reach.ts';
import type { Endpoint } from '../contract/flow.ts';

/** The reply's address where it can be meant for us; else that of the proxy, which the control connection has reached. */
export function udpRelayAddress(bound: Endpoint, proxy: { readonly host: Ip; readonly port: number }): Endpoint {
  // A real name is resolved by nobody: it could be anybody's.
  const said = parseIp(bound.host);
  const host = said !== undefined && canBeMeant(said, proxy.host) ? said : proxy.host;
  // Port 0 is nobody's; servers that relay UDP at the port of their TCP listener say it.
  return { host, port: bound.port === 0 ? proxy.port : bound.port };
}

function canBeMeant(address: Ip, own: Ip): boolean {
  if (address === own) return true;
  if (ipFamily(address) !== ipFamily(own)) return false;
  const [there, here] = [reachOf(address), reachOf(own)];
  switch (there) {
    case 'nobody':
    case 'link':
      return false;
    case 'machine':
      return here === 'machine';
    case 'site':
      // A network of the proxy's own, unless we share it.
      return here === 'site' ? shareNetwork(address, own) : here === 'machine';
    case 'world':
      return true;
  }
}

/** The same /24, or /64. */
function shareNetwork(one: Ip, other: Ip): boolean {
  const [a, b] = [ipToBytes(one), ipToBytes(other)];
  const length = a.length === 4 ? 3 : 8;
  return a.subarray(0, length).every((byte, i) => byte === b[i]);
}
