/** What `egress` needs from below: native sockets, and a view of the machine's routes. Implemented in `core/system`. */
import type { Ip } from '../base/address.ts';
import type { Hop } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';

export interface SocketOpener {
  /** Connected non-blocking descriptor, the caller's. Rejects with an errno in `code`. */
  openTcp(hops: Hop[], port: number, mark: number, timeoutMs: number): Promise<number>;
  /** Descriptor of an outward UDP socket bound to a random port. */
  openUdp(family: 4 | 6, device: string | null, mark: number): number;
}

/** What rules of routing may look at besides the address (ip-rule(8)). */
export interface Transport {
  readonly network: Network | 'icmp';
  /** 0 of what has none (a ping) or is for any (a UDP socket without a peer). */
  readonly port: number;
}

export interface RouteView {
  /**
   * Interface by which the kernel would send packets to an address without us, by the rules and tables of the machine and of
   * other programs: null for loopback and own addresses (unbound), undefined when there is no way.
   */
  deviceFor(address: Ip, transport?: Transport): string | null | undefined;
}
