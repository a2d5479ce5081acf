/** Nodes and policy groups as people see them: one row of the Proxies page each. */
import { z } from 'zod';
import { balanceStrategies, groupTestSchema, groupTypes } from './config.ts';
import { errorCodes } from './error.ts';
import { policyWays } from './flow.ts';
import type { ProxyConfig } from './proxy-config.ts';

/** Tests of a node that are remembered for an address. */
export const maxDelayHistory = 10;

export const delaySchema = z.strictObject({
  /** Unix time in milliseconds, when it ended. */
  at: z.number(),
  /** What the whole request took, its connection included; null = it failed. */
  ms: z.number().nullable(),
  /** What the address answered, if it did; where `ms` is null, a status that does not count. */
  status: z.number().int().optional(),
  /** Why there was no answer. */
  code: z.enum(errorCodes).optional(),
});
export type Delay = z.infer<typeof delaySchema>;

export const nodeDelaysSchema = z.strictObject({
  /** The test that they come from: groups with the same one share it. */
  url: z.string(),
  expectedStatus: z.string(),
  timeout: z.number().int(),
  /** Whether automatic groups with this test take the node. A failed dial through it may have said no since the last test. */
  alive: z.boolean(),
  /** Oldest first, at most `maxDelayHistory`. */
  history: z.array(delaySchema),
});
export type NodeDelays = z.infer<typeof nodeDelaysSchema>;

export const groupRowSchema = z.strictObject({
  type: z.enum(groupTypes),
  /** Names of nodes, groups and built-in policies, in the order of the profile. */
  members: z.array(z.string()),
  /** The member that new flows are given; null where there is none, or each flow has its own (load-balance). */
  now: z.string().nullable(),
  /** The leaf that this leads to in the end; null likewise. */
  leaf: z.string().nullable(),
  /** What a person has chosen (`selectProxy`); an automatic group follows it only while that member is alive. */
  chosen: z.string().nullable(),
  /** Whether a person may choose. */
  selectable: z.boolean(),
  /** How its members are tested, for the delays to show: those of the same address, status and time-out. */
  test: groupTestSchema,
  strategy: z.enum(balanceStrategies).optional(),
  hidden: z.boolean(),
  icon: z.string().optional(),
});
export type GroupRow = z.infer<typeof groupRowSchema>;

export const proxyRowSchema = z.strictObject({
  name: z.string(),
  /** Place in the configuration: the built-in policies, the nodes, the groups. */
  order: z.number().int(),
  /** The type of a group, else the profile's word for the protocol: `socks5`, `ss`, `direct`, `reject`, `pass`. */
  kind: z.string(),
  /** What becomes of a connection that goes there now. */
  way: z.enum(policyWays),
  udp: z.boolean(),
  /** Present while nothing can be dialled through it: a protocol that is not spoken yet, a group with nothing to offer. */
  refusal: z.strictObject({ code: z.enum(errorCodes), message: z.string() }).optional(),
  /** Whether a test of it is under way, or waits for its turn. */
  testing: z.boolean(),
  /** Of nodes, one entry a test; a group has those of its `leaf`. */
  delays: z.array(nodeDelaysSchema),
  /** Present for groups. */
  group: groupRowSchema.optional(),
});
export type ProxyRow = z.infer<typeof proxyRowSchema>;

/** The kind of a node: the profile's word for its protocol. */
export function nodeKindOf(proxy: ProxyConfig): string {
  if (proxy.type === 'unspoken') return proxy.kind;
  return proxy.type === 'reject' && proxy.drop ? 'reject-drop' : proxy.type;
}

/** The last test of a node by the test of a group; undefined before the first. */
export function lastDelayOf(
  row: ProxyRow,
  test: Pick<NodeDelays, 'url' | 'expectedStatus' | 'timeout'>,
): Delay | undefined {
  return row.delays
    .find(
      ({ url, expectedStatus, timeout }) =>
        url === test.url && expectedStatus === test.expectedStatus && timeout === test.timeout,
    )
    ?.history.at(-1);
}
