/** The one server behind an outbound, whatever is spoken with it: where it is, and the ways to it. */
import { formatEndpoint, type Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { parseScopedIp } from '../base/scoped-address.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { Hop } from '../flow/dial-plan.ts';
import { asProxyError } from './dial-error.ts';
import type { AddressResolver } from './dialer.ts';
import type { Egress } from './egress.ts';
import { loopbackOfName } from './loopback-name.ts';

export interface ProxyServices {
  readonly egress: Egress;
  /** For the server's name only. */
  readonly resolver: AddressResolver;
  readonly clock: Clock;
  /** Milliseconds for a dial that the data plane does. */
  readonly timeoutMs: number;
}

export class ProxyServer {
  readonly #at: Endpoint;
  readonly #services: ProxyServices;
  readonly #literal: Ip | undefined;
  /** By the link that a link-local server is on. */
  readonly #egress: Egress;

  constructor(at: Endpoint, services: ProxyServices) {
    this.#at = at;
    this.#services = services;
    const scoped = parseScopedIp(at.host);
    this.#literal = scoped?.address ?? loopbackOfName(at.host);
    this.#egress = scoped?.zone === undefined ? services.egress : services.egress.by(scoped.zone);
  }

  /** The ways to it by TCP, at least one. Rejects with DIAL_PROXY_UNREACHABLE. */
  async hops(signal: AbortSignal): Promise<readonly Hop[]> {
    const hops = this.#egress.hopsFor(await this.#addresses(signal), { network: 'tcp', port: this.#at.port });
    if (hops.length > 0) return hops;
    throw new AppError('DIAL_PROXY_UNREACHABLE', `there is no route to the proxy ${this.#text()}`);
  }

  async #addresses(signal: AbortSignal): Promise<Ip[]> {
    if (this.#literal !== undefined) return [this.#literal];
    try {
      return await this.#services.resolver.resolve(this.#at.host, signal);
    } catch (error) {
      throw asProxyError(AppError.from(error, 'DIAL_IO'), this.#text());
    }
  }

  #text(): string {
    return formatEndpoint(this.#at);
  }
}
