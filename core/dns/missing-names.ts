/** Names that were found not to exist, each for as long as whoever said so allows. Asks nobody. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../base/clock.ts';
import type { DnsMessage, DnsRecord } from '../net/dns-message.ts';
import { denialTtlOf } from './cached-resolver.ts';

const capacity = 4_096;
/** Seconds; a name that comes into being must not stay hidden for long. */
const longest = 60;

interface Denial {
  readonly soa: DnsRecord | undefined;
  readonly upstream: string;
  /** Monotonic milliseconds. */
  readonly until: number;
}

export class MissingNames {
  readonly #clock: Clock;
  readonly #denials = new LRUCache<string, Denial>({ max: capacity });

  #revision = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Grows whenever a name becomes missing. */
  get revision(): number {
    return this.#revision;
  }

  /** Takes an NXDOMAIN for a normalised name at its word, for the time of its SOA and at most a minute. */
  add(name: string, message: DnsMessage, upstream: string): void {
    const seconds = Math.min(longest, denialTtlOf(message));
    if (seconds <= 0) return;
    const soa = message.authorities.find((record) => record.type === 'SOA');
    this.#revision += 1;
    this.#denials.set(name, { soa, upstream, until: this.#clock.monotonic() + seconds * 1_000 });
  }

  /** The SOA (its TTL what is left) and who said it; undefined for a name that may exist. */
  lookup(name: string): { readonly soa: DnsRecord | undefined; readonly upstream: string } | undefined {
    const denial = this.#denials.get(name);
    if (denial === undefined) return undefined;
    const left = Math.ceil((denial.until - this.#clock.monotonic()) / 1_000);
    if (left <= 0) {
      this.#denials.delete(name);
      return undefined;
    }
    const { soa, upstream } = denial;
    return { soa: soa && { ...soa, ttl: Math.min(soa.ttl, left) }, upstream };
  }

  /** The name was seen to work. */
  forget(name: string): void {
    this.#denials.delete(name);
  }

  /** Answers how many were forgotten. */
  clear(): number {
    const { size } = this.#denials;
    this.#denials.clear();
    return size;
  }
}
