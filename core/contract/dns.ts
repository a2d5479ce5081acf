/** The fake-IP mapping table and the DNS log as people see them. */
import { z } from 'zod';

export const mappingStates = ['live', 'resting', 'free', 'retired', 'unknown'] as const;

export const mappingRowSchema = z.strictObject({
  address: z.string(),
  name: z.string(),
  /** live: flows use it; resting: not to be given to another name yet; free: may be given away; retired: flushed or of a former range; unknown: connected to, but its name was lost. */
  state: z.enum(mappingStates),
  /** The fake IPv6 address of the same name, if there is a range for it. */
  address6: z.string().optional(),
  /** Never given to another name. */
  pinned: z.boolean(),
  /** Name that the address meant before and may still mean to programs that remember it. */
  former: z.string().optional(),
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

/**
 * fake: from the pool; real: an upstream was asked; cache; hosts; local: known without asking; blocked; absent: the name does
 * not exist, found out by ourselves (truthful names); refused; error; recovered: no question, but a connection to an address
 * without a name told its name itself.
 */
export const dnsVerdicts = [
  'fake',
  'real',
  'cache',
  'hosts',
  'local',
  'blocked',
  'absent',
  'refused',
  'error',
  'recovered',
] as const;

export const dnsRowSchema = z.strictObject({
  id: z.string(),
  /** Unix time in milliseconds. */
  time: z.number(),
  client: z.string(),
  /** Who asked, if somebody watched the log then. */
  process: z.string().optional(),
  name: z.string(),
  type: z.string(),
  verdict: z.enum(dnsVerdicts),
  rcode: z.string(),
  /** The chain of aliases and the addresses or other data of the answer, short. */
  answer: z.string(),
  upstream: z.string().optional(),
  /** From our question to the upstream's answer, milliseconds. */
  upstreamMs: z.number().optional(),
  /** From question to answer. */
  ms: z.number(),
});
export type DnsRow = z.infer<typeof dnsRowSchema>;
