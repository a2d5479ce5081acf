/**
 * The validated effective configuration that the app hands to the helper. It is not the YAML that people write
 * (`core/profile` reads that); every default is filled in, every rule parsed, nothing in it names a file.
 */
import { z } from 'zod';
import { patterns, port, secret, text } from './config-values.ts';
import { dnsSchema, setNames } from './dns-config.ts';
import { directPolicy, proxySchema } from './proxy-config.ts';
import { ruleTypes } from './rule-types.ts';
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
  /** Of select: the member in use before a person chooses; absent: the first. */
  initial: text.optional(),
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

/** Nodes that are tested by themselves, whatever groups want of them: those of a provider with a health check. */
export const nodeCheckSchema = z.strictObject({
  /** Of the provider. */
  name: text,
  members: z.array(text).max(20_000),
  test: groupTestSchema,
});
export type NodeCheckConfig = z.infer<typeof nodeCheckSchema>;

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
  /** The same by sets (`sets` of the configuration). */
  forceSets: setNames.optional(),
  skipSets: setNames.optional(),
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
  checks: z.array(nodeCheckSchema).max(300).default([]),
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
  checks: [],
  rules: [{ type: 'MATCH', payload: '', policy: directPolicy, noResolve: false }],
  subRules: {},
  sets: [],
};
