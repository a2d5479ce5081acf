/** What inbounds and the dispatcher say to each other. Both kinds of flow take the one path behind `FlowDispatcher`. */
import type { AppError } from '../base/app-error.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan } from '../flow/dial-plan.ts';
import type { FlowCarrier } from '../flow/flow-carrier.ts';
import type { Metadata } from '../flow/metadata.ts';
import type { Stream } from '../net/stream.ts';
import type { DialOutcome, FlowClose, Peeked, Verdict } from './flow-engine.ts';

/** A flow that the data plane holds until it is decided, and ends itself. */
export interface HeldFlow {
  readonly kind: 'held';
  readonly metadata: Metadata;
  readonly carrier: FlowCarrier;
  decide(verdict: Exclude<Verdict, { kind: 'peek' }>): void;
  /**
   * Waits until the client has sent so many bytes (TCP, which is accepted for it) or datagrams (UDP), or has ended, or the time
   * is over; takes nothing. Rejects when the flow has ended. To be decided after it.
   */
  peek(atLeast: number, timeoutMs: number): Promise<Peeked>;
}

/** A flow that an inbound accepted and that waits for its answer as a stream. */
export interface StreamFlow {
  readonly kind: 'stream';
  readonly metadata: Metadata;
  /** Our end of the client's connection: with its source it names the client's socket. */
  readonly local: Endpoint;
  /**
   * Present where nobody has to read the bytes: has the data plane dial and carry them. Its outcome comes by `dialed`; then the client
   * is told, and `ended` comes exactly once.
   */
  readonly carry?: (dial: DialPlan) => FlowCarrier;
  /** Otherwise: tells the client that it is connected and hands its stream over. */
  accept(): Stream;
  /** Tells the client why not, in its protocol's words, and ends it. */
  reject(error: AppError): void;
}

export type InboundFlow = HeldFlow | StreamFlow;

/** The dispatcher's end of a flow, for what the inbound learns later. */
export interface DispatchedFlow {
  /** The outcome of a dial that the data plane did. */
  dialed(outcome: DialOutcome): void;
  /** A held or carried flow has ended (exactly once), or the client of a stream flow has gone before it was answered. */
  ended(close: Omit<FlowClose, 'id'>): void;
}

export interface FlowDispatcher {
  /** Takes a flow over. It is answered later, never before this returns. */
  dispatch(flow: InboundFlow): DispatchedFlow;
}
