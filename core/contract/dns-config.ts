/** How names are answered: nameservers, the filter of fake addresses, and whom which names are asked of. */
import { z } from 'zod';
import { patterns, pem, port, text } from './config-values.ts';

/** What stands after `#` in a nameserver's address, for every kind of server that is asked over the network. */
const upstreamOptions = {
  /** Name of the outbound that questions go through; a UDP server is then asked over TCP. */
  via: text.optional(),
  /** The rules say which outbound the server is asked through, as for a connection to it. */
  byRules: z.literal(true).optional(),
  /** Interface that questions leave by; else that of the route. */
  device: text.optional(),
  /** Prefix told to the server as the client's (RFC 7871). */
  ecs: text.optional(),
  /** Questions for A (AAAA) are answered "no such record" without asking. */
  disableIpv4: z.boolean().optional(),
  disableIpv6: z.boolean().optional(),
  /** The same for other types, by number. */
  disableTypes: z.array(z.number().int().min(1).max(65_535)).max(64).optional(),
  /** /96 prefix with which AAAA records are made of A records where there are none (RFC 6147). */
  dns64: text.optional(),
};

/**
 * A nameserver by its parts: `udp://192.0.2.1:53`, `tls://dns.example`, `https://dns.example/dns-query`, `rcode://name_error`,
 * or the servers that the system used before us.
 */
export const upstreamSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('udp'), address: text, port, ...upstreamOptions }),
  /** `host` is an address or a name, which the bootstrap servers look up. */
  z.strictObject({ kind: z.literal('tcp'), host: text, port, ...upstreamOptions }),
  /** DNS over TLS (RFC 7858); the certificate must be good for `host`. `ca`: PEM of an authority believed besides the system's. */
  z.strictObject({ kind: z.literal('tls'), host: text, port, ca: pem.optional(), ...upstreamOptions }),
  /** DNS over HTTPS (RFC 8484), HTTP/2 where the server knows it. */
  z.strictObject({
    kind: z.literal('https'),
    host: text,
    port,
    path: z.string().startsWith('/').max(1024),
    method: z.enum(['GET', 'POST']),
    ca: pem.optional(),
    ...upstreamOptions,
  }),
  z.strictObject({ kind: z.literal('system') }),
  /** Answers every question with this code itself. */
  z.strictObject({ kind: z.literal('rcode'), rcode: z.enum(['NOERROR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']) }),
]);
export type UpstreamConfig = z.infer<typeof upstreamSchema>;

const upstreams = z.array(upstreamSchema).max(32);

/** Sets whose names are meant, too: `geosite:cn`, `rule-set:NAME` (`sets` of the configuration). */
export const setNames = z.array(z.string().min(1).max(300)).max(1_000);

/** Which names get fake addresses; first hit wins in mode `rule`, and `MATCH` is what is left. */
export const fakeIpFilterSchema = z.discriminatedUnion('mode', [
  /** Listed names get real answers (besides the built-in ones). */
  z.strictObject({ mode: z.literal('blacklist'), patterns, sets: setNames.optional() }),
  /** Only listed names get fake addresses. */
  z.strictObject({ mode: z.literal('whitelist'), patterns, sets: setNames.optional() }),
  z.strictObject({
    mode: z.literal('rule'),
    rules: z
      .array(
        z.strictObject({
          type: z.enum(['DOMAIN', 'DOMAIN-SUFFIX', 'DOMAIN-KEYWORD', 'GEOSITE', 'RULE-SET', 'MATCH']),
          payload: z.string().max(255),
          answer: z.enum(['fake-ip', 'real-ip']),
        }),
      )
      .max(100_000),
  }),
]);
export type FakeIpFilterConfig = z.infer<typeof fakeIpFilterSchema>;

export const dnsModes = ['fake-ip', 'redir-host'] as const;
export type DnsMode = (typeof dnsModes)[number];

export const dnsSchema = z.strictObject({
  /** IPv4 prefix of the fake addresses, e.g. `198.18.0.0/15`; its first two usable addresses are the TUN's and the DNS server's. */
  fakeIpRange: text,
  /** IPv6 prefix with room for as many addresses, e.g. `fdfe:dcba:9877::/96`; null = names have no fake IPv6 address. */
  fakeIpRange6: text.nullable(),
  fakeIpFilter: fakeIpFilterSchema,
  /** Seconds. */
  fakeIpTtl: z.number().int().min(0).max(3600),
  mode: z.enum(dnsModes),
  /** Names that do not exist are told so where that costs nothing; `false` answers every name with a fake address. */
  truthful: z.boolean(),
  /** Public DoH servers of browsers are answered NXDOMAIN, so that they ask us. */
  blockDoh: z.boolean(),
  /** Whether real answers have AAAA records. */
  ipv6: z.boolean(),
  nameserver: upstreams.min(1),
  /** Asked besides `nameserver` (empty = none): its answer is taken where the filter does not believe the other one. */
  fallback: upstreams,
  fallbackFilter: z.strictObject({ ipcidr: z.array(text).max(10_000), domain: patterns }),
  /**
   * Asked instead of `nameserver`: in order, the first entry one of whose sets has the name; of those between two entries with sets
   * that with the closest pattern.
   */
  nameserverPolicy: z
    .array(z.strictObject({ patterns, sets: setNames.optional(), servers: upstreams.min(1) }))
    .max(10_000),
  /** For the names of proxy servers and for DIRECT connections; empty = as all names. */
  proxyServerNameserver: upstreams,
  directNameserver: upstreams,
  /** Asked through a proxy whether a name exists, after a dial through it failed; literal addresses. Empty = nobody is asked. */
  remoteNameserver: upstreams,
  /** Look up the names of nameservers; literal addresses. Empty = the system's servers. */
  bootstrap: upstreams,
  /** Answers that are remembered. */
  cacheSize: z.number().int().min(0).max(1_000_000),
  /** Pattern -> addresses, or one alias name. */
  hosts: z.record(z.string(), z.union([z.array(text).min(1), text])),
  /** Whether /etc/hosts is answered too. */
  systemHosts: z.boolean(),
});
export type DnsConfig = z.infer<typeof dnsSchema>;
