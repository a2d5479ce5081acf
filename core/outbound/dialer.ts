/** The narrow interfaces between who wants a connection and who makes one. No implementation here. */
import type { Ip } from '../base/address.ts';
import type { ErrorCode } from '../contract/error.ts';
import type { Endpoint, PolicyWay } from '../contract/flow.ts';
import type { FlowPlan } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';
import type { Stream } from '../net/stream.ts';
import type { ChainLink } from './chain-link.ts';

/** Whether a client is another device than this machine; asked only where it matters. */
export type IsElsewhere = () => boolean;

export interface DialOptions {
  readonly signal: AbortSignal;
  /** Milliseconds for everything up to the usable stream. */
  readonly timeoutMs: number;
  /** Absent: for a program of this machine, or for ourselves. */
  readonly isElsewhere?: IsElsewhere;
}

/** Why nothing can be dialled through an outbound: what each dial is rejected with. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface StreamDialer {
  /** A connected stream, the caller's. Rejects with an `AppError` DIAL_*. */
  dialStream(to: Endpoint, options: DialOptions): Promise<Stream>;
}

/** Where connections end up, and what it can do. Nobody else asks for its type or name. */
export interface Outbound extends StreamDialer {
  readonly tag: string;
  /** What becomes of its connections, in the one word that rules, DNS and people use. */
  readonly way: PolicyWay;
  /** Who looks up the names that it is asked for: our own resolver, or the other side. */
  readonly resolvesAt: 'here' | 'there';
  /** Whether UDP can be carried by configuration and protocol. */
  readonly carriesUdp: boolean;
  /** The proxies that it leads through, the nearest first; none where the target is dialled itself, absent where nothing is dialled. */
  readonly links?: readonly ChainLink[] | undefined;
  /** No connection comes here: the rules go on below the one that leads to it. */
  readonly passes?: true;
  /** Present where every dial is refused, with the reason. */
  readonly refusal?: Refusal | undefined;
  /**
   * Decides how a held flow is dialled; resolves a name only where `resolvesAt` is `here`. A ping (`icmp`) is dialled without layers
   * or not at all. Rejects with DIAL_*.
   */
  plan(to: Endpoint, network: Network | 'icmp', signal: AbortSignal, isElsewhere?: IsElsewhere): Promise<FlowPlan>;
}

/** Name to addresses by our own resolver, never by the OS. */
export interface AddressResolver {
  /** At least one address; IPv4 first. Rejects with DIAL_NAME_NOT_FOUND, DNS_TIMEOUT or another DNS_*. */
  resolve(name: string, signal: AbortSignal): Promise<Ip[]>;
}
