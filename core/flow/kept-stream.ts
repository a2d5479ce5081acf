/**
 * A stream outward that the data plane has opened for a client whose connection we accepted. It waits for the client's socket, and
 * carries all its bytes from then on: none of them enters JavaScript.
 */
import type { Ip } from '../base/address.ts';
import type { ErrorCode } from '../contract/error.ts';
import type { DialAttempt } from '../contract/flow.ts';
import type { DialPlan } from './dial-plan.ts';
import type { CarriedBytes } from './flow-carrier.ts';

export interface StreamKeeper {
  /** Dials by a plan. Rejects when aborted; what fails is an outcome. */
  keepStream(dial: DialPlan, signal: AbortSignal): Promise<KeptOutcome>;
}

export type KeptOutcome =
  | {
      readonly ok: true;
      readonly stream: KeptStream;
      /** The peer of the outward socket. */
      readonly address: Ip;
      readonly ms: number;
      readonly attempts?: readonly DialAttempt[];
    }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      /** The place of the plan's layer that failed; absent for the connection itself. */
      readonly layer?: number;
      readonly message: string;
      readonly ms: number;
      readonly attempts?: readonly DialAttempt[];
    };

/** To be carried or given up within 30 s; it is gone then. */
export interface KeptStream {
  /**
   * Carries the bytes of a connected socket, of which `first` were read already. The descriptor is copied: close yours, and read
   * nothing from it any more.
   */
  carry(descriptor: number, first: Uint8Array): CarriedStream;
  /** Ends it without a client. */
  giveUp(): void;
}

export interface CarriedStream {
  /** Milliseconds to the first byte count from `carry`. */
  bytes(): CarriedBytes;
  /** `graceful` sends FIN both ways after what is on its way. It ends by itself then. */
  close(how: 'graceful' | 'reset'): void;
  /** Exactly once; never rejects. `reason` as in `closeReasons`. */
  readonly ended: Promise<CarriedBytes & { readonly reason: string }>;
}
