/** Which process a flow belongs to. The look-up itself is the operating system's (`core/system`); here it is asked once a flow. */
import { LRUCache } from 'lru-cache';
import { formatEndpoint } from '../base/address.ts';
import type { Endpoint, ProcessInfo } from '../contract/flow.ts';
import type { Network } from './metadata.ts';

export interface ProcessFinder {
  /** The process that owns `source` of a connection as it left the application; undefined when it cannot be told. Never rejects. */
  find(network: Network, source: Endpoint, destination: Endpoint): Promise<ProcessInfo | undefined>;
}

export type FindProcess = (
  network: Network,
  source: Endpoint,
  destination: Endpoint,
) => Promise<ProcessInfo | undefined>;

/** Remembers answers for a few seconds: loop guard, rule and viewer ask for the same flow. Failures are not remembered. */
export class CachedProcessFinder implements ProcessFinder {
  readonly #find: FindProcess;
  readonly #cache: LRUCache<string, Promise<ProcessInfo | undefined>>;

  /** `monotonic` gives milliseconds. */
  constructor(find: FindProcess, monotonic: () => number) {
    this.#find = find;
    this.#cache = new LRUCache({ max: 1024, ttl: 5000, ttlResolution: 0, perf: { now: monotonic } });
  }

  find(network: Network, source: Endpoint, destination: Endpoint): Promise<ProcessInfo | undefined> {
    const key = `${network} ${formatEndpoint(source)} ${formatEndpoint(destination)}`;
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const asked = this.#find(network, source, destination)
      .catch(() => undefined)
      .then((found) => {
        if (found === undefined) this.#cache.delete(key);
        return found;
      });
    this.#cache.set(key, asked);
    return asked;
  }
}
