/** The small state that every viewer holds whole: the snapshot. Tables are topics, not part of it. */
import { z } from 'zod';
import { causeSchema } from './causes.ts';
import { policyModes } from './config.ts';
import { dnsModes } from './dns-config.ts';
import { errorDataSchema } from './error.ts';
import { severities, type WarningCode, warningTexts } from './warning-texts.ts';

/** The steps of a start and a stop, as `step` names them; a newer helper may have others. */
export const tunnelSteps = ['tun', 'dns-server', 'routes', 'system-dns', 'flush-caches'] as const;
export type TunnelStepCode = (typeof tunnelSteps)[number];

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
  code: z.custom<WarningCode>((value) => typeof value === 'string' && Object.hasOwn(warningTexts, value)),
  severity: z.enum(severities),
  title: z.string(),
  text: z.string(),
  action: z.string().optional(),
  /** What stands in the places of title and text, for other languages. Never a secret. */
  values: z.record(z.string(), z.string()),
  /** Values that are sentences themselves, by their code; in `values` they stand in English. */
  causes: z.record(z.string(), causeSchema).optional(),
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
  /** Who decides about flows, and whether that was chosen by switch instead of by the profile. */
  mode: z.strictObject({ mode: z.enum(policyModes), chosen: z.boolean() }),
  mixed: z.strictObject({ address: z.string(), port: z.number().int() }).nullable(),
  config: z.strictObject({
    hash: z.string(),
    proxies: z.number().int(),
    groups: z.number().int(),
    rules: z.number().int(),
    /** Wanted; whether it is in force is told by the warning STRICT_ROUTE_UNAVAILABLE. */
    strictRoute: z.boolean(),
  }),
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
