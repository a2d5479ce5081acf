/**
 * The one path of every connection, whichever inbound it comes from: find its name, show it, match the rules, ask the
 * outbound, answer the application with the truth. What becomes of one flow on that path is in `flow-session.ts`.
 */
import type { Ip } from '../base/address.ts';
import type { DispatchedFlow, FlowDispatcher, InboundFlow } from '../inbound/inbound.ts';
import { enrich, type FakeIpView } from './enrich.ts';
import { type FlowLimits, type FlowServices, FlowSession } from './flow-session.ts';
import type { FlowPolicy } from './policy.ts';

export interface DispatcherOptions extends FlowServices {
  /** Somebody connected to a fake address that means nothing (any more); `count` is how often this has happened. */
  readonly onUnknownFakeAddress: (address: Ip, count: number) => void;
  readonly limits?: Partial<FlowLimits>;
}

const defaultLimits: FlowLimits = { dialMs: 15_000, idleMs: 2 * 3_600_000, halfCloseMs: 600_000 };

export class Dispatcher implements FlowDispatcher {
  readonly #options: DispatcherOptions;
  readonly #limits: FlowLimits;
  #policy: FlowPolicy;
  #fakeIp: FakeIpView;
  #unknownFakeAddresses = 0;

  constructor(policy: FlowPolicy, options: DispatcherOptions) {
    this.#policy = policy;
    this.#options = options;
    this.#fakeIp = options.fakeIp;
    this.#limits = { ...defaultLimits, ...options.limits };
  }

  /** How often a connection came to a fake address that means nothing. */
  get unknownFakeAddresses(): number {
    return this.#unknownFakeAddresses;
  }

  /** New flows take these rules and outbounds, and this pool if given; open ones keep what they began with. */
  swap(policy: FlowPolicy, fakeIp = this.#fakeIp): void {
    this.#policy = policy;
    this.#fakeIp = fakeIp;
  }

  dispatch(inbound: InboundFlow): DispatchedFlow {
    const enriched = enrich(inbound.metadata, this.#fakeIp);
    const session = new FlowSession({
      ...this.#options,
      fakeIp: this.#fakeIp,
      limits: this.#limits,
      policy: this.#policy,
      inbound,
      enriched,
    });
    if (enriched.kind === 'unknown') {
      this.#unknownFakeAddresses += 1;
      this.#options.onUnknownFakeAddress(enriched.address, this.#unknownFakeAddresses);
    }
    queueMicrotask(() => void session.run());
    return session;
  }
}
