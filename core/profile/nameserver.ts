/** One entry of `dns.nameserver`: where questions go that are not answered by us. Pure. */
import { parseEndpoint, parseIp } from '../base/address.ts';
import type { UpstreamConfig } from '../contract/config.ts';

export type NameserverParse =
  | { readonly ok: true; readonly upstream: UpstreamConfig }
  | { readonly ok: false; readonly message: string };

export const expectedNameserver = 'an address such as 192.0.2.53, udp://192.0.2.53:53 or [2001:db8::53]:53, or system';

/** Kinds that Clash's users know and that a later version will understand. */
const laterSchemes: Readonly<Record<string, string>> = {
  tcp: 'DNS over TCP',
  tls: 'DNS over TLS',
  https: 'DNS over HTTPS',
  h3: 'DNS over HTTPS/3',
  quic: 'DNS over QUIC',
  dhcp: "the DHCP server's DNS",
  rcode: 'a fixed answer code',
};

/** Reads `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:53`, `2001:db8::53`, the same after `udp://`, or `system`. */
export function parseNameserver(text: string): NameserverParse {
  if (text === 'system' || text === 'system://') return { ok: true, upstream: { kind: 'system' } };
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? [undefined, 'udp', text];
  const name = scheme?.toLowerCase() ?? 'udp';
  if (Object.hasOwn(laterSchemes, name)) {
    return { ok: false, message: `${laterSchemes[name] ?? name} (${name}://) is not supported yet` };
  }
  if (name !== 'udp') return { ok: false, message: `"${name}://" is no kind of nameserver` };
  const target = rest ?? text;
  if (target.includes('#')) return { ok: false, message: 'parameters after "#" are not supported yet' };
  const address = parseIp(target.replace(/^\[(.*)\]$/, '$1'));
  if (address !== undefined) return udp(address, 53);
  const endpoint = parseEndpoint(target);
  if (endpoint === undefined) return { ok: false, message: `"${target.slice(0, 60)}" is no address` };
  const ip = parseIp(endpoint.host);
  if (ip === undefined)
    return {
      ok: false,
      message: `"${endpoint.host.slice(0, 60)}" is no address; a nameserver's name could not be looked up`,
    };
  if (endpoint.port === 0) return { ok: false, message: 'port 0 is out of range' };
  return udp(ip, endpoint.port);
}

function udp(address: string, port: number): NameserverParse {
  return { ok: true, upstream: { kind: 'udp', address, port } };
}
