/**
 * The way of our own sockets, asked of the kernel for each: its rules and tables decide, whoever made them. What it said is kept
 * below (`native/src/sys/linux/route/`), until it tells of a change.
 */
import { type Ip, isLoopback, isUnspecified, parseIp } from '../base/address.ts';
import type { Logger } from '../base/logger.ts';
import type { RouteView, Transport } from '../outbound/socket-opener.ts';
import type { NativeAddon } from '../system/native.ts';

export interface KernelRouteViewOptions {
  readonly findRoute: NativeAddon['findRoute'];
  readonly rulesLookAtSenders: NativeAddon['rulesLookAtSenders'];
  readonly sourceTowards: NativeAddon['sourceTowards'];
  /** SO_MARK of our sockets, which leads past our own rules. */
  readonly mark: number;
  /** Tells our TUN. */
  readonly isOwn: (device: string) => boolean;
  /** Asked where the kernel's answer is our own TUN: our rules are not in place, or somebody has led a route into it. */
  readonly otherwise: RouteView & { deviceWith(address: Ip): string | undefined };
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
    const { findRoute, rulesLookAtSenders, mark, isOwn, otherwise } = this.#options;
    try {
      const route = findRoute(address, mark, transport?.network, transport?.port);
      // A program may have a way of its own: the socket for it is not bound until its user and port are known.
      if (route === null) return transport !== undefined && rulesLookAtSenders() ? null : undefined;
      if (route.local) return null;
      return isOwn(route.device) ? otherwise.deviceFor(address, transport) : route.device;
    } catch (error) {
      this.#tellFailure(error);
      return this.#bySource(address);
    }
  }

  /** The interface that has the address from which the kernel would send: it says so without the lock that other answers wait for. */
  #bySource(address: Ip): string | null | undefined {
    const { isOwn, mark, otherwise, sourceTowards } = this.#options;
    try {
      const source = sourceTowards(address, mark);
      if (source === null) return undefined;
      if (source === address) return null;
      const device = otherwise.deviceWith(parseIp(source) ?? address);
      if (device !== undefined && !isOwn(device)) return device;
    } catch {
      // What the main table says is all that is left.
    }
    return otherwise.deviceFor(address);
  }

  #tellFailure(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#options.logger.warning('the kernel does not say by which interface; the source address tells', {
      error: String(error),
    });
  }
}
