/** What `egress` needs from below: native sockets, and a view of the machine's routes. Implemented in `core/system`. */
import type { Ip } from '../base/address.ts';
import type { Hop } from '../flow/dial-plan.ts';

export interface SocketOpener {
  /** Connected non-blocking descriptor, the caller's. Rejects with an errno in `code`. */
  openTcp(hops: Hop[], port: number, mark: number, timeoutMs: number): Promise<number>;
  /** Descriptor of an outward UDP socket bound to a random port. */
  openUdp(family: 4 | 6, device: string | null, mark: number): number;
}

export interface RouteView {
  /**
   * Interface by which an address is reached outside our TUN: null for loopback and own addresses (unbound), else that
   * of the longest prefix in the main table, else the default interface. Undefined when there is no route at all.
   */
  deviceFor(address: Ip): string | null | undefined;
}
