/**
 * The one path of every connection, whichever inbound it comes from: find its name, show it, match the rules, ask the
 * outbound, answer the application with the truth. What becomes of one flow on that path is in `flow-session.ts`.
 */
import type { Ip } from '../base/address.ts';
import type { DispatchedFlow, FlowDispatcher, InboundFlow } from '../inbound/inbound.ts';
import { enrich, type FakeIpView } from './enrich.ts';
import { type FlowContext, type FlowLimits, type FlowServices, FlowSession } from './flow-session.ts';
import type { DispatchPolicy } from './name-search.ts';

export interface DispatcherOptions extends FlowServices {
  /** Somebody connected to a fake address that means nothing (any more). With how often this has happened, and how often the first bytes told the name. */
  readonly onUnknownFakeAddress: (address: Ip, count: number, recovered: number) => void;
  readonly limits?: Partial<FlowLimits>;
}

const defaultLimits: FlowLimits = { dialMs: 15_000, idleMs: 2 * 3_600_000, halfCloseMs: 600_000, sniffMs: 300 };

export class Dispatcher implements FlowDispatcher {
  readonly #options: DispatcherOptions;
  readonly #limits: FlowLimits;
  #context: FlowContext;
  #unknownFakeAddresses = 0;
  #recoveredFlows = 0;

  constructor(policy: DispatchPolicy, options: DispatcherOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#context = this.#contextOf(policy, options.fakeIp);
  }

  /** How often a connection came to a fake address that means nothing. */
  get unknownFakeAddresses(): number {
    return this.#unknownFakeAddresses;
  }

  /** How many of them were understood by their first bytes. */
  get recoveredFlows(): number {
    return this.#recoveredFlows;
  }

  /** New flows take these rules and outbounds, and this pool if given; open ones keep what they began with. */
  swap(policy: DispatchPolicy, fakeIp = this.#context.fakeIp): void {
    this.#context = this.#contextOf(policy, fakeIp);
  }

  dispatch(inbound: InboundFlow): DispatchedFlow {
    const context = this.#context;
    const enriched = enrich(inbound.metadata, context.fakeIp, context.addressMemory);
    const session = new FlowSession(context, inbound, enriched);
    queueMicrotask(() => void session.run());
    return session;
  }

  #contextOf(policy: DispatchPolicy, fakeIp: FakeIpView): FlowContext {
    return {
      ...this.#options,
      fakeIp,
      limits: this.#limits,
      policy,
      onUnknown: (address, name) => this.#countUnknown(address, name !== undefined),
    };
  }

  #countUnknown(address: Ip, recovered: boolean): void {
    this.#unknownFakeAddresses += 1;
    if (recovered) this.#recoveredFlows += 1;
    this.#options.onUnknownFakeAddress(address, this.#unknownFakeAddresses, this.#recoveredFlows);
  }
}
