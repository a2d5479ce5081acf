/**
 * What the data plane offers to the control plane. `native/` is behind it in the helper (adapted in `core/tunnel`), a
 * memory version in tests. It holds every flow until it is decided: there is no default verdict.
 */
import type { Ip } from '../base/address.ts';
import type { Service } from '../base/lifecycle.ts';
import type { ErrorCode } from '../contract/error.ts';
import type { DialAttempt, Endpoint } from '../contract/flow.ts';
import type { DialPlan, Hop, RejectHow } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';

export type FlowId = number;

export interface FlowOpen {
  readonly id: FlowId;
  /** Place of its counters in the layout of native/index.d.ts; its own until `onClose`. */
  readonly slot: number;
  readonly network: Network;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** DSCP of the first packet (RFC 2474), 0 to 63. */
  readonly trafficClass: number;
}

export type DialOutcome =
  | { readonly ok: true; readonly address: string; readonly ms: number; readonly attempts?: readonly DialAttempt[] }
  /** The flow stays held: decide again (another outbound, or reject). */
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      /** The place of the plan's layer that failed; absent for the connection itself. */
      readonly layer?: number;
      readonly message: string;
      readonly ms: number;
      readonly attempts?: readonly DialAttempt[];
    };

export interface FlowClose {
  readonly id: FlowId;
  readonly up: number;
  readonly down: number;
  /** Milliseconds from the opening to the first byte that came back. */
  readonly firstByteMs?: number | undefined;
  readonly reason: string;
}

/** Questions that have come, in the layout of native/index.d.ts; the token of each is `firstToken` plus its place. */
export interface DnsQuestions {
  readonly firstToken: number;
  readonly count: number;
  readonly questions: Uint8Array;
}

export type Verdict =
  | { readonly kind: 'dial'; readonly dial: DialPlan }
  | { readonly kind: 'reject'; readonly how: RejectHow }
  /** TCP: accept and wait for `atLeast` bytes; UDP: for `atLeast` datagrams. Answered by `onPeeked`; decide again then. */
  | { readonly kind: 'peek'; readonly atLeast: number; readonly timeoutMs: number };

/** What the client has sent so far; it still goes to wherever the flow goes. */
export interface Peeked {
  /** TCP: one chunk; UDP: the datagrams, oldest first. */
  readonly chunks: readonly Uint8Array[];
  /** `bytes`: as much as was wanted; `end`: no more will come or fits. */
  readonly reason: 'bytes' | 'end' | 'timeout';
}

/** A program pings an address; asked once for each pair. */
export interface EchoAsked {
  readonly id: number;
  readonly source: Ip;
  readonly destination: Ip;
}

export type EchoVerdict =
  | { readonly kind: 'direct'; readonly hops: readonly Hop[] }
  /** By ICMP, or not at all. */
  | { readonly kind: 'refuse'; readonly how: 'prohibited' | 'no-route' | 'unreachable' | 'silence' };

export interface FlowEngineHandlers {
  onOpen(flow: FlowOpen): void;
  onDialed(id: FlowId, outcome: DialOutcome): void;
  /** The outcome of verdict `peek`. */
  onPeeked(id: FlowId, peeked: Peeked): void;
  /** Exactly one for each `onOpen`. */
  onClose(flow: FlowClose): void;
  onDns(questions: DnsQuestions): void;
  /** Answered by `decideEcho`. */
  onEcho(asked: EchoAsked): void;
  /** The engine ended by itself; every flow was closed before. `revivable`: its device is still there, see `revive`. */
  onDead(message: string, revivable: boolean): void;
}

export interface FlowEngine extends Service {
  /** Set once, before `start`. */
  setHandlers(handlers: FlowEngineHandlers): void;
  decide(id: FlowId, verdict: Verdict): void;
  decideEcho(id: number, verdict: EchoVerdict): void;
  close(id: FlowId, how: 'graceful' | 'reset'): void;
  /** Answers in the layout of native/index.d.ts. Unknown tokens are ignored. */
  answerDns(answers: Uint8Array): void;
  /** After `onDead` with `revivable`: another engine takes over the same device. Throws when it cannot be. */
  revive(): void;
  /** Shared memory, sampled by the flow table; no call per chunk. */
  counters(): BigUint64Array;
}
