/**
 * The datagrams of one SOCKS5 association with one target, as a flow that is held until it is decided. Before that a few
 * datagrams wait; what comes for a flow that was refused is dropped without a word, as SOCKS5 has none for it.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan } from '../flow/dial-plan.ts';
import type { FlowCarrier } from '../flow/flow-carrier.ts';
import type { Metadata } from '../flow/metadata.ts';
import type { UdpWay } from '../flow/udp-way.ts';
import type { Peeked, Verdict } from './flow-engine.ts';
import type { DispatchedFlow, HeldFlow } from './inbound.ts';

/** Datagrams that wait for the verdict, and their bytes. */
const maxWaiting = 16;
const maxWaitingBytes = 65_536;

export interface AssociationWays {
  /** The way of a dial, shared by all flows of the association. Rejects with DIAL_*. */
  wayOf(dial: DialPlan): Promise<UdpWay>;
  targetOf(dial: DialPlan): Endpoint;
}

type State =
  | { readonly kind: 'held' }
  | { readonly kind: 'open'; readonly way: UdpWay; readonly target: Endpoint }
  | { readonly kind: 'over' };

export class AssociationFlow implements HeldFlow {
  readonly kind = 'held';
  readonly metadata: Metadata;
  readonly carrier: FlowCarrier;
  readonly #ways: AssociationWays;
  readonly #clock: Clock;
  #state: State = { kind: 'held' };
  #waiting: Uint8Array[] = [];
  #peek:
    | { readonly atLeast: number; readonly outcome: PromiseWithResolvers<Peeked>; readonly cancel: () => void }
    | undefined;
  #dispatched: DispatchedFlow | undefined;
  #up = 0;
  #down = 0;
  #sent = 0;
  #received = 0;
  #lastMoved: number;

  constructor(metadata: Metadata, ways: AssociationWays, clock: Clock) {
    this.metadata = metadata;
    this.#ways = ways;
    this.#clock = clock;
    this.#lastMoved = clock.monotonic();
    this.carrier = {
      kind: 'stream',
      bytes: () => ({ up: this.#up, down: this.#down }),
      close: () => this.end('closed'),
    };
  }

  /** Who is told what becomes of it; to be called once, at once. */
  begin(dispatched: DispatchedFlow): void {
    this.#dispatched = dispatched;
  }

  get isOver(): boolean {
    return this.#state.kind === 'over';
  }

  /** Where its datagrams go to on their way; undefined while it is not open. */
  get target(): Endpoint | undefined {
    return this.#state.kind === 'open' ? this.#state.target : undefined;
  }

  get way(): UdpWay | undefined {
    return this.#state.kind === 'open' ? this.#state.way : undefined;
  }

  /** Milliseconds without a datagram. */
  get idleMs(): number {
    return this.#clock.monotonic() - this.#lastMoved;
  }

  /** Whether both sides have said several things. */
  get isConversation(): boolean {
    return this.#sent >= 3 && this.#received >= 3;
  }

  /** A datagram of the client; `data` stays as it is. */
  push(data: Uint8Array): void {
    if (this.#state.kind === 'over') return;
    this.#lastMoved = this.#clock.monotonic();
    if (this.#state.kind === 'open') return this.#send(this.#state, data);
    const bytes = this.#waiting.reduce((sum, each) => sum + each.length, data.length);
    if (this.#waiting.length >= maxWaiting || bytes > maxWaitingBytes) return;
    this.#waiting.push(data);
    if (this.#peek !== undefined && this.#waiting.length >= this.#peek.atLeast) this.#answerPeek('bytes');
  }

  /** A datagram came back and goes to the client. */
  received(bytes: number): void {
    this.#lastMoved = this.#clock.monotonic();
    this.#down += bytes;
    this.#received += 1;
  }

  decide(verdict: Exclude<Verdict, { kind: 'peek' }>): void {
    if (this.#state.kind !== 'held') return;
    if (verdict.kind === 'dial') void this.#dial(verdict.dial);
    else this.end('rejected');
  }

  peek(atLeast: number, timeoutMs: number): Promise<Peeked> {
    const outcome = Promise.withResolvers<Peeked>();
    if (this.#state.kind !== 'held') outcome.reject(new AppError('DIAL_IO', 'the flow has ended'));
    else {
      this.#peek = { atLeast, outcome, cancel: this.#clock.after(timeoutMs, () => this.#answerPeek('timeout')) };
      if (this.#waiting.length >= atLeast) this.#answerPeek('bytes');
    }
    return outcome.promise;
  }

  /** Ends it; repeating it does nothing. */
  end(reason: string): void {
    if (this.#state.kind === 'over') return;
    this.#state = { kind: 'over' };
    this.#waiting = [];
    this.#peek?.cancel();
    this.#peek?.outcome.reject(new AppError('DIAL_IO', 'the flow has ended'));
    this.#dispatched?.ended({ up: this.#up, down: this.#down, reason });
  }

  async #dial(dial: DialPlan): Promise<void> {
    const started = this.#clock.monotonic();
    const ms = (): number => this.#clock.monotonic() - started;
    try {
      const way = await this.#ways.wayOf(dial);
      if (this.isOver) return;
      const open = { kind: 'open', way, target: this.#ways.targetOf(dial) } as const;
      this.#state = open;
      this.#dispatched?.dialed({ ok: true, address: dial.hops[0]?.address ?? '', ms: ms() });
      for (const data of this.#waiting.splice(0)) this.#send(open, data);
    } catch (error) {
      const { code, message } = AppError.from(error, 'DIAL_IO');
      if (!this.isOver) this.#dispatched?.dialed({ ok: false, code, message, ms: ms() });
    }
  }

  #send({ way, target }: Extract<State, { kind: 'open' }>, data: Uint8Array): void {
    way.send(target, data);
    this.#up += data.length;
    this.#sent += 1;
  }

  #answerPeek(reason: Peeked['reason']): void {
    const peek = this.#peek;
    this.#peek = undefined;
    peek?.cancel();
    peek?.outcome.resolve({ chunks: [...this.#waiting], reason });
  }
}
