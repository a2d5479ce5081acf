/**
 * The validated effective configuration that the app hands to the helper. It is not the YAML that people write
 * (`core/profile` reads that); every default is filled in, every rule parsed, nothing in it names a file.
 */
import { z } from 'zod';
import { pem, port, secret, text } from './config-values.ts';
import { directPolicy, proxySchema } from './proxy-config.ts';
import { maxSets, setSchema } from './sets.ts';

export const policyModes = ['rule', 'global', 'direct'] as const;
/** Who decides about a flow: the rules, the group GLOBAL for all, or DIRECT for all. */
export type PolicyMode = (typeof policyModes)[number];

export const groupTypes = ['select', 'url-test', 'fallback', 'load-balance', 'relay'] as const;
export type GroupType = (typeof groupTypes)[number];

/** The group of mode `global`. The profile may have one of its own; else it has all nodes and groups. */
export const globalGroup = 'GLOBAL';

export const balanceStrategies = ['consistent-hashing', 'round-robin', 'sticky-sessions'] as const;
export type BalanceStrategy = (typeof balanceStrategies)[number];

/** How the members of a group are tested: by a HEAD request through them. */
export const groupTestSchema = z.strictObject({
  url: z.string().min(1).max(2048),
  /** Seconds; 0 = only when asked to, and after failed dials. */
  interval: z.number().int().min(0).max(31_536_000),
  /** Milliseconds. */
  timeout: z.number().int().min(1).max(600_000),
  /** Milliseconds by which another member must be faster to be taken instead (url-test). */
  tolerance: z.number().int().min(0).max(65_535),
  /** Whether it is tested only while it is used. */
  lazy: z.boolean(),
  /** Status codes that count: `*` for all, or `200/204/400-500`. */
  expectedStatus: z.string().regex(/^(\*|\d{1,3}(-\d{1,3})?(\/\d{1,3}(-\d{1,3})?)*)$/),
});
export type GroupTest = z.infer<typeof groupTestSchema>;
/** How a group is tested that says nothing of it, and how often an automatic one. As in Clash. */
export const usualTest: GroupTest = {
  url: 'https://www.gstatic.com/generate_204',
  interval: 300,
  timeout: 5000,
  tolerance: 0,
  lazy: true,
  expectedStatus: '*',
};

export const groupSchema = z.strictObject({
  name: text,
  type: z.enum(groupTypes),
  /** Nodes, groups and built-in policies, each once; a group without any refuses what comes to it. */
  members: z.array(text).max(20_000),
  /** Absent: at the usual address, when somebody asks. */
  test: groupTestSchema.optional(),
  /** Of load-balance. */
  strategy: z.enum(balanceStrategies).optional(),
  /** Whether UDP is carried, where the member can. */
  udp: z.boolean(),
  /** Left out of the list that people see, unless they ask for it. */
  hidden: z.boolean(),
  /** An address of a picture; nobody but a window ever asks for it. */
  icon: z.string().max(2048).optional(),
});
export type GroupConfig = z.infer<typeof groupSchema>;

export const ruleTypes = [
  'DOMAIN',
  'DOMAIN-SUFFIX',
  'DOMAIN-KEYWORD',
  'DOMAIN-REGEX',
  'DOMAIN-WILDCARD',
  'GEOSITE',
  'IP-CIDR',
  'IP-CIDR6',
  'IP-SUFFIX',
  'GEOIP',
  'IP-ASN',
  'SRC-IP-CIDR',
  'SRC-IP-SUFFIX',
  'SRC-GEOIP',
  'SRC-IP-ASN',
  'SRC-PORT',
  'SRC-MAC',
  'DST-PORT',
  'IN-PORT',
  'IN-TYPE',
  'IN-NAME',
  'IN-USER',
  'NETWORK',
  'DSCP',
  'UID',
  'PROCESS-NAME',
  'PROCESS-NAME-REGEX',
  'PROCESS-NAME-WILDCARD',
  'PROCESS-PATH',
  'PROCESS-PATH-REGEX',
  'PROCESS-PATH-WILDCARD',
  'RULE-SET',
  'AND',
  'OR',
  'NOT',
  'SUB-RULE',
  'MATCH',
] as const;
export type RuleType = (typeof ruleTypes)[number];

/** Rules that a connection may come to at most, those of sub-rules and sets as often as they are led to. */
export const mostRulesTogether = 2_000_000;

export const ruleSchema = z.strictObject({
  type: z.enum(ruleTypes),
  /** As `readPayload` spells it; empty for MATCH. Of AND, OR, NOT and SUB-RULE the rules that stand in it: `((TYPE,payload),...)`. */
  payload: z.string().max(16_384),
  /** Of a SUB-RULE the name of the list (`subRules`) that decides. */
  policy: text,
  noResolve: z.boolean(),
  /** The set is looked into by the source of the connection (RULE-SET). */
  src: z.literal(true).optional(),
});
export type RuleConfig = z.infer<typeof ruleSchema>;

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

const pattern = z.string().min(1).max(255);
const patterns = z.array(pattern).max(100_000);
const upstreams = z.array(upstreamSchema).max(32);

/** Sets whose names are meant, too: `geosite:cn`, `rule-set:NAME` (`sets` of the configuration). */
const setNames = z.array(z.string().min(1).max(300)).max(1_000);

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

/** Ports as `443` or `8080-8880`. */
const ports = z.array(z.string().regex(/^\d{1,5}(-\d{1,5})?$/)).max(1024);

/**
 * Reading the name of a connection from its first bytes. Flows whose name is in doubt (lost or re-issued fake addresses,
 * redir-host) are always looked at; `enabled` adds flows to bare addresses where a name could change the rule.
 */
export const snifferSchema = z.strictObject({
  enabled: z.boolean(),
  tls: ports,
  http: ports,
  quic: ports,
  /** Names that are looked for even where a name is known (patterns), and names found that are not believed. */
  forceDomain: patterns,
  skipDomain: patterns,
  /** Prefixes whose flows are never looked at. */
  skipSource: z.array(text).max(10_000),
  skipDestination: z.array(text).max(10_000),
});
export type SnifferConfig = z.infer<typeof snifferSchema>;

/** Prefixes of DNS servers. */
const servers = z.array(text).max(1024);
/** Servers whose questions are answered by us, and those among them that are spared. */
const hijackSchema = z.strictObject({ taken: servers, spared: servers });
/**
 * Questions to port 53 of which servers are answered by us; those to our own address always are. All others go on as connections,
 * decided by the rules, and so does what comes to port 53 and is no question that any resolver could answer.
 */
export const dnsHijackSchema = z.strictObject({ udp: hijackSchema, tcp: hijackSchema });
export type DnsHijack = z.infer<typeof dnsHijackSchema>;
export const everyServer: readonly string[] = ['0.0.0.0/0', '::/0'];

export const tunSchema = z.strictObject({
  device: z.string().regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,14}$/),
  mtu: z.number().int().min(1280).max(65_535),
  gso: z.boolean(),
  /** IPv4 and IPv6 prefixes that never enter the TUN. */
  routeExclude: z.array(text).max(1024),
  /** Whether what programs send around the TUN is refused. */
  strictRoute: z.boolean(),
  dnsHijack: dnsHijackSchema,
});
export type TunConfig = z.infer<typeof tunSchema>;

/** A user's programs may not listen below this port (ip(7)), and root does not do it for them. */
export const firstOpenPort = 1024;

export const mixedSchema = z.strictObject({
  /** Loopback unless the person said otherwise. */
  address: text,
  port,
  users: z.array(z.strictObject({ username: secret, password: secret })).max(256),
  /** Prefixes of clients that are let in (absent = all), and of those that are not; this machine's own always are. */
  allowed: z.array(text).max(1024).optional(),
  refused: z.array(text).max(1024).optional(),
});
export type MixedConfig = z.infer<typeof mixedSchema>;

export const configSchema = z.strictObject({
  logLevel: z.enum(['debug', 'info', 'warning', 'error', 'silent']),
  /**
   * Whether connections to real IPv6 addresses are carried, by the rules as all others; if not, they are unreachable at once.
   * `auto`: while this machine has a way to them itself.
   */
  ipv6: z.enum(['auto', 'always', 'never']),
  dns: dnsSchema,
  sniffer: snifferSchema,
  tun: tunSchema,
  mixed: mixedSchema.nullable(),
  /** Absent in configurations that earlier helpers have stored; likewise below. */
  mode: z.enum(policyModes).default('rule'),
  proxies: z.array(proxySchema).max(10_000),
  groups: z.array(groupSchema).max(1_000).default([]),
  rules: z.array(ruleSchema).max(1_000_000),
  /** Lists that rules lead into, by name. */
  subRules: z.record(text, z.array(ruleSchema).max(1_000_000)).default({}),
  /** What rules name; their contents were handed over by `putBlob`. */
  sets: z.array(setSchema).max(maxSets).default([]),
});
export type Config = z.infer<typeof configSchema>;

/** Bytes that a configuration may have as JSON. */
export const maxConfigBytes = 31 * 1024 * 1024;

const hijackAll: DnsHijack = {
  udp: { taken: [...everyServer], spared: [] },
  tcp: { taken: [...everyServer], spared: [] },
};

/** What is used before any profile is loaded: everything DIRECT, every connection shown by name. */
export const defaultConfig: Config = {
  logLevel: 'info',
  ipv6: 'auto',
  dns: {
    fakeIpRange: '198.18.0.0/15',
    fakeIpRange6: null,
    fakeIpFilter: { mode: 'blacklist', patterns: [] },
    fakeIpTtl: 1,
    mode: 'fake-ip',
    truthful: true,
    blockDoh: false,
    ipv6: true,
    nameserver: [{ kind: 'system' }],
    fallback: [],
    fallbackFilter: { ipcidr: ['240.0.0.0/4', '0.0.0.0/32', '127.0.0.0/8', '::/128', '::1/128'], domain: [] },
    nameserverPolicy: [],
    proxyServerNameserver: [],
    directNameserver: [],
    remoteNameserver: [
      { kind: 'https', host: '1.1.1.1', port: 443, path: '/dns-query', method: 'POST' },
      { kind: 'https', host: '8.8.8.8', port: 443, path: '/dns-query', method: 'POST' },
    ],
    bootstrap: [],
    cacheSize: 4096,
    hosts: {},
    systemHosts: true,
  },
  sniffer: {
    enabled: false,
    tls: ['443', '8443'],
    http: ['80', '8080-8880'],
    quic: ['443', '8443'],
    forceDomain: [],
    skipDomain: ['+.push.apple.com'],
    skipSource: [],
    skipDestination: [],
  },
  tun: { device: 'mirage0', mtu: 9000, gso: true, routeExclude: [], strictRoute: false, dnsHijack: hijackAll },
  mixed: { address: '127.0.0.1', port: 7890, users: [] },
  mode: 'rule',
  proxies: [],
  groups: [],
  rules: [{ type: 'MATCH', payload: '', policy: directPolicy, noResolve: false }],
  subRules: {},
  sets: [],
};
