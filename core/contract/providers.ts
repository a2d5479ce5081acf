/** What a person sees of the providers of the profile in use: a row each. */
import { z } from 'zod';
import { errorDataSchema } from './error.ts';

export const providerKinds = ['rules', 'proxies', 'geodata'] as const;

export const providerRowSchema = z.strictObject({
  /** As the profile says it; of geodata what it is. */
  name: z.string(),
  kind: z.enum(providerKinds),
  source: z.enum(['http', 'file', 'inline']),
  /** Entries of a set, nodes of a proxy provider, lists in use of geodata; null = there is no copy. */
  entries: z.number().int().nullable(),
  /** Entries that nothing can match or that are not understood. */
  leftOut: z.number().int(),
  /** When what is there came, Unix milliseconds; null = it never did. */
  updatedAt: z.number().nullable(),
  /** Being downloaded now. */
  updating: z.boolean(),
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
