/** The fake-IP mapping table and the DNS log as people see them. */
import { z } from 'zod';

export const mappingStates = ['live', 'resting', 'free', 'retired'] as const;

export const mappingRowSchema = z.strictObject({
  address: z.string(),
  name: z.string(),
  /** live: flows use it; resting: not to be given to another name yet; free: may be given away; retired: of a former range. */
  state: z.enum(mappingStates),
  /** Unix time in milliseconds; 0 = never. */
  firstSeen: z.number(),
  lastAnswered: z.number(),
  lastConnected: z.number(),
  answers: z.number().int(),
  flows: z.number().int(),
  liveFlows: z.number().int(),
  /** Outcome of the last dial: `ok` or an error code; empty before the first. */
  outcome: z.string(),
});
export type MappingRow = z.infer<typeof mappingRowSchema>;

export const dnsVerdicts = ['fake', 'real', 'cache', 'hosts', 'local', 'blocked', 'refused', 'error'] as const;

export const dnsRowSchema = z.strictObject({
  id: z.string(),
  /** Unix time in milliseconds. */
  time: z.number(),
  client: z.string(),
  name: z.string(),
  type: z.string(),
  verdict: z.enum(dnsVerdicts),
  rcode: z.string(),
  /** Addresses or other data of the answer, short. */
  answer: z.string(),
  upstream: z.string().optional(),
  /** From question to answer. */
  ms: z.number(),
});
export type DnsRow = z.infer<typeof dnsRowSchema>;
