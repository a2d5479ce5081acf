/**
 * The one contract between helper and app. Server, client, the window's bridge, the browser transport and test doubles
 * are derived from it: a new method is one line here and one handler, and the compiler lists what is missing.
 */
import { z } from 'zod';
import { configSchema, dnsModes } from './config.ts';
import { dnsRowSchema, mappingRowSchema } from './dns.ts';
import { connectionRowSchema, ruleTraceSchema } from './flow.ts';
import { logRowSchema } from './log.ts';
import { networkChangeSchema, ownerModes, snapshotSchema, trafficSchema } from './status.ts';

/** Major: both ends must agree. Minor: grows with additions. */
export const protocolVersion = { major: 1, minor: 1 } as const;

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
  type: z.string(),
  payload: z.string(),
  policy: z.string(),
  noResolve: z.boolean(),
  hits: z.number().int(),
});
export type RuleRow = z.infer<typeof ruleRowSchema>;

export const methods = {
  getSnapshot: { params: none, result: snapshotSchema },
  /** Turns Enhanced Mode on for the caller's uid, or off. Answers when running, or with the error after rollback. */
  setEnhanced: {
    params: z.strictObject({ on: z.boolean(), mode: z.enum(ownerModes).optional() }),
    result: snapshotSchema,
  },
  /** The two halves of Enhanced Mode, one by one; remembered. */
  setSwitches: {
    params: z.strictObject({
      systemDns: z.boolean().optional(),
      autoRoute: z.boolean().optional(),
      /** Instead of the profile's mode; `null` = as the profile says. Open flows and known fake addresses stay understood. */
      dnsMode: z.enum(dnsModes).nullable().optional(),
    }),
    result: snapshotSchema,
  },
  /** Keeps a session alive (and resumes it after a helper's crash). Call every 5 s; without it a session ends after 20 s. */
  renewLease: { params: none, result: z.strictObject({ ttlMs: z.number(), resumed: z.boolean() }) },
  /** Replaces the configuration of the caller's uid; open flows keep the old one. Nothing changes when it is refused. */
  applyConfig: { params: z.strictObject({ config: configSchema }), result: z.strictObject({ hash: z.string() }) },
  listRules: { params: none, result: z.array(ruleRowSchema) },
  /** `ids` or all flows that the caller may see. */
  closeFlows: {
    params: z.strictObject({ ids: z.array(z.string()).max(100_000).optional(), all: z.boolean().optional() }),
    result: z.strictObject({ closed: z.number().int() }),
  },
  testRule: {
    params: z.strictObject({ host, port: z.number().int().min(0).max(65_535), network: z.enum(['tcp', 'udp']) }),
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
  /** Turns everything off and undoes every change of the machine's network. */
  restore: { params: none, result: z.strictObject({ undone: z.array(networkChangeSchema) }) },
} as const;

/** Tables. `key` names a row; `counters` are the fields that may travel alone as `[key, ...numbers]`. */
export const topics = {
  connections: { row: connectionRowSchema, key: 'id', counters: ['up', 'down'] },
  mappings: { row: mappingRowSchema, key: 'address', counters: [] },
  dnsLog: { row: dnsRowSchema, key: 'id', counters: [] },
  logs: { row: logRowSchema, key: 'id', counters: [] },
} as const;

/** Pushed without asking (snapshot) or while watched (traffic). */
export const events = {
  snapshot: snapshotSchema,
  traffic: trafficSchema,
} as const;

export type MethodName = keyof typeof methods;
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
  /** `[key, ...values in the order of the topic's counters]`. */
  counters: [string, ...number[]][];
  removed: string[];
  /** Rows that match at the server (may exceed what `limit` lets through). */
  total: number;
}
