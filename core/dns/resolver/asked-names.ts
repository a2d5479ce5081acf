/**
 * Names that servers are being asked about, or were until lately. A resolver on this machine that asks us about one of them does so
 * to answer us: it would wait for itself.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import type { Resolver } from './resolver.ts';

/** A resolver asks again, and gives up, within this time after its question. Milliseconds. */
const lately = 5_000;
const mostRemembered = 4_096;

export class AskedNames {
  readonly #underWay = new Map<string, number>();
  readonly #ended: LRUCache<string, true>;

  constructor(clock: Clock) {
    const perf = { now: () => clock.monotonic() };
    this.#ended = new LRUCache({ max: mostRemembered, ttl: lately, ttlResolution: 0, perf });
  }

  /** Whether a normalised name is one of them. */
  includes(name: string): boolean {
    return this.#underWay.has(name) || this.#ended.has(name);
  }

  /** The same resolver, its questions noted. */
  noting(resolver: Resolver): Resolver {
    return {
      query: async (question, signal) => {
        const { name } = question;
        this.#underWay.set(name, (this.#underWay.get(name) ?? 0) + 1);
        try {
          return await resolver.query(question, signal);
        } finally {
          const left = (this.#underWay.get(name) ?? 1) - 1;
          if (left > 0) this.#underWay.set(name, left);
          else this.#underWay.delete(name);
          this.#ended.set(name, true);
        }
      },
    };
  }
}
