/** Who asks a question, as far as shares of the fake range go: the user of a program here, or another machine's address. */
import { LRUCache } from 'lru-cache';
import { bytesToIp, type Ip, ipFamily, ipToBytes, isLoopback } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { Network } from '../flow/metadata.ts';

/** The user of the socket at the local end `source`; -1 when it cannot be told. */
export type FindSocketUid = (network: Network, source: Endpoint, destination: Endpoint) => number;

const remembered = 1_024;
/** A resolver's socket asks many questions; its port may be another user's a little later. Milliseconds. */
const believedMs = 2_000;

export class ClientNames {
  readonly #find: FindSocketUid;
  readonly #clock: Clock;
  readonly #known = new LRUCache<string, { readonly client: string; readonly until: number }>({ max: remembered });

  constructor(find: FindSocketUid, clock: Clock) {
    this.#find = find;
    this.#clock = clock;
  }

  /** Whose an accepted connection from `source` to our own end is: a user of this machine, or another machine. */
  clientOfAccepted(source: Endpoint, local: Endpoint): string {
    if (!isLoopback(source.host) && source.host !== local.host) return networkOf(source.host);
    const uid = this.#find('tcp', source, local);
    return uid < 0 ? source.host : `uid:${uid}`;
  }

  /** `own` are the addresses from which programs of this machine ask through the TUN. */
  clientOf(own: readonly Ip[], network: Network, source: Endpoint, destination: Endpoint): string {
    if (!own.includes(source.host)) return source.host;
    const key = `${network} ${source.host} ${source.port}`;
    const now = this.#clock.monotonic();
    const known = this.#known.get(key);
    if (known !== undefined && now < known.until) return known.client;
    const uid = this.#find(network, source, destination);
    const client = uid < 0 ? source.host : `uid:${uid}`;
    this.#known.set(key, { client, until: now + believedMs });
    return client;
  }
}

/** Of IPv6 the first 64 bits: a machine has all addresses behind them (RFC 4291 section 2.5.4). */
function networkOf(host: Ip): string {
  return ipFamily(host) === 4 ? host : bytesToIp(ipToBytes(host).fill(0, 8));
}
