/** What is known about a flow: facts only, never a socket. Learning more makes a new object. */
import type { Ip } from '../base/address.ts';
import type { DomainSource, Endpoint, ProcessInfo } from '../contract/flow.ts';

export type Network = 'tcp' | 'udp';
export type InboundKind = 'tun' | 'mixed';

export interface Metadata {
  readonly network: Network;
  readonly inbound: InboundKind;
  readonly source: Endpoint;
  /** By name where one is known (normalised), else by address. */
  readonly destination: Endpoint;
  /** What the application connected to: the fake address, or the same as `destination`. */
  readonly originalDestination: Endpoint;
  readonly domainSource?: DomainSource;
  /** The original destination where that is a fake address, understood or not. */
  readonly fakeIp?: Ip;
  readonly process?: ProcessInfo;
  /** DSCP of its first packet (RFC 2474), 0 to 63; absent where no packet of it was seen. */
  readonly trafficClass?: number;
  /** How the client spoke to the mixed port. */
  readonly door?: Door;
}

export interface Door {
  readonly type: 'HTTP' | 'HTTPS' | 'SOCKS4' | 'SOCKS5';
  /** Of ours. */
  readonly port: number;
  /** Empty for those who need not sign in. */
  readonly user: string;
  /** The policy that our own app wants for it, in place of the rules. */
  readonly policy?: string;
}
