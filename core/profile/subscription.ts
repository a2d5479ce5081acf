/** A profile that comes from an address: what is known of it, and what the library needs of whoever downloads. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { errorDataSchema } from '../contract/error.ts';
import { type Progress, type SubscriptionInfo, subscriptionInfoSchema } from '../contract/providers.ts';
import { sha256Schema } from '../contract/sets.ts';

/** What the list keeps of a subscription. */
export const keptSubscriptionSchema = z.object({
  /** Unix milliseconds: when the version that is there came, and when it was last looked for another one. */
  updatedAt: z.number(),
  checkedAt: z.number(),
  /** Seconds between two looks, as the server wants it. */
  interval: z.number().int().min(0),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  /** Of the text that both are about. */
  sha256: sha256Schema.optional(),
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

/** Who waits for a download: what ends it, and who hears how far it is. */
export interface DownloadWatch {
  /** Aborted with a DOWNLOAD_STOPPED. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface SubscriptionRequest extends DownloadWatch {
  readonly url: string;
  readonly etag?: string;
  readonly lastModified?: string;
}

/** Downloads one. Rejects with DOWNLOAD_*. */
export type FetchSubscription = (request: SubscriptionRequest) => Promise<FetchedSubscription>;

/** When it is looked for anew by itself, Unix milliseconds: after its interval, or after an hour where that failed. Undefined = never. */
export function nextLookAt({ interval, error, checkedAt }: KeptSubscription): number | undefined {
  if (interval === 0) return undefined;
  return checkedAt + (error === undefined ? interval : Math.min(interval, leastInterval)) * 1000;
}

/** A day of seconds; and between what a server may want. */
export const usualInterval = 86_400;
export const leastInterval = 3600;
export const mostInterval = 30 * 86_400;

export function hashOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
