/** A profile that comes from an address: what is known of it, and what the library needs of whoever downloads. */
import { z } from 'zod';
import { errorDataSchema } from '../contract/error.ts';
import { type SubscriptionInfo, subscriptionInfoSchema } from '../contract/providers.ts';

/** What the list keeps of a subscription. */
export const keptSubscriptionSchema = z.object({
  /** Unix milliseconds: when the version that is there came, and when it was last looked for another one. */
  updatedAt: z.number(),
  checkedAt: z.number(),
  /** Seconds between two looks, as the server wants it. */
  interval: z.number().int().min(0),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  info: subscriptionInfoSchema.optional(),
  /** Why the last look came to nothing. */
  error: errorDataSchema.optional(),
});
export type KeptSubscription = z.infer<typeof keptSubscriptionSchema>;

export type FetchedSubscription = SubscriptionHead &
  ({ readonly kind: 'unchanged' } | { readonly kind: 'fresh' /** In the form of a profile. */; readonly text: string });

export interface SubscriptionHead {
  /** As the server calls it. */
  readonly name?: string;
  /** Seconds. */
  readonly interval?: number;
  readonly etag?: string;
  readonly lastModified?: string;
  readonly info?: SubscriptionInfo;
}

/** Downloads one. Rejects with DOWNLOAD_*. */
export type FetchSubscription = (request: {
  readonly url: string;
  readonly etag?: string;
  readonly lastModified?: string;
  readonly signal?: AbortSignal;
}) => Promise<FetchedSubscription>;

/** A day of seconds; and between what a server may want. */
export const usualInterval = 86_400;
export const leastInterval = 3600;
export const mostInterval = 30 * 86_400;
