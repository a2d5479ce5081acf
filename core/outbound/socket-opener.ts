/** What `egress` needs from below: native sockets, and a view of the machine's routes. Implemented in `core/system`. */
import type { Ip } from '../base/address.ts';
import type { Hop } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';
import type { NativeAttempt, NativeDialFailure } from './dial-error.ts';
import type { NativeLayer } from './native-layer.ts';

/** A dial as the addon takes it. */
export interface StreamPlan {
  hops: Hop[];
  port: number;
  layers: NativeLayer[];
  timeoutMs: number;
  /** The last layer, SOCKS5, is asked for a UDP relay. */
  associate: boolean;
}

export type StreamOutcome =
  | {
      readonly ok: true;
      /** Connected, non-blocking, the caller's: a TCP socket, or one end of a pair where layers stay. */
      readonly fd: number;
      /** Where the outward socket leads, and its own address. */
      readonly address: Ip;
      readonly local: Ip;
      /** What the last SOCKS5 proxy says that it is bound to. */
      readonly boundHost?: string;
      readonly boundPort?: number;
    }
  | DialFault;

/** Why a dial failed. */
export interface DialFault {
  readonly ok: false;
  readonly failure: NativeDialFailure;
  /** The place of the layer that failed; absent for the connection itself. */
  readonly layer?: number;
  readonly message: string;
}

/** `KeptStream` of the addon, or why there is none. */
export type KeptNative = (
  | { readonly ok: true; readonly stream: number; readonly address: Ip; readonly local: Ip }
  | DialFault
) & { readonly ms: number; readonly attempts?: readonly NativeAttempt[] };

/** `CarriedStream` of the addon. */
export interface CarriedNative {
  bytes(): { up: number; down: number; firstByteMs?: number | undefined };
  ended(): Promise<{ up: number; down: number; firstByteMs?: number; reason: string }>;
}

export interface SocketOpener {
  /** Rejects where the plan cannot be understood; what fails is an outcome. */
  openStream(plan: StreamPlan, mark: number): Promise<StreamOutcome>;
  /** The same for a stream that is kept for a client: `CarriedStream` carries it, by a descriptor that it copies. */
  keepStream(plan: Omit<StreamPlan, 'associate'>, mark: number): Promise<KeptNative>;
  closeStream(stream: number, how: 'graceful' | 'reset' | 'rerouted'): void;
  readonly CarriedStream: new (stream: number, client: number, first: Uint8Array) => CarriedNative;
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
