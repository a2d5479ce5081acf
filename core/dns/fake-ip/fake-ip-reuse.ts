/**
 * When an address may come to mean another name. Never while a flow uses it; not before its rest has ended, except when
 * every address is taken; never within a minute of its last use, because an application may be about to connect.
 */
import type { mappingStates } from '../../contract/dns.ts';

/** An address that was connected to rests this long after its last use. Milliseconds, as below. */
export const connectedRest = 24 * 3_600_000;
/** An address that was only asked for. */
export const askedRest = 10 * 60_000;
/** Not even under pressure before this; nor so soon after a start, when a moment of the statistics may be lost. */
export const pressureRest = 60_000;

/** When its rest ends if it is not used again; Unix time in milliseconds. */
export const restEnd = (usage: Pick<Usage, 'lastAnswered' | 'lastConnected'>): number =>
  lastUse(usage) + (usage.lastConnected === 0 ? askedRest : connectedRest);

/** Whether programs may still hold addresses of a table that was lost then (0 = never). Unix time in milliseconds. */
export const lossIsRecent = (lostAt: number, now: number): boolean => lostAt > 0 && now - lostAt < connectedRest;

/** What of a mapping decides its reuse. */
export interface Usage {
  /** Whose share of the range it is. */
  client: string;
  lastAnswered: number;
  /** 0 = never. Opening and closing a flow both count. */
  lastConnected: number;
  liveFlows: number;
  /** Never given away. */
  pinned: boolean;
}

export const lastUse = (usage: Pick<Usage, 'lastAnswered' | 'lastConnected'>): number =>
  Math.max(usage.lastAnswered, usage.lastConnected);

export function stateOf(
  usage: Pick<Usage, 'lastAnswered' | 'lastConnected' | 'liveFlows'>,
  now: number,
): Exclude<(typeof mappingStates)[number], 'retired' | 'unknown'> {
  if (usage.liveFlows > 0) return 'live';
  return now < restEnd(usage) ? 'resting' : 'free';
}

/** A mapping to give up, and whether before its rest has ended. */
export interface Reusable<T> {
  readonly mapping: T;
  readonly early: boolean;
}

/** Where a mapping stands in the order of reuse. Kept in the mapping, so that finding its place costs nothing; only the order writes it. */
export interface Queued<T> {
  queue: { remove(mapping: T): void } | undefined;
  older: T | undefined;
  newer: T | undefined;
}

/** Least recently used first; linked through the mappings. */
class Queue<T extends Queued<T>> {
  oldest: T | undefined;
  #newest: T | undefined;

  append(mapping: T): void {
    mapping.queue = this;
    mapping.older = this.#newest;
    if (this.#newest === undefined) this.oldest = mapping;
    else this.#newest.newer = mapping;
    this.#newest = mapping;
  }

  remove(mapping: T): void {
    const { older, newer } = mapping;
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    mapping.queue = undefined;
    mapping.older = undefined;
    mapping.newer = undefined;
  }

  all(): T[] {
    const mappings: T[] = [];
    for (let mapping = this.oldest; mapping !== undefined; mapping = mapping.newer) mappings.push(mapping);
    return mappings;
  }
}

/** One client's idle mappings, those never connected apart. */
class Queues<T extends Queued<T>> {
  readonly asked = new Queue<T>();
  readonly connected = new Queue<T>();
}

/**
 * Idle mappings, least recently used first: the order in which addresses are given away. Every call costs the same however many
 * mappings there are, and looks at each client once at most.
 */
export class ReuseOrder<T extends Usage & Queued<T>> {
  readonly #clients = new Map<string, Queues<T>>();
  readonly #since: number;

  /** `since`: when the last uses of all mappings began to be known for certain; Unix time in milliseconds. */
  constructor(since: number) {
    this.#since = since;
  }

  /** Takes the mapping to the end of its queue, or out of both while it is live. Call after every change of its usage. */
  touch(mapping: T): void {
    mapping.queue?.remove(mapping);
    if (mapping.liveFlows > 0 || mapping.pinned) return;
    const queues = this.#queuesOf(mapping.client);
    (mapping.lastConnected === 0 ? queues.asked : queues.connected).append(mapping);
  }

  /** Puts mappings back to where their last use says. Costs a walk over their clients' mappings. */
  restore(mappings: readonly T[]): void {
    for (const mapping of mappings) this.touch(mapping);
    for (const client of new Set(mappings.map((mapping) => mapping.client))) {
      const queues = this.#queuesOf(client);
      for (const queue of [queues.asked, queues.connected]) {
        const sorted = queue.all().sort((a, b) => lastUse(a) - lastUse(b));
        for (const mapping of sorted) {
          queue.remove(mapping);
          queue.append(mapping);
        }
      }
    }
  }

  forget(mapping: T): void {
    mapping.queue?.remove(mapping);
    const queues = this.#clients.get(mapping.client);
    if (queues?.asked.oldest === undefined && queues?.connected.oldest === undefined)
      this.#clients.delete(mapping.client);
  }

  /**
   * The mapping to give up: a rested one; under pressure one that was only asked for, then the oldest, both unused for a
   * minute. Of this client only, if one is given. Undefined when there is none.
   */
  next(now: number, client?: string): Reusable<T> | undefined {
    const queues = client === undefined ? [...this.#clients.values()] : [this.#queuesOf(client)];
    const heads = [
      oldestOf(queues.map(({ asked }) => asked.oldest)),
      oldestOf(queues.map(({ connected }) => connected.oldest)),
    ];
    for (const mapping of heads) {
      if (mapping !== undefined && stateOf(mapping, now) === 'free') return { mapping, early: false };
    }
    for (const mapping of heads) {
      if (mapping !== undefined && now - Math.max(lastUse(mapping), this.#since) >= pressureRest)
        return { mapping, early: true };
    }
    return undefined;
  }

  #queuesOf(client: string): Queues<T> {
    let queues = this.#clients.get(client);
    if (queues === undefined) {
      queues = new Queues();
      this.#clients.set(client, queues);
    }
    return queues;
  }
}

function oldestOf<T extends Usage>(mappings: readonly (T | undefined)[]): T | undefined {
  let oldest: T | undefined;
  for (const mapping of mappings) {
    if (mapping !== undefined && (oldest === undefined || lastUse(mapping) < lastUse(oldest))) oldest = mapping;
  }
  return oldest;
}
