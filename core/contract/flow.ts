/** A connection as people see it: one row of the inspector. */
import { z } from 'zod';
import { ruleTypes } from './config.ts';
import { errorCodes } from './error.ts';

export const endpointSchema = z.strictObject({ host: z.string(), port: z.number().int().min(0).max(65_535) });
/** A name or an address, and a port. */
export type Endpoint = z.infer<typeof endpointSchema>;

export const processInfoSchema = z.strictObject({
  pid: z.number().int(),
  uid: z.number().int(),
  name: z.string(),
  path: z.string(),
});
export type ProcessInfo = z.infer<typeof processInfoSchema>;

export const domainSources = ['inbound', 'fake-ip', 'redir-host', 'sniffed'] as const;
/** How the name of a flow was found. */
export type DomainSource = (typeof domainSources)[number];

export const matchedRuleSchema = z.strictObject({
  /** Place in the list, from 0; -1 when no rule matched and DIRECT was taken. */
  index: z.number().int(),
  type: z.enum(ruleTypes).or(z.literal('NONE')).or(z.literal('LOOP-GUARD')),
  payload: z.string(),
  policy: z.string(),
});
export type MatchedRule = z.infer<typeof matchedRuleSchema>;

export const flowStates = ['deciding', 'dialing', 'open', 'closed'] as const;
export type FlowState = (typeof flowStates)[number];

export const connectionRowSchema = z.strictObject({
  id: z.string(),
  network: z.enum(['tcp', 'udp']),
  inbound: z.enum(['tun', 'mixed']),
  source: endpointSchema,
  /** What is connected to, by name where one is known. */
  destination: endpointSchema,
  domainSource: z.enum(domainSources).optional(),
  /** The fake address the application connected to. */
  fakeIp: z.string().optional(),
  process: processInfoSchema.optional(),
  rule: matchedRuleSchema.optional(),
  /** Address found for an IP rule; used for matching only. */
  matchedIp: z.string().optional(),
  /** From the leaf outbound to the outermost group. */
  chain: z.array(z.string()),
  /** Address of the other end of our outward socket (the server, or the proxy). */
  remote: z.string().optional(),
  state: z.enum(flowStates),
  /** Bytes so far. */
  up: z.number(),
  down: z.number(),
  /** Unix time in milliseconds. */
  openedAt: z.number(),
  closedAt: z.number().optional(),
  /** Milliseconds the dial took. */
  dialMs: z.number().optional(),
  closeReason: z.string().optional(),
  error: z.strictObject({ code: z.enum(errorCodes), message: z.string() }).optional(),
});
export type ConnectionRow = z.infer<typeof connectionRowSchema>;

/** One step of the answer to "what would happen to this host?". */
export const ruleTraceSchema = z.strictObject({
  host: z.string(),
  port: z.number().int(),
  network: z.enum(['tcp', 'udp']),
  steps: z.array(
    z.strictObject({
      index: z.number().int(),
      type: z.string(),
      payload: z.string(),
      policy: z.string(),
      hit: z.boolean(),
      why: z.string(),
    }),
  ),
  /** Address used for matching, if one was looked up. */
  resolved: z.string().optional(),
  rule: matchedRuleSchema,
  chain: z.array(z.string()),
});
export type RuleTrace = z.infer<typeof ruleTraceSchema>;
