/** The narrow interfaces between who wants a connection and who makes one. No implementation here. */
import type { Ip } from '../base/address.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';
import type { Stream } from '../net/stream.ts';

export interface DialOptions {
  readonly signal: AbortSignal;
  /** Milliseconds for everything up to the usable stream. */
  readonly timeoutMs: number;
}

export interface StreamDialer {
  /** A connected stream, the caller's. Rejects with an `AppError` DIAL_*. */
  dialStream(to: Endpoint, options: DialOptions): Promise<Stream>;
}

export interface Outbound extends StreamDialer {
  readonly tag: string;
  readonly kind: 'direct' | 'reject' | 'socks5';
  /** Whether UDP can be carried by configuration and protocol. */
  readonly udp: boolean;
  /** Decides how a held flow is dialled; resolves a name only where this outbound dials addresses. Rejects with DIAL_*. */
  plan(to: Endpoint, network: Network, signal: AbortSignal): Promise<DialPlan>;
}

/** Name to addresses by our own resolver, never by the OS. */
export interface AddressResolver {
  /** At least one address; IPv4 first. Rejects with DIAL_NAME_NOT_FOUND, DNS_TIMEOUT or another DNS_*. */
  resolve(name: string, signal: AbortSignal): Promise<Ip[]>;
}
