/** Which proxies and nameservers of a configuration run on this machine: their own connections must not be sent to them again. */
import type { Ip } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { parseScopedIp } from '../base/scoped-address.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { Egress } from './egress.ts';
import { loopbackOfName } from './loopback-name.ts';

export interface LocalServersOptions {
  readonly proxies: readonly Endpoint[];
  /** Other servers of ours; one of them may be a program here that asks further on (a resolver that encrypts). */
  readonly others: () => readonly Endpoint[];
  readonly egress: Pick<Egress, 'isLocal'>;
  readonly clock: Clock;
}

/** What was found, believed until a time (monotonic milliseconds). */
interface Found {
  readonly until: number;
  readonly all: readonly Endpoint[];
  readonly others: readonly Endpoint[];
}

/** They are asked for at every flow, and the machine's addresses seldom change. Milliseconds. */
const believedMs = 1_000;

export class LocalServers {
  readonly #options: LocalServersOptions;
  #found: Found | undefined;

  constructor(options: LocalServersOptions) {
    this.#options = options;
  }

  /** Proxies and other servers that run on this machine. */
  all(): readonly Endpoint[] {
    return this.#find().all;
  }

  /** Of those the ones that answer DNS questions. */
  nameservers(): readonly Endpoint[] {
    return this.#find().others;
  }

  /** Whether a device behind this machine (a container) is one of the proxies. */
  isProxyBehind(address: Ip): boolean {
    const { proxies, egress } = this.#options;
    return proxies.some(({ host }) => host === address) && !egress.isLocal(address);
  }

  /** Other servers are ours from now on: they are looked at anew. */
  forget(): void {
    this.#found = undefined;
  }

  #find(): Found {
    const { proxies, others, clock } = this.#options;
    const now = clock.monotonic();
    if (this.#found === undefined || this.#found.until <= now) {
      const here = this.#onThisMachine(others());
      this.#found = { until: now + believedMs, all: [...this.#onThisMachine(proxies), ...here], others: here };
    }
    return this.#found;
  }

  #onThisMachine(servers: readonly Endpoint[]): Endpoint[] {
    return servers.flatMap(({ host: name, port }) => {
      const host = parseScopedIp(name)?.address ?? loopbackOfName(name);
      return host !== undefined && this.#options.egress.isLocal(host) ? [{ host, port }] : [];
    });
  }
}
