/**
 * The validated effective configuration that the app hands to the helper. It is not the YAML that people write
 * (`core/profile` reads that); every default is filled in, every rule parsed, nothing in it names a file.
 */
import { z } from 'zod';

const port = z.number().int().min(1).max(65_535);
const text = z.string().min(1).max(255);
/** Never appears in a snapshot, an event, a log or a problem report. */
const secret = z.string().max(255);

export const socks5ProxySchema = z.strictObject({
  type: z.literal('socks5'),
  name: text,
  /** A name or an address; a name is resolved by our own resolver, never by the OS. */
  server: text,
  port,
  username: secret.optional(),
  password: secret.optional(),
  /** Whether UDP ASSOCIATE may be used; `false` makes UDP rejected by ICMP. */
  udp: z.boolean(),
});
export const directProxySchema = z.strictObject({ type: z.literal('direct'), name: text });
export const rejectProxySchema = z.strictObject({ type: z.literal('reject'), name: text, drop: z.boolean() });

/** Built-in outbounds (DIRECT, REJECT, REJECT-DROP) are always there and are not listed. */
export const proxySchema = z.discriminatedUnion('type', [socks5ProxySchema, directProxySchema, rejectProxySchema]);
export type ProxyConfig = z.infer<typeof proxySchema>;
export type Socks5ProxyConfig = z.infer<typeof socks5ProxySchema>;

export const ruleTypes = [
  'DOMAIN',
  'DOMAIN-SUFFIX',
  'DOMAIN-KEYWORD',
  'IP-CIDR',
  'IP-CIDR6',
  'DST-PORT',
  'MATCH',
] as const;
export type RuleType = (typeof ruleTypes)[number];

export const ruleSchema = z.strictObject({
  type: z.enum(ruleTypes),
  /** As written, trimmed; empty for MATCH. */
  payload: z.string().max(1024),
  policy: text,
  noResolve: z.boolean(),
});
export type RuleConfig = z.infer<typeof ruleSchema>;

/** `udp://192.0.2.1:53` by its parts, or the servers that the system used before us. */
export const upstreamSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('udp'), address: text, port }),
  z.strictObject({ kind: z.literal('system') }),
]);
export type UpstreamConfig = z.infer<typeof upstreamSchema>;

export const dnsSchema = z.strictObject({
  /** IPv4 prefix of the fake addresses, e.g. `198.18.0.0/15`; its first two usable addresses are the TUN's and the DNS server's. */
  fakeIpRange: text,
  /** Names that get real answers; grammar of the domain patterns. */
  fakeIpFilter: z.array(z.string().max(255)).max(100_000),
  /** Seconds. */
  fakeIpTtl: z.number().int().min(0).max(3600),
  nameserver: z.array(upstreamSchema).min(1).max(32),
  /** Pattern -> addresses, or one alias name. */
  hosts: z.record(z.string(), z.union([z.array(text).min(1), text])),
});
export type DnsConfig = z.infer<typeof dnsSchema>;

export const tunSchema = z.strictObject({
  device: z.string().regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,14}$/),
  mtu: z.number().int().min(1280).max(65_535),
  gso: z.boolean(),
  /** IPv4 and IPv6 prefixes that never enter the TUN. */
  routeExclude: z.array(text).max(1024),
});
export type TunConfig = z.infer<typeof tunSchema>;

export const mixedSchema = z.strictObject({
  /** Loopback unless the person said otherwise. */
  address: text,
  port,
  users: z.array(z.strictObject({ username: secret, password: secret })).max(256),
});
export type MixedConfig = z.infer<typeof mixedSchema>;

export const configSchema = z.strictObject({
  logLevel: z.enum(['debug', 'info', 'warning', 'error', 'silent']),
  dns: dnsSchema,
  tun: tunSchema,
  mixed: mixedSchema.nullable(),
  proxies: z.array(proxySchema).max(10_000),
  rules: z.array(ruleSchema).max(1_000_000),
});
export type Config = z.infer<typeof configSchema>;

/** What is used before any profile is loaded: everything DIRECT, every connection shown by name. */
export const defaultConfig: Config = {
  logLevel: 'info',
  dns: {
    fakeIpRange: '198.18.0.0/15',
    fakeIpFilter: [],
    fakeIpTtl: 1,
    nameserver: [{ kind: 'system' }],
    hosts: {},
  },
  tun: { device: 'mirage0', mtu: 9000, gso: true, routeExclude: [] },
  mixed: { address: '127.0.0.1', port: 7890, users: [] },
  proxies: [],
  rules: [{ type: 'MATCH', payload: '', policy: 'DIRECT', noResolve: false }],
};
