/**
 * One connection on its way: deciding, dialing, open, closed. It remembers what happened and decides nothing; what it has
 * learnt is read as a row.
 */
import type { Ip } from '../base/address.ts';
import type { AppError } from '../base/app-error.ts';
import type { ConnectionRow, DialAttempt, FlowState, MatchedRule, PolicyWay } from '../contract/flow.ts';
import type { CarriedBytes, FlowCarrier } from './flow-carrier.ts';
import type { Metadata } from './metadata.ts';

/** Where the rules led. */
export interface FlowRoute {
  readonly outbound: { readonly way: PolicyWay };
  /** From the leaf outbound to the outermost group. */
  readonly chain: readonly string[];
}

const order: Record<FlowState, number> = { deciding: 0, dialing: 1, open: 2, closed: 3 };

export class Flow {
  readonly id: string;
  /** Unix time in milliseconds. */
  readonly openedAt: number;
  readonly #changed: (flow: Flow) => void;
  #metadata: Metadata;
  #carrier: FlowCarrier;
  #state: FlowState = 'deciding';
  #rule: MatchedRule | undefined;
  #matchedIp: Ip | undefined;
  #route: FlowRoute | undefined;
  #decideMs: number | undefined;
  #tried: readonly string[] | undefined;
  #remote: string | undefined;
  #attempts: readonly DialAttempt[] = [];
  #dialMs: number | undefined;
  #firstByteMs: number | undefined;
  #error: AppError | undefined;
  #up = 0;
  #down = 0;
  #end: { at: number; reason: string } | undefined;

  /** `changed` is called after everything but a mere count of bytes. */
  constructor(
    init: { id: string; metadata: Metadata; carrier: FlowCarrier; openedAt: number },
    changed: (flow: Flow) => void,
  ) {
    this.id = init.id;
    this.openedAt = init.openedAt;
    this.#metadata = init.metadata;
    this.#carrier = init.carrier;
    this.#changed = changed;
  }

  get metadata(): Metadata {
    return this.#metadata;
  }

  get state(): FlowState {
    return this.#state;
  }

  get error(): AppError | undefined {
    return this.#error;
  }

  get up(): number {
    return this.#up;
  }

  get down(): number {
    return this.#down;
  }

  /** Milliseconds from the opening to the first byte that came back, as far as it was sampled. */
  get firstByteMs(): number | undefined {
    return this.#firstByteMs;
  }

  /** More is known now; allowed after the end too. */
  learn(metadata: Metadata): void {
    this.#metadata = metadata;
    this.#changed(this);
  }

  /** `ms`: from the opening until now. */
  decided(rule: MatchedRule, route: FlowRoute, matchedIp: Ip | undefined, ms: number): void {
    this.#decideMs = ms;
    this.#rule = rule;
    this.#route = route;
    this.#matchedIp = matchedIp;
    this.#advance('dialing');
  }

  /** The dial begins: these addresses are tried, in this order. */
  dials(addresses: readonly string[]): void {
    this.#tried = addresses;
  }

  /** What came of the addresses that were dialled. */
  attempted(attempts: readonly DialAttempt[]): void {
    this.#attempts = attempts;
  }

  /** `remote` is the address of the other end of our outward socket; `ms` what the dial took. */
  opened(remote: string | undefined, ms: number): void {
    this.#remote = remote;
    this.#dialMs = ms;
    this.#advance('open');
  }

  /** Why it did not come to be, and what the dial took. The flow stays until whoever holds it has ended it. */
  failed(error: AppError, ms?: number): void {
    this.#error = error;
    this.#dialMs = ms;
    this.#changed(this);
  }

  /** From now on somebody else counts and closes. */
  carriedBy(carrier: FlowCarrier): void {
    this.#carrier = carrier;
  }

  /** Asks whoever carries it to end it. */
  requestClose(how: 'graceful' | 'reset'): void {
    if (this.#state !== 'closed') this.#carrier.close(how);
  }

  /** Reads the carrier's counters; whether they moved. */
  sample(): boolean {
    if (this.#state === 'closed') return false;
    const { up, down, firstByteMs } = this.#carrier.bytes();
    const moved = up !== this.#up || down !== this.#down;
    this.#up = up;
    this.#down = down;
    this.#firstByteMs ??= firstByteMs;
    return moved;
  }

  /** The terminal event; false when it has happened before. */
  close(end: CarriedBytes & { at: number; reason: string }): boolean {
    if (this.#state === 'closed') return false;
    this.#up = end.up;
    this.#down = end.down;
    this.#firstByteMs ??= end.firstByteMs;
    this.#end = { at: end.at, reason: end.reason };
    this.#advance('closed');
    return true;
  }

  /** The flow as people see it, now. */
  row(): ConnectionRow {
    const { network, inbound, source, destination, domainSource, fakeIp, process } = this.#metadata;
    return {
      id: this.id,
      network,
      inbound,
      source,
      destination,
      ...(domainSource === undefined ? {} : { domainSource }),
      ...(fakeIp === undefined ? {} : { fakeIp }),
      ...(process === undefined ? {} : { process }),
      ...(this.#rule === undefined ? {} : { rule: this.#rule }),
      ...(this.#matchedIp === undefined ? {} : { matchedIp: this.#matchedIp }),
      chain: [...(this.#route?.chain ?? [])],
      ...(this.#route === undefined ? {} : { way: this.#route.outbound.way }),
      ...(this.#decideMs === undefined ? {} : { decideMs: this.#decideMs }),
      ...(this.#tried === undefined ? {} : { tried: [...this.#tried] }),
      ...(this.#remote === undefined ? {} : { remote: this.#remote }),
      state: this.#state,
      up: this.#up,
      down: this.#down,
      openedAt: this.openedAt,
      ...(this.#attempts.length === 0 ? {} : { attempts: [...this.#attempts] }),
      ...(this.#dialMs === undefined ? {} : { dialMs: this.#dialMs }),
      ...(this.#firstByteMs === undefined ? {} : { firstByteMs: this.#firstByteMs }),
      ...(this.#end === undefined ? {} : { closedAt: this.#end.at, closeReason: this.#end.reason }),
      ...(this.#error === undefined ? {} : { error: { code: this.#error.code, message: this.#error.message } }),
    };
  }

  #advance(state: FlowState): void {
    if (order[state] <= order[this.#state])
      throw new Error(`flow ${this.id} cannot go from ${this.#state} to ${state}`);
    this.#state = state;
    this.#changed(this);
  }
}
