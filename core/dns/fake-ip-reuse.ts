/**
 * When an address may come to mean another name. Never while a flow uses it; not before its rest has ended, except when
 * every address is taken; never within a minute of its last use, because an application may be about to connect.
 */
import type { mappingStates } from '../contract/dns.ts';

/** An address that was connected to rests this long after its last use. Milliseconds, as below. */
export const connectedRest = 24 * 3_600_000;
/** An address that was only asked for. */
export const askedRest = 10 * 60_000;
/** Not even under pressure before this. */
export const pressureRest = 60_000;

/** When its rest ends if it is not used again; Unix time in milliseconds. */
export const restEnd = (usage: Pick<Usage, 'lastAnswered' | 'lastConnected'>): number =>
  lastUse(usage) + (usage.lastConnected === 0 ? askedRest : connectedRest);

/** What of a mapping decides its reuse. */
export interface Usage {
  lastAnswered: number;
  /** 0 = never. Opening and closing a flow both count. */
  lastConnected: number;
  liveFlows: number;
  /** Never given away. */
  pinned: boolean;
}

export const lastUse = (usage: Pick<Usage, 'lastAnswered' | 'lastConnected'>): number =>
  Math.max(usage.lastAnswered, usage.lastConnected);

export function stateOf(usage: Omit<Usage, 'pinned'>, now: number): (typeof mappingStates)[number] {
  if (usage.liveFlows > 0) return 'live';
  return now - lastUse(usage) < (usage.lastConnected === 0 ? askedRest : connectedRest) ? 'resting' : 'free';
}

/**
 * Idle mappings, least recently used first, those never connected apart: the order in which addresses are given away.
 * Every call costs the same however many there are.
 */
export class ReuseOrder<T extends Usage> {
  readonly #asked = new Set<T>();
  readonly #connected = new Set<T>();

  /** Takes the mapping to the end of its queue, or out of both while it is live. Call after every change of its usage. */
  touch(mapping: T): void {
    this.forget(mapping);
    if (mapping.liveFlows === 0 && !mapping.pinned)
      (mapping.lastConnected === 0 ? this.#asked : this.#connected).add(mapping);
  }

  forget(mapping: T): void {
    this.#asked.delete(mapping);
    this.#connected.delete(mapping);
  }

  /**
   * The mapping to give up when no address is without one: a rested one; under pressure one that was only asked for, then
   * the oldest, both unused for a minute. Undefined when there is none.
   */
  next(now: number): { mapping: T; early: boolean } | undefined {
    const asked = first(this.#asked);
    const connected = first(this.#connected);
    for (const mapping of [asked, connected]) {
      if (mapping !== undefined && stateOf(mapping, now) === 'free') return { mapping, early: false };
    }
    for (const mapping of [asked, connected]) {
      if (mapping !== undefined && now - lastUse(mapping) >= pressureRest) return { mapping, early: true };
    }
    return undefined;
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const value of set) return value;
  return undefined;
}
