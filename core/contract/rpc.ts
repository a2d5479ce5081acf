/**
 * The one contract between helper and app. Server, client, the window's bridge, the browser transport and test doubles
 * are derived from it: a new method is one row here and one handler in the helper.
 */
import { z } from 'zod';
import { configSchema, policyModes, ruleSchema } from './config.ts';
import { dnsRowSchema, mappingRowSchema } from './dns.ts';
import { dnsModes } from './dns-config.ts';
import { connectionRowSchema, policyWays, ruleTraceSchema } from './flow.ts';
import { logRowSchema } from './log.ts';
import { proxyRowSchema } from './proxies.ts';
import { ruleTypes } from './rule-types.ts';
import { blobPartBytes, maxBlobBytes, maxSets, sha256Schema } from './sets.ts';
import { networkChangeSchema, ownerModes, snapshotSchema, trafficSchema } from './status.ts';

/** Major: both ends must agree. Minor: grows with additions. */
export const protocolVersion = { major: 2, minor: 0 } as const;

const none = z.strictObject({});
const host = z.string().min(1).max(255);

export const dnsAnswerSchema = z.strictObject({
  rcode: z.string(),
  verdict: z.string(),
  upstream: z.string().optional(),
  /** From our question to the upstream's answer, milliseconds. */
  upstreamMs: z.number().optional(),
  answers: z.array(z.strictObject({ name: z.string(), type: z.string(), ttl: z.number().int(), data: z.string() })),
  ms: z.number(),
});

export const ruleRowSchema = z.strictObject({
  index: z.number().int(),
  type: z.enum(ruleTypes),
  payload: z.string(),
  policy: z.string(),
  /** What the policy does now. */
  way: z.enum(policyWays).optional(),
  noResolve: z.boolean(),
  src: z.literal(true).optional(),
  /** Flows that it has decided, and such as it was tested for in vain. */
  hits: z.number().int(),
  misses: z.number().int(),
  /** Switched off: it is passed over. */
  off: z.boolean(),
});
export type RuleRow = z.infer<typeof ruleRowSchema>;

/** What a window may call through its app process, which hands it on as it is: every row goes by every transport. */
export const relayedMethods = {
  getSnapshot: { params: none, result: snapshotSchema },
  /** The two halves of Enhanced Mode, one by one; remembered. */
  setSwitches: {
    params: z.strictObject({
      systemDns: z.boolean().optional(),
      autoRoute: z.boolean().optional(),
      /** Instead of the profile's; `null` = as the profile says. Open flows and known fake addresses stay understood. */
      dnsMode: z.enum(dnsModes).nullable().optional(),
      /** Instead of the profile's, likewise; open flows keep their way. */
      mode: z.enum(policyModes).nullable().optional(),
    }),
    result: snapshotSchema,
  },
  /**
   * Chooses the member of a group; null = what the group does by itself. It is remembered, also for the time after a restart, and by
   * the group's name, so for another profile with such a group as well. Open flows keep their node.
   */
  selectProxy: {
    params: z.strictObject({ group: host, member: host.nullable() }),
    result: z.strictObject({ now: z.string().nullable() }),
  },
  /**
   * Begins tests, and answers which nodes they are of; the rows of `proxies` show the rest: `testing`, then another entry of
   * `delays` that is not older than `startedAt`. A group stands for its members. `group` says whose address and time-out are
   * used; without it those of the tested group itself, for a node the usual ones. Without `policy`: all nodes, by the tests of all
   * groups.
   */
  testProxies: {
    params: z.strictObject({ policy: host.optional(), group: host.optional() }),
    result: z.strictObject({
      nodes: z.array(z.string()),
      test: z.strictObject({ url: z.string(), expectedStatus: z.string(), timeout: z.number().int() }).optional(),
      startedAt: z.number(),
    }),
  },
  /** Ends the tests that people have asked for; those of groups go on. */
  stopTests: { params: none, result: z.strictObject({ stopped: z.number().int() }) },
  listRules: { params: none, result: z.array(ruleRowSchema) },
  /**
   * Switches a rule off or on, until somebody switches it again: by the rule's text, within the profile.
   * `changed` is false when the rule at `index` is another one than the caller saw. Open flows stay as they are.
   */
  switchRule: {
    params: z.strictObject({ index: z.number().int().min(0), rule: ruleSchema, on: z.boolean() }),
    result: z.strictObject({ changed: z.boolean() }),
  },
  /** `ids` or all flows that the caller may see. */
  closeFlows: {
    params: z.strictObject({ ids: z.array(z.string()).max(100_000).optional(), all: z.boolean().optional() }),
    result: z.strictObject({ closed: z.number().int() }),
  },
  testRule: {
    params: z.strictObject({
      host,
      port: z.number().int().min(0).max(65_535),
      network: z.enum(['tcp', 'udp']),
      /** Id of a connection whose source and process are to be used as well; one that is not known (any more) is passed over. */
      flow: z.string().max(64).optional(),
    }),
    result: ruleTraceSchema,
  },
  /** What an application would be answered. */
  dnsQuery: { params: z.strictObject({ name: host, type: z.string().max(10) }), result: dnsAnswerSchema },
  /** Forgets the answers of upstreams (and which names do not exist). */
  flushDnsCache: { params: none, result: z.strictObject({ answers: z.number().int() }) },
  /** Retires every mapping that is not pinned: old addresses stay understood until their rest ends. */
  flushFakeIp: { params: none, result: z.strictObject({ retired: z.number().int() }) },
  /** `pin` keeps an address for its name for ever, `retire` flushes single ones. Addresses without a mapping are passed over. */
  changeMappings: {
    params: z.strictObject({
      addresses: z.array(z.string().max(64)).min(1).max(100_000),
      action: z.enum(['pin', 'unpin', 'retire']),
    }),
    result: z.strictObject({ changed: z.number().int() }),
  },
} as const;

/** What only the app process and the command line call: a window has no such wish, or its app carries it out its own way. */
const unrelayedMethods = {
  /** Turns Enhanced Mode on for the caller's uid, or off. Answers when running, or with the error after rollback. */
  setEnhanced: {
    params: z.strictObject({ on: z.boolean(), mode: z.enum(ownerModes).optional() }),
    result: snapshotSchema,
  },
  /** Keeps a session alive (and resumes it after a helper's crash). Call every 5 s; without it a session ends after 20 s. */
  renewLease: { params: none, result: z.strictObject({ ttlMs: z.number(), resumed: z.boolean() }) },
  /**
   * Replaces the configuration of the caller's uid; open flows keep the old one. Nothing changes when it is refused, and when
   * `lacks` names blobs that its sets want and that are not there: hand them over, and apply it again.
   */
  applyConfig: {
    params: z.strictObject({
      config: configSchema,
      /** Which of the user's profiles it is, by any name: what is known of rules is known by profile. */
      profile: z.string().max(100).optional(),
    }),
    result: z.strictObject({ hash: z.string(), lacks: z.array(sha256Schema).max(maxSets).optional() }),
  },
  /**
   * A part of what is in a set, in order; the helper keeps the whole for the caller's uid as long as a configuration names it, and ten
   * minutes for the next one to name it. A part that has come already is no mistake; of what is whole already every part is the last.
   * Three blobs of a user may be under way at a time.
   */
  putBlob: {
    params: z.strictObject({
      sha256: sha256Schema,
      size: z.number().int().min(0).max(maxBlobBytes),
      offset: z.number().int().min(0).max(maxBlobBytes),
      /** Base64 of at most `blobPartBytes`. */
      data: z.string().max(Math.ceil(blobPartBytes / 3) * 4),
    }),
    /** Whether it is whole now. */
    result: z.strictObject({ done: z.boolean() }),
  },
  /**
   * What an app says at the mixed port with the name of a policy, so that a download takes that policy in place of the rules; only for
   * whom the configuration in force belongs to. It changes when the port is opened anew. Null while it is not open.
   */
  getPolicyKey: { params: none, result: z.strictObject({ key: z.string().nullable() }) },
  /** Turns everything off and undoes every change of the machine's network. */
  restore: { params: none, result: z.strictObject({ undone: z.array(networkChangeSchema) }) },
} as const;

export const methods = { ...relayedMethods, ...unrelayedMethods } as const;

/** Tables. `key` names a row; `counters` are the fields that may travel alone: the keys of such a table are decimal numbers. */
export const topics = {
  connections: { row: connectionRowSchema, key: 'id', counters: ['up', 'down'] },
  mappings: { row: mappingRowSchema, key: 'address', counters: [] },
  dnsLog: { row: dnsRowSchema, key: 'id', counters: [] },
  logs: { row: logRowSchema, key: 'id', counters: [] },
  proxies: { row: proxyRowSchema, key: 'name', counters: [] },
} as const;

/** Pushed without asking (snapshot) or while watched (traffic). */
export const events = {
  snapshot: snapshotSchema,
  traffic: trafficSchema,
} as const;

export type MethodName = keyof typeof methods;
export type RelayedMethodName = keyof typeof relayedMethods;
export type Params<M extends MethodName> = z.infer<(typeof methods)[M]['params']>;
export type Result<M extends MethodName> = z.infer<(typeof methods)[M]['result']>;
export type TopicName = keyof typeof topics;
export type Row<T extends TopicName> = z.infer<(typeof topics)[T]['row']>;
export type EventName = keyof typeof events;
export type EventData<E extends EventName> = z.infer<(typeof events)[E]>;

export const subscribeOptionsSchema = z.strictObject({
  /** Case-insensitive text that must occur in a row's searchable fields; empty = all. */
  search: z.string().max(200).optional(),
  /** Newest rows first for logs; at most this many rows are kept at the viewer. */
  limit: z.number().int().min(1).max(100_000).optional(),
  /** Also rows that have ended (connections). */
  closed: z.boolean().optional(),
});
export type SubscribeOptions = z.infer<typeof subscribeOptionsSchema>;

/** What a subscriber receives, at most once a second. A gap in `sequence` or another `epoch` is answered by a new subscription. */
export interface TopicBatch<T extends TopicName = TopicName> {
  epoch: number;
  sequence: number;
  /** The rows replace everything the viewer holds. */
  reset: boolean;
  /** New and changed rows, whole. */
  rows: Row<T>[];
  /** Counters that have moved, flat: the row's key, which is a decimal number, then its values in the order of the topic's counters. */
  counters: number[];
  removed: string[];
  /** Rows that match at the server (may exceed what `limit` lets through). */
  total: number;
}
