/**
 * Tells a resolver's own tries from what an application asked for: after a denial of `a.b` it asks for `a.b.lan.example` by its
 * search list (resolv.conf(5)). A fake address for that would make the missing name look like a dead server after all.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';

const capacity = 256;
/** Resolvers go through their list at once. Milliseconds. */
const recently = 5_000;

export class SearchTries {
  readonly #clock: Clock;
  /** Name -> when it was denied, monotonic. */
  readonly #denied = new LRUCache<string, number>({ max: capacity });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A normalised name was answered NXDOMAIN. */
  denied(name: string): void {
    this.#denied.set(name, this.#clock.monotonic());
  }

  /** Whether a normalised name is one that was denied a moment ago, with something behind it. */
  includes(name: string): boolean {
    if (this.#denied.size === 0) return false;
    const now = this.#clock.monotonic();
    // A single label is not looked for here: resolvers ask for it with the list first (ndots).
    for (let dot = name.indexOf('.', name.indexOf('.') + 1); dot > 0; dot = name.indexOf('.', dot + 1)) {
      const since = this.#denied.peek(name.slice(0, dot));
      if (since !== undefined && now - since < recently) return true;
    }
    return false;
  }
}
