/** The way of our own sockets, asked of the kernel for each: its rules and tables decide, whoever made them. Nothing is kept. */
import { type Ip, isLoopback, isUnspecified } from '../base/address.ts';
import type { Logger } from '../base/logger.ts';
import type { RouteView, Transport } from '../outbound/socket-opener.ts';
import type { NativeAddon } from '../system/native.ts';

export interface KernelRouteViewOptions {
  readonly findRoute: NativeAddon['findRoute'];
  /** SO_MARK of our sockets, which leads past our own rules. */
  readonly mark: number;
  /** Tells our TUN. */
  readonly isOwn: (device: string) => boolean;
  /** Asked where the kernel's answer is our own TUN: our rules are not in place, or somebody has led a route into it. */
  readonly otherwise: RouteView;
  readonly logger: Logger;
}

export class KernelRouteView implements RouteView {
  readonly #options: KernelRouteViewOptions;
  #failed = false;

  constructor(options: KernelRouteViewOptions) {
    this.#options = options;
  }

  deviceFor(address: Ip, transport?: Transport): string | null | undefined {
    if (isLoopback(address) || isUnspecified(address)) return null;
    const { findRoute, mark, isOwn, otherwise } = this.#options;
    try {
      // Port 0 is none: of a ping, or of a socket for any port. Rules by protocol and port are not for these.
      const { network, port } = transport === undefined || transport.port === 0 ? {} : transport;
      const route = findRoute(address, mark, network, port);
      if (route === null) return undefined;
      if (route.local) return null;
      return isOwn(route.device) ? otherwise.deviceFor(address, transport) : route.device;
    } catch (error) {
      this.#tellFailure(error);
      return otherwise.deviceFor(address, transport);
    }
  }

  #tellFailure(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#options.logger.warning('the kernel cannot be asked for routes; the main table is used', {
      error: String(error),
    });
  }
}
