/** How the datagrams of one client leave: what an inbound without a data plane of its own needs from the outbounds. */
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan } from './dial-plan.ts';

export interface UdpWayHandlers {
  /** A datagram came back, from an address or (through a proxy) from what the proxy calls it. */
  onDatagram(from: Endpoint, data: Uint8Array): void;
  /** The way ended by itself (`dropped`: the kernel would not send that way any more); nothing comes any more. May be said twice. */
  onEnd(reason: 'reset-by-remote' | 'dropped'): void;
}

export interface UdpWay {
  /** May lose the datagram, as UDP does. */
  send(to: Endpoint, data: Uint8Array): void;
  close(): void;
}

export interface UdpWays {
  /** Dials with the same key leave by the same way: one source port for all their targets (RFC 4787 section 4.1). */
  keyOf(dial: DialPlan): string;
  /** Where the datagrams of a dial are sent to on its way. */
  targetOf(dial: DialPlan): Endpoint;
  /** Rejects with DIAL_*. The way is the caller's, who closes it. */
  open(dial: DialPlan, handlers: UdpWayHandlers, signal: AbortSignal): Promise<UdpWay>;
}
