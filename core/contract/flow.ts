/** A connection as people see it: one row of the inspector. */
import { z } from 'zod';
import { errorCodes } from './error.ts';
import { type RuleReason, type RuleReasonCode, ruleReasons } from './rule-reasons.ts';
import { ruleTypes } from './rule-types.ts';

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

/** What a policy does with a connection in the end, whatever its name: `direct`, through a proxy, or not at all. */
export const policyWays = ['direct', 'proxied', 'rejected'] as const;
export type PolicyWay = (typeof policyWays)[number];

export const matchedRuleSchema = z.strictObject({
  /** Place in the list, from 0; -1 when no rule decided: none matched (NONE), or none was asked. */
  index: z.number().int(),
  type: z.enum(ruleTypes).or(z.enum(['NONE', 'LOOP-GUARD', 'MODE', 'DOWNLOAD'])),
  payload: z.string(),
  policy: z.string(),
});
export type MatchedRule = z.infer<typeof matchedRuleSchema>;

export const flowStates = ['deciding', 'dialing', 'open', 'closed'] as const;
export type FlowState = (typeof flowStates)[number];

/** Why a connection ended. A newer helper may know more. */
export const closeReasons = [
  'done',
  'reset-by-client',
  'reset-by-remote',
  'unreadable', // the node has said what is not its protocol, or not with our password
  'closed',
  'rejected',
  'failed',
  'idle',
  'dropped',
  'gave-way',
  'abandoned',
  'rerouted',
  'stopped',
] as const;
export type CloseReason = (typeof closeReasons)[number];

export const dialAttemptSchema = z.strictObject({
  address: z.string(),
  /** Milliseconds since the dial began. */
  begunMs: z.number(),
  /** Milliseconds from then to its end. */
  tookMs: z.number(),
  /** `unanswered`: another address answered first, or the time was over. */
  end: z.enum(['connected', 'unanswered']).or(z.enum(errorCodes)),
});
/** One address of a dial, and what came of it. */
export type DialAttempt = z.infer<typeof dialAttemptSchema>;

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
  /** What that leaf does; absent before the decision. */
  way: z.enum(policyWays).optional(),
  /** Address of the other end of our outward socket (the server, or the proxy). */
  remote: z.string().optional(),
  state: z.enum(flowStates),
  /** Bytes so far. */
  up: z.number(),
  down: z.number(),
  /** Unix time in milliseconds. */
  openedAt: z.number(),
  closedAt: z.number().optional(),
  /** Milliseconds from the opening until the rules had decided: with them the search for a name in the first bytes. */
  decideMs: z.number().optional(),
  /** Addresses that the dial was given to try, in this order: of the target, or of the proxy. */
  tried: z.array(z.string()).optional(),
  /** What came of the addresses, where the first one did not answer at once: those that were dialled, in this order. */
  attempts: z.array(dialAttemptSchema).optional(),
  /** Milliseconds the dial took, until it succeeded or failed. */
  dialMs: z.number().optional(),
  /** Milliseconds from the opening to the first byte that came back. */
  firstByteMs: z.number().optional(),
  closeReason: z.string().optional(),
  error: z.strictObject({ code: z.enum(errorCodes), message: z.string() }).optional(),
});
export type ConnectionRow = z.infer<typeof connectionRowSchema>;

const ruleReasonSchema = z.strictObject({
  code: z.custom<RuleReasonCode>((value) => typeof value === 'string' && Object.hasOwn(ruleReasons, value)),
  values: z.record(z.string(), z.string()),
});

/** A rule that was tested. */
export interface RuleTraceStep {
  /** Place in its list, from 0; -1 for what is no rule of a list. */
  index: number;
  type: string;
  payload: string;
  /** Empty for rules within others. */
  policy: string;
  hit: boolean;
  why: RuleReason;
  /** The rules within: those of logic up to the one that decided, those of the list that a sub-rule leads to. */
  steps?: RuleTraceStep[] | undefined;
}

export const ruleTraceStepSchema: z.ZodType<RuleTraceStep> = z.strictObject({
  index: z.number().int(),
  type: z.string(),
  payload: z.string(),
  policy: z.string(),
  hit: z.boolean(),
  why: ruleReasonSchema,
  steps: z.lazy(() => z.array(ruleTraceStepSchema)).optional(),
});

/** The answer to "what would happen to this host?". */
export const ruleTraceSchema = z.strictObject({
  host: z.string(),
  port: z.number().int(),
  network: z.enum(['tcp', 'udp']),
  steps: z.array(ruleTraceStepSchema),
  /** Address used for matching, if one was looked up. */
  resolved: z.string().optional(),
  rule: matchedRuleSchema,
  chain: z.array(z.string()),
  way: z.enum(policyWays).optional(),
  /** Why nothing can be dialled there: a group with nothing to offer, a node that is not spoken yet. */
  refusal: z.strictObject({ code: z.enum(errorCodes), message: z.string() }).optional(),
});
export type RuleTrace = z.infer<typeof ruleTraceSchema>;
