/** The small state that every viewer holds whole: the snapshot. Tables are topics, not part of it. */
import { z } from 'zod';
import { dnsModes } from './config.ts';
import { errorDataSchema } from './error.ts';

export const tunnelStateSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('stopped') }),
  z.strictObject({ kind: z.literal('starting'), step: z.string() }),
  z.strictObject({ kind: z.literal('running'), since: z.number(), device: z.string() }),
  z.strictObject({ kind: z.literal('stopping'), step: z.string() }),
  /** A start failed and was rolled back, or the tunnel died; the network is as before. */
  z.strictObject({ kind: z.literal('error'), error: errorDataSchema }),
]);
export type TunnelState = z.infer<typeof tunnelStateSchema>;

/** Standing trouble: raised and cleared, shown until then. */
export const healthWarningSchema = z.strictObject({
  code: z.string(),
  severity: z.enum(['notice', 'warning', 'error']),
  title: z.string(),
  text: z.string(),
  action: z.string().optional(),
});
export type HealthWarning = z.infer<typeof healthWarningSchema>;

/** One change of the machine's network that is in force and will be undone. */
export const networkChangeSchema = z.strictObject({
  id: z.string(),
  what: z.string(), // e.g. `ip rule 9100`
  where: z.string(), // e.g. `/etc/resolv.conf`
  since: z.number(),
});
export type NetworkChange = z.infer<typeof networkChangeSchema>;

export const ownerModes = ['session', 'persistent'] as const;
export type OwnerMode = (typeof ownerModes)[number];

export const ownerSchema = z.strictObject({ uid: z.number().int(), mode: z.enum(ownerModes) });
export type Owner = z.infer<typeof ownerSchema>;

export const snapshotSchema = z.strictObject({
  version: z.string(),
  tunnel: tunnelStateSchema,
  owner: ownerSchema.nullable(),
  /** Whether the caller's uid is the owner, or there is none. */
  mine: z.boolean(),
  /** The two halves of Enhanced Mode. */
  systemDns: z.boolean(),
  autoRoute: z.boolean(),
  /** In force, and whether it was chosen by switch instead of by the profile. */
  dnsMode: z.strictObject({ mode: z.enum(dnsModes), chosen: z.boolean() }),
  mixed: z.strictObject({ address: z.string(), port: z.number().int() }).nullable(),
  config: z.strictObject({ hash: z.string(), proxies: z.number().int(), rules: z.number().int() }),
  fakeIp: z.strictObject({
    range: z.string(),
    range6: z.string().nullable(),
    used: z.number().int(),
    capacity: z.number().int(),
    /** Connections to addresses without a name since the start, and how many of them told their name themselves. */
    unknown: z.number().int(),
    recovered: z.number().int(),
  }),
  warnings: z.array(healthWarningSchema),
  changes: z.array(networkChangeSchema),
});
export type Snapshot = z.infer<typeof snapshotSchema>;

/** Sampled once a second while somebody watches: bytes per second, totals since the helper's start, counts. */
export const trafficSchema = z.strictObject({
  time: z.number(),
  up: z.number(),
  down: z.number(),
  upTotal: z.number(),
  downTotal: z.number(),
  live: z.number().int(),
  dnsQuestions: z.number().int(),
});
export type Traffic = z.infer<typeof trafficSchema>;
