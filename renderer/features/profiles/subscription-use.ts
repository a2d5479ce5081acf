/** The numbers of a subscription's own account of itself. Pure. */
import type { SubscriptionInfo } from '../../../core/contract/providers.ts';

export type UseTone = 'fine' | 'near' | 'over';

export interface Used {
  /** Bytes; undefined where the server does not say. */
  readonly used: number | undefined;
  readonly total: number | undefined;
  /** 0 to 1, of what there is; undefined without a total. */
  readonly share: number | undefined;
  readonly tone: UseTone;
}

const dayMs = 86_400_000;
/** From this share on there is little left. */
const nearShare = 0.9;

export function usedOf({ upload, download, total }: SubscriptionInfo): Used {
  const used = upload === undefined && download === undefined ? undefined : (upload ?? 0) + (download ?? 0);
  if (total === undefined || total <= 0) return { used, total: undefined, share: undefined, tone: 'fine' };
  const share = Math.min(1, (used ?? 0) / total);
  return { used: used ?? 0, total, share, tone: share >= 1 ? 'over' : share >= nearShare ? 'near' : 'fine' };
}

/** Whole days until it ends, negative once it has; undefined where it does not end. */
export function daysLeft(expires: number | undefined, now: number): number | undefined {
  return expires === undefined ? undefined : Math.floor((expires - now) / dayMs);
}
