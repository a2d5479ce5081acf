/** What a person sees of the providers of the profile in use: a row each. */
import { z } from 'zod';
import { errorDataSchema } from './error.ts';
import { setBehaviors } from './sets.ts';

export const providerKinds = ['rules', 'proxies', 'geodata'] as const;
export const setFormats = ['yaml', 'text', 'mrs'] as const;

/** How far a download is, in bytes; `total` where the server has said it. */
export const progressSchema = z.strictObject({ bytes: z.number().int(), total: z.number().int().optional() });
export type Progress = z.infer<typeof progressSchema>;

/** Uses of a provider that are listed by name. */
export const maxListedUses = 20;

export const providerUseSchema = z.strictObject({
  /** Policy groups that take nodes of it. */
  groups: z.array(z.string()),
  /** The first rules that name it, and how many there are in all. */
  rules: z.array(z.strictObject({ type: z.string(), payload: z.string(), policy: z.string() })).max(maxListedUses),
  ruleCount: z.number().int(),
});
export type ProviderUse = z.infer<typeof providerUseSchema>;

export const providerRowSchema = z.strictObject({
  /** As the profile says it; of geodata what it is. */
  name: z.string(),
  kind: z.enum(providerKinds),
  source: z.enum(['http', 'file', 'inline']),
  /** Whose server it comes from; the address itself may be a secret. */
  host: z.string().optional(),
  /** Of rule sets. */
  behavior: z.enum(setBehaviors).optional(),
  format: z.enum(setFormats).optional(),
  /** Entries of a set, nodes of a proxy provider, lists in use of geodata; null = there is no copy. */
  entries: z.number().int().nullable(),
  /** Entries that nothing can match or that are not understood. */
  leftOut: z.number().int(),
  /** When what is there came, Unix milliseconds; null = it never did. */
  updatedAt: z.number().nullable(),
  /** When it is looked for again by itself, Unix milliseconds; null = only when somebody asks. */
  nextAt: z.number().nullable(),
  /** Being downloaded now, or waiting for its turn. */
  updating: z.boolean(),
  /** Of a download whose first bytes have come. */
  progress: progressSchema.optional(),
  /** Who in the profile uses it. */
  use: providerUseSchema,
  /** The lists of geodata in use, by the profile's word for them (`geosite:cn`). */
  lists: z.array(z.string()).optional(),
  /** What went wrong the last time; what is there stays. */
  error: errorDataSchema.optional(),
});
export type ProviderRow = z.infer<typeof providerRowSchema>;

/** What a subscription says of itself (`subscription-userinfo`): bytes, and the end as Unix milliseconds. */
export const subscriptionInfoSchema = z.strictObject({
  upload: z.number().optional(),
  download: z.number().optional(),
  total: z.number().optional(),
  expires: z.number().optional(),
});
export type SubscriptionInfo = z.infer<typeof subscriptionInfoSchema>;
