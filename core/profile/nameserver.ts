/** One entry of `dns.nameserver`: where questions go that are not answered by us. Pure. */
import { parseEndpoint, parseIp } from '../base/address.ts';
import { cidrContains, parseCidr } from '../base/cidr.ts';
import { comparableDomain } from '../base/domain.ts';
import { domainNameProblem } from '../base/domain-name.ts';
import { parseScopedIp, type ScopedIp } from '../base/scoped-address.ts';
import { endsInNumber } from '../base/special-names.ts';
import type { UpstreamConfig } from '../contract/dns-config.ts';
import type { ProblemCode, ProblemValues } from '../contract/problem-texts.ts';

export interface NameserverNote {
  readonly code: ProblemCode;
  readonly values: ProblemValues;
}

export type NameserverParse =
  /** `notes` tell of what changes nothing here or is read otherwise. */
  | { readonly ok: true; readonly upstream: UpstreamConfig; readonly notes: readonly NameserverNote[] }
  | { readonly ok: false; readonly note: NameserverNote };

/** Kinds that Clash's users know and that a later version may understand. */
const laterSchemes: Readonly<Record<string, string>> = { ts: "Tailscale's DNS" };

/** Ports of DNS over QUIC: RFC 9250 section 4.1.1, and those that servers had before. */
const quicPorts: readonly number[] = [784, 853, 8853];

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
  disableTypes?: number[];
  dns64?: string;
  method?: 'GET' | 'POST';
}

/** Reads an entry in Clash's spelling. */
export function parseNameserver(text: string): NameserverParse {
  const hash = text.indexOf('#');
  const written = hash < 0 ? text : text.slice(0, hash);
  const address = encrypted(written) ?? written;
  if (address !== written) {
    const parsed = parseNameserver(hash < 0 ? address : address + text.slice(hash));
    const told: NameserverNote = { code: 'NAMESERVER_READ_AS', values: { now: clip(address) } };
    return parsed.ok ? { ...parsed, notes: [told, ...parsed.notes] } : parsed;
  }
  // Those of one network interface are the system's, too; `dhcp://system` is how Clash once wrote it.
  if (/^(?:system(?::\/\/)?|dhcp:\/\/[^/]*)$/i.test(address)) {
    const parameters = text
      .slice(address.length + 1)
      .split('&')
      .filter((part) => part !== '');
    const notes = parameters.map((part) => ignored(part.split('=', 1)[0] ?? part));
    if (!/system/i.test(address)) notes.unshift({ code: 'NAMESERVER_READ_AS', values: { now: 'system' } });
    return { ok: true, upstream: { kind: 'system' }, notes };
  }
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(address) ?? [undefined, 'udp', address];
  const name = scheme?.toLowerCase() ?? 'udp';
  const target = rest ?? address;
  const later = Object.hasOwn(laterSchemes, name) ? laterSchemes[name] : undefined;
  if (later !== undefined)
    return { ok: false, note: { code: 'NAMESERVER_LATER', values: { kind: later, scheme: name } } };
  if (name === 'rcode') return parseRcode(target);
  if (!Object.hasOwn(ports, name)) return wrong(`"${clip(name)}://" is no kind of nameserver`);
  const parameters = parseParameters(hash < 0 ? '' : text.slice(hash + 1));
  if ('message' in parameters) return wrong(parameters.message);
  const { found, notes } = parameters;
  const { method, ...parameterised } = found;
  const slash = target.indexOf('/');
  const authority = slash < 0 ? target : target.slice(0, slash);
  const path = slash < 0 ? '' : target.slice(slash);
  if (name !== 'https' && path !== '' && path !== '/') return wrong(`"${clip(path)}" is no port`);
  const endpoint = parseAuthority(authority, ports[name] ?? 53);
  if ('message' in endpoint) return wrong(endpoint.message);
  const { host, port, zone } = endpoint;
  if (zone !== undefined && ![undefined, zone].includes(parameterised.via))
    return wrong(`"${host}%${zone}" is on one link, and nothing else leads there`);
  const { via: _, ...others } = parameterised;
  const options = zone === undefined ? parameterised : { ...others, device: zone };
  if (name === 'https') {
    const https = {
      kind: 'https',
      host,
      port,
      // As a template of RFC 8484 section 4.1.1 it names the parameter.
      path: path === '' ? '/dns-query' : path.replace(/\{\?dns\}$/, ''),
      method: method ?? 'POST',
    } as const;
    return { ok: true, upstream: { ...https, ...options }, notes };
  }
  if (name === 'tcp' || name === 'tls') return { ok: true, upstream: { kind: name, host, port, ...options }, notes };
  if (parseIp(host) !== undefined)
    return { ok: true, upstream: { kind: 'udp', address: host, port, ...options }, notes };
  // Whatever a word without a dot may be, it is no server that the internet knows.
  if (!host.includes('.')) return wrong(`"${clip(host)}" is no address`);
  const byName: NameserverNote = { code: 'NAMESERVER_BY_NAME', values: {} };
  return { ok: true, upstream: { kind: 'tcp', host, port, ...options }, notes: [...notes, byName] };
}

/**
 * The same server in a spelling that is spoken here: DNS over QUIC (RFC 9250) as DNS over TLS, HTTPS/3 as HTTPS, and an address
 * that has lost its https://. Undefined for all others.
 */
function encrypted(address: string): string | undefined {
  const [, scheme, rest = ''] = /^(quic|h3):\/\/(.+)$/is.exec(address) ?? [];
  if (scheme?.toLowerCase() === 'h3') return `https://${rest}`;
  if (scheme !== undefined) {
    const [authority = ''] = rest.split('/', 1);
    const port = /(?:^[^:]*|\]):(\d+)$/.exec(authority)?.[1];
    const isUsual = port !== undefined && quicPorts.includes(Number(port));
    return `tls://${isUsual ? authority.slice(0, -port.length - 1) : authority}`;
  }
  return /^[^/:\s]+\.[^/\s]+\/dns-query$/i.test(address) ? `https://${address}` : undefined;
}

function parseRcode(text: string): NameserverParse {
  const rcode = rcodes[text.toLowerCase()];
  return rcode === undefined
    ? wrong(`"${clip(text)}" is no answer code; known are ${Object.keys(rcodes).join(', ')}`)
    : { ok: true, upstream: { kind: 'rcode', rcode }, notes: [] };
}

function wrong(reason: string): NameserverParse & { ok: false } {
  return { ok: false, note: { code: 'NAMESERVER_UNKNOWN', values: { reason } } };
}

function ignored(parameter: string): NameserverNote {
  return { code: 'NAMESERVER_PARAMETER', values: { parameter: clip(parameter) } };
}

function clip(text: string): string {
  return text.slice(0, 60);
}

interface Authority {
  readonly host: string;
  readonly port: number;
  /** Interface behind a link-local address. */
  readonly zone?: string;
}

function parseAuthority(written: string, usualPort: number): Authority | { message: string } {
  // A colon without a port behind it, as in URLs (RFC 3986 section 3.2.3); not the end of a bare IPv6 address.
  const text = /^[^:]+:$|\]:$/.test(written) ? written.slice(0, -1) : written;
  const [, bracketed, port] = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(text) ?? [];
  const scoped = parseScopedIp(bracketed ?? text);
  if (scoped !== undefined) return scopedAuthority(scoped, port === undefined ? usualPort : Number(port));
  const endpoint = /:\d+$/.test(text) ? parseEndpoint(text) : { host: text, port: usualPort };
  if (endpoint === undefined) return { message: `"${text.slice(0, 60)}" is no address` };
  if (endpoint.port === 0) return { message: 'port 0 is out of range' };
  const address = parseIp(endpoint.host);
  if (address !== undefined) return groupProblem(address) ?? { host: address, port: endpoint.port };
  const host = comparableDomain(endpoint.host);
  const isName = /^[a-z0-9_](?:.*[a-z0-9_])?$/.test(host) && domainNameProblem(host) === undefined;
  // `1.1.1` is a mistyped address, and no name.
  if (!isName || endsInNumber(host)) return { message: `"${text.slice(0, 60)}" is no address` };
  return { host, port: endpoint.port };
}

/** RFC 5771, RFC 4291 section 2.7. */
const groups = ['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8'].flatMap((text) => parseCidr(text) ?? []);

function groupProblem(address: string): { message: string } | undefined {
  const isGroup = groups.some((group) => cidrContains(group, address));
  return isGroup ? { message: `"${address}" is the address of many, and nobody is asked by it` } : undefined;
}

function scopedAuthority({ address, zone }: ScopedIp, port: number): Authority | { message: string } {
  if (port < 1 || port > 65_535) return { message: `port ${port} is out of range` };
  if (zone === undefined) return groupProblem(address) ?? { host: address, port };
  // An interface's number changes; what binds to it is its name.
  return /^\d+$/.test(zone)
    ? { message: `"${address}%${zone}" has the number of an interface, not its name` }
    : { host: address, port, zone };
}

function parseParameters(text: string): { found: Parameters; notes: NameserverNote[] } | { message: string } {
  const found: Parameters = {};
  const notes: NameserverNote[] = [];
  const ignore = (key: string): number => notes.push(ignored(key));
  for (const [index, part] of text.split('&').entries()) {
    const [key = '', value] = part.split('=', 2);
    if (part === '') continue;
    if (value === undefined) {
      if (index > 0) ignore(key);
      else found.via = key;
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
        if (on) notes.push({ code: 'NAMESERVER_VERIFIED', values: {} });
        break;
      default: {
        const type = Number(/^disable-qtype-(\d{1,5})$/i.exec(key)?.[1] ?? 0);
        if (type === 0 || type > 65_535) ignore(key);
        else if (on) (found.disableTypes ??= []).push(type);
      }
    }
  }
  return { found, notes };
}
