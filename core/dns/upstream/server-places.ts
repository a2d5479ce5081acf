/** Where questions to servers elsewhere are led by a firewall of this machine: to a resolver here, which is asked itself then. */
import { formatEndpoint } from '../../base/address.ts';
import type { Endpoint } from '../../contract/flow.ts';

export class ServerPlaces {
  #found: ReadonlyMap<string, Endpoint> = new Map();

  /** Where this server is asked. */
  of(server: Endpoint): Endpoint {
    return this.#found.get(formatEndpoint(server)) ?? server;
  }

  /** The resolvers here that are asked instead of others. */
  get resolvers(): readonly Endpoint[] {
    return [...this.#found.values()];
  }

  /** What was found now, by the server that was meant; whether that is anything new. */
  replace(found: readonly (readonly [server: Endpoint, resolver: Endpoint])[]): boolean {
    const before = JSON.stringify([...this.#found]);
    this.#found = new Map(found.map(([server, resolver]) => [formatEndpoint(server), resolver]));
    return JSON.stringify([...this.#found]) !== before;
  }
}
