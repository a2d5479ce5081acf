/** One entry of `dns.nameserver`: where questions go that are not answered by us. Pure. */
import { parseEndpoint, parseIp } from '../base/address.ts';
import { parseCidr } from '../base/cidr.ts';
import { comparableDomain } from '../base/domain.ts';
import type { UpstreamConfig } from '../contract/config.ts';

export type NameserverParse =
  | { readonly ok: true; readonly upstream: UpstreamConfig; readonly ignored?: string }
  | { readonly ok: false; readonly message: string };

export const expectedNameserver =
  'an address such as 192.0.2.53 or udp://192.0.2.53:53, tcp://…, tls://dns.example, https://dns.example/dns-query, rcode://name_error, or system; parameters as #PROXY&ecs=192.0.2.0/24';

/** Kinds that Clash's users know and that a later version may understand. */
const laterSchemes: Readonly<Record<string, string>> = {
  h3: 'DNS over HTTPS/3',
  quic: 'DNS over QUIC',
  dhcp: "the DHCP server's DNS",
};

const ports: Readonly<Record<string, number>> = { udp: 53, tcp: 53, tls: 853, https: 443 };

const rcodes: Readonly<Record<string, 'NOERROR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED'>> = {
  success: 'NOERROR',
  server_failure: 'SERVFAIL',
  name_error: 'NXDOMAIN',
  not_implemented: 'NOTIMP',
  refused: 'REFUSED',
};

interface Parameters {
  via?: string;
  ecs?: string;
  disableIpv4?: boolean;
  disableIpv6?: boolean;
  dns64?: string;
  method?: 'GET' | 'POST';
}

/** Reads an entry in Clash's spelling. `ignored` is a parameter that changes nothing here. */
export function parseNameserver(text: string): NameserverParse {
  if (text === 'system' || text === 'system://') return { ok: true, upstream: { kind: 'system' } };
  const hash = text.indexOf('#');
  const address = hash < 0 ? text : text.slice(0, hash);
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(address) ?? [undefined, 'udp', address];
  const name = scheme?.toLowerCase() ?? 'udp';
  const target = rest ?? address;
  if (Object.hasOwn(laterSchemes, name)) {
    return { ok: false, message: `${laterSchemes[name] ?? name} (${name}://) is not supported yet` };
  }
  if (name === 'rcode') return parseRcode(target);
  if (!Object.hasOwn(ports, name)) return { ok: false, message: `"${name}://" is no kind of nameserver` };
  const parameters = parseParameters(hash < 0 ? '' : text.slice(hash + 1));
  if ('message' in parameters) return { ok: false, message: parameters.message };
  const { method, ...options } = parameters.found;
  const slash = target.indexOf('/');
  const authority = slash < 0 ? target : target.slice(0, slash);
  const path = slash < 0 ? '' : target.slice(slash);
  if (name !== 'https' && path !== '' && path !== '/')
    return { ok: false, message: `"${path.slice(0, 60)}" is no port` };
  const endpoint = parseAuthority(authority, ports[name] ?? 53);
  if ('message' in endpoint) return { ok: false, message: endpoint.message };
  const { host, port } = endpoint;
  const ignored = parameters.ignored === undefined ? {} : { ignored: parameters.ignored };
  if (name === 'https') {
    const upstream = {
      kind: 'https',
      host,
      port,
      path: path === '' ? '/dns-query' : path,
      method: method ?? 'POST',
    } as const;
    return { ok: true, upstream: { ...upstream, ...options }, ...ignored };
  }
  if (name === 'tcp' || name === 'tls')
    return { ok: true, upstream: { kind: name, host, port, ...options }, ...ignored };
  if (parseIp(host) === undefined) {
    return { ok: false, message: `"${host.slice(0, 60)}" is no address; a UDP nameserver is given by address` };
  }
  return { ok: true, upstream: { kind: 'udp', address: host, port, ...options }, ...ignored };
}

function parseRcode(text: string): NameserverParse {
  const rcode = rcodes[text.toLowerCase()];
  return rcode === undefined
    ? { ok: false, message: `"${text.slice(0, 60)}" is no answer code; known are ${Object.keys(rcodes).join(', ')}` }
    : { ok: true, upstream: { kind: 'rcode', rcode } };
}

function parseAuthority(text: string, usualPort: number): { host: string; port: number } | { message: string } {
  const address = parseIp(text.replace(/^\[(.*)\]$/, '$1'));
  if (address !== undefined) return { host: address, port: usualPort };
  const endpoint = /:\d+$/.test(text) ? parseEndpoint(text) : { host: text, port: usualPort };
  if (endpoint === undefined) return { message: `"${text.slice(0, 60)}" is no address` };
  if (endpoint.port === 0) return { message: 'port 0 is out of range' };
  const host = parseIp(endpoint.host) ?? comparableDomain(endpoint.host);
  if (parseIp(host) === undefined && !/^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/.test(host)) {
    return { message: `"${text.slice(0, 60)}" is no address` };
  }
  return { host, port: endpoint.port };
}

function parseParameters(text: string): { found: Parameters; ignored?: string } | { message: string } {
  const found: Parameters = {};
  let ignored: string | undefined;
  for (const [index, part] of (text === '' ? [] : text.split('&')).entries()) {
    const [key = '', value] = part.split('=', 2);
    if (value === undefined) {
      if (index > 0 || key === '') return { message: `"${part.slice(0, 60)}" is no parameter` };
      found.via = key;
      continue;
    }
    const on = value.toLowerCase() === 'true';
    switch (key.toLowerCase()) {
      case 'ecs':
        if (parseCidr(value) === undefined) return { message: `ecs: "${value.slice(0, 60)}" is no prefix` };
        found.ecs = value.includes('/') ? value : `${value}/${value.includes(':') ? 128 : 32}`;
        break;
      case 'disable-ipv4':
        found.disableIpv4 = on;
        break;
      case 'disable-ipv6':
        found.disableIpv6 = on;
        break;
      case 'dns64': {
        const prefix = parseCidr(value);
        if (prefix?.family !== 6 || prefix.prefix !== 96)
          return { message: `dns64: "${value.slice(0, 60)}" is no IPv6 /96 prefix` };
        found.dns64 = value;
        break;
      }
      case 'method': {
        const method = value.toUpperCase();
        if (method !== 'GET' && method !== 'POST')
          return { message: `method: "${value.slice(0, 60)}" is neither get nor post` };
        found.method = method;
        break;
      }
      case 'skip-cert-verify':
        if (on) return { message: 'skip-cert-verify is refused: an unproven server could answer anything' };
        break;
      case 'h3':
      case 'ecs-override':
        ignored = key;
        break;
      default:
        return { message: `the parameter "${key.slice(0, 60)}" is not known` };
    }
  }
  return ignored === undefined ? { found } : { found, ignored };
}
