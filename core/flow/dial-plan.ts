/** How a flow is carried outward, as data: what an outbound plans and the data plane executes. */
import type { Ip } from '../base/address.ts';
import type { Endpoint } from '../contract/flow.ts';

/** One address to try, and the interface its socket is bound to (null = unbound). */
export interface Hop {
  readonly address: Ip;
  readonly device: string | null;
}

/** A dial that the data plane can do itself, without a byte entering JavaScript. */
export interface NativeDial {
  readonly via: 'direct' | 'socks5';
  /** Of the target (`direct`) or of the proxy. */
  readonly hops: readonly Hop[];
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  /** What the proxy is asked for: a name stays a name. */
  readonly target?: Endpoint;
  readonly timeoutMs: number;
}

/** `reset`: RST, for UDP ICMP port unreachable; `unreachable`: ICMP host unreachable; `drop`: silence. */
export type RejectHow = 'reset' | 'unreachable' | 'drop';

/** What an outbound wants done with a flow that the data plane holds. */
export type DialPlan =
  | { readonly kind: 'native'; readonly dial: NativeDial }
  | { readonly kind: 'stream' } // take it as a stream and call `dialStream`
  | { readonly kind: 'reject'; readonly how: RejectHow };
