/**
 * Names that were found not to exist, each for as long as whoever said so allows; for some minutes more they are suspects, who
 * are asked about again before they get a fake address. Asks nobody itself.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import type { DnsMessage, DnsRecord } from '../../net/dns-message.ts';
import { denialTtlOf } from '../resolver/cached-resolver.ts';

const capacity = 4_096;
/** Seconds; a name that comes into being must not stay hidden for long. */
const longest = 60;
/**
 * Milliseconds since the failed dial. Browsers keep an address for a minute whatever its TTL: without this every denial would
 * have been forgotten when they ask again. Not longer, for whoever denies the name may not know all that the proxy knows.
 */
const suspicion = 300_000;

interface Denial {
  readonly soa: DnsRecord | undefined;
  readonly upstream: string;
  /** The outbound that it was asked through. */
  readonly via: string;
  /** When it was first denied, and until when that holds; monotonic milliseconds. */
  readonly since: number;
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

  /**
   * Takes an NXDOMAIN for a normalised name at its word, for the time of its SOA and at most a minute. `via` is the tag of the
   * outbound that was asked through.
   */
  add(name: string, message: DnsMessage, upstream: string, via: string): void {
    if (message.rcode !== 'NXDOMAIN') return;
    const seconds = Math.min(longest, denialTtlOf(message));
    const soa = message.authorities.find((record) => record.type === 'SOA');
    const now = this.#clock.monotonic();
    const since = this.#recall(name)?.since ?? now;
    this.#revision += 1;
    this.#denials.set(name, { soa, upstream, via, since, until: now + seconds * 1_000 });
  }

  /** The SOA (its TTL what is left), who said it and the outbound that was asked through; undefined for a name that may exist. */
  lookup(name: string): Pick<Denial, 'soa' | 'upstream' | 'via'> | undefined {
    const denial = this.#denials.get(name);
    if (denial === undefined) return undefined;
    const left = Math.ceil((denial.until - this.#clock.monotonic()) / 1_000);
    if (left <= 0) return undefined;
    const { soa, upstream, via } = denial;
    return { soa: soa && { ...soa, ttl: Math.min(soa.ttl, left) }, upstream, via };
  }

  /** The tag of the outbound through which this name was denied lately, whether that still holds or not. */
  suspected(name: string): string | undefined {
    return this.#recall(name)?.via;
  }

  /** The name exists. */
  forget(name: string): void {
    this.#denials.delete(name);
  }

  /** Answers how many were forgotten. */
  clear(): number {
    const { size } = this.#denials;
    this.#denials.clear();
    return size;
  }

  /** What is known of the name, unless it was too long ago. */
  #recall(name: string): Denial | undefined {
    const denial = this.#denials.get(name);
    if (denial === undefined || this.#clock.monotonic() < denial.since + suspicion) return denial;
    // A denial of the last moment holds to its end.
    if (this.#clock.monotonic() < denial.until) return denial;
    this.#denials.delete(name);
    return undefined;
  }
}
