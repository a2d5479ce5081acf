/**
 * One flow on the dispatcher's path, from its opening to its one terminal event. It carries out what rules and outbound
 * say and tells the application the outcome; whatever comes after the end is ignored.
 */
import { formatEndpoint, type Ip, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { unreachable } from '../base/unreachable.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan, FlowPlan } from '../flow/dial-plan.ts';
import type { Flow } from '../flow/flow.ts';
import type { FlowCarrier } from '../flow/flow-carrier.ts';
import type { FlowTable } from '../flow/flow-table.ts';
import type { ProcessFinder } from '../flow/process-finder.ts';
import type { DialOutcome, FlowClose } from '../inbound/flow-engine.ts';
import type { DispatchedFlow, InboundFlow, StreamFlow } from '../inbound/inbound.ts';
import { type RelayResult, relayStreams } from '../net/relay-streams.ts';
import type { Stream } from '../net/stream.ts';
import { dialFailedWith, rejectHowOf } from '../outbound/dial-error.ts';
import type { AddressResolver, Outbound } from '../outbound/dialer.ts';
import type { Route } from '../outbound/route.ts';
import type { AddressNames, Enriched, FakeIpView } from './enrich.ts';
import { flowSummary } from './flow-summary.ts';
import { findTarget } from './flow-target.ts';
import { loopDecision } from './loop-decision.ts';
import type { LoopGuard } from './loop-guard.ts';
import { type DispatchPolicy, type FoundName, search, searchFor } from './name-search.ts';
import { type Decision, decide } from './policy.ts';
import { RelayCarrier } from './relay-carrier.ts';
import type { SilentClients } from './silent-clients.ts';

export interface FlowServices {
  readonly flows: FlowTable;
  readonly fakeIp: FakeIpView;
  /** Which name a real address was answered for. */
  readonly addressMemory: AddressNames;
  /** Told of dials by name that failed: there may be no such name. */
  readonly names: { dialFailed(name: string, outbound: Outbound, error: AppError): void };
  /** The first bytes of a flow to this fake address named what the pool did not know (any more). */
  readonly onRecovered: (address: Ip, name: string) => void;
  /** Answers the address that an IP rule needs; for matching only. */
  readonly resolver: AddressResolver;
  readonly processes: ProcessFinder;
  readonly loopGuard: LoopGuard;
  /** Where clients were seen to wait for the server's first word. */
  readonly silentClients: SilentClients;
  /** Whether an address is this machine's. */
  readonly isOwnAddress: (address: Ip) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** Looks the process of a flow up for people alone, without a rule that asks, if there is time for it. */
  readonly lookUpForPeople: (find: () => Promise<unknown>) => void;
}

export interface FlowLimits {
  /** Milliseconds for a dial that is not the data plane's. */
  readonly dialMs: number;
  /** Milliseconds without a byte until a stream that we relay is given up; the second once one direction has ended. */
  readonly idleMs: number;
  readonly halfCloseMs: number;
  /** Milliseconds that a flow waits at most for first bytes that tell its name. */
  readonly sniffMs: number;
}

/** What flows of one policy have together: one object for all of them, for there may be many. */
export interface FlowContext extends FlowServices {
  readonly limits: FlowLimits;
  readonly policy: DispatchPolicy;
  /** Told once of a flow to a fake address that means nothing, with the name that its first bytes told, if any. */
  readonly onUnknown: (address: Ip, name: string | undefined) => void;
}

type End = Omit<FlowClose, 'id'>;

export class FlowSession implements DispatchedFlow {
  readonly #options: FlowContext;
  readonly #inbound: InboundFlow;
  readonly #enriched: Enriched;
  readonly #flow: Flow;
  #over = false;
  /** Aborted when the flow ends, for whatever reason: cancels name queries, dials and relays. Made for whoever has to be told. */
  #life: AbortController | undefined;
  #relaying = false;
  #process: Promise<Flow['metadata']['process']> | undefined;
  /** The name is the application's own word, not the meaning of its fake address. */
  #renamed = false;
  #peeked = false;
  #route: Route | undefined;
  /** What the data plane was told to dial. */
  #dial: DialPlan | undefined;
  /** What it is asked to dial. */
  #target: Endpoint | undefined;

  constructor(options: FlowContext, inbound: InboundFlow, enriched: Enriched) {
    this.#options = options;
    this.#inbound = inbound;
    this.#enriched = enriched;
    const { flows, fakeIp } = options;
    const carrier = inbound.kind === 'held' ? inbound.carrier : this.#waitingCarrier();
    this.#flow = flows.open(enriched.metadata, carrier);
    if (enriched.kind === 'mapped') fakeIp.flowOpened(enriched.fakeIp);
    if (enriched.kind === 'unknown') fakeIp.unknownConnected(enriched.address);
  }

  /** Takes the flow along its path. Resolves when nothing is left to do here; never rejects. */
  async run(): Promise<void> {
    if (this.#over) return;
    // At once, and whoever watches: later the program may be gone.
    this.#options.lookUpForPeople(() => this.#findProcess());
    try {
      const decision = await this.#decide();
      if (this.#over) return;
      this.#flow.decided(decision.rule, decision.route, decision.resolved, this.#since());
      await this.#connect(decision.route);
    } catch (caught) {
      this.#fail(AppError.from(caught));
    }
  }

  dialed(outcome: DialOutcome): void {
    if (this.#flow.state !== 'dialing') return;
    if (outcome.attempts !== undefined) this.#flow.attempted(outcome.attempts);
    if (outcome.ok) {
      this.#flow.opened(outcome.address, Math.round(outcome.ms));
      this.#dial = undefined;
    } else this.#fail(this.#noteDial(dialFailedWith(outcome, this.#dial ?? { layers: [] })), Math.round(outcome.ms));
  }

  ended(close: End): void {
    // Once we relay, the relay knows the bytes and the reason; the engine has only handed the connection over.
    if (!this.#relaying) this.#finish(close);
  }

  get #signal(): AbortSignal {
    this.#life ??= new AbortController();
    if (this.#over) this.#life.abort(hasEnded());
    return this.#life.signal;
  }

  async #decide(): Promise<Decision> {
    const { policy, loopGuard } = this.#options;
    const enriched = this.#enriched;
    if (enriched.kind === 'unknown') await this.#recover(enriched.address);
    const looping = await loopDecision(this.#flow.metadata, policy, loopGuard, () => this.#findProcess());
    if (looping !== undefined) return looping;
    if (enriched.kind !== 'unknown') await this.#findName();
    if (this.#over) throw hasEnded();
    const flow = { metadata: this.#flow.metadata, withProcess: () => this.#withProcess() };
    return decide(policy, flow, this.#resolveOnce());
  }

  /** A name in the first bytes is for this flow only; without one the application must ask again. */
  async #recover(address: Ip): Promise<void> {
    const { onUnknown, onRecovered } = this.#options;
    const found = await this.#search();
    if (this.#over) return;
    onUnknown(address, found?.name);
    if (found === undefined) {
      throw new AppError('FAKE_IP_UNKNOWN_ADDRESS', `the fake address ${address} means nothing any more`, {
        expected: 'flush the system DNS cache, or restart the program that keeps the address',
      });
    }
    this.#rename(found.name);
    onRecovered(address, found.name);
  }

  /** Looks for a better name than the known one where that can matter. */
  async #findName(): Promise<void> {
    const { onRecovered } = this.#options;
    const enriched = this.#enriched;
    const found = await this.#search();
    if (this.#over || found === undefined) return;
    const another = found.name !== this.#flow.metadata.destination.host;
    if (enriched.kind === 'mapped' && !another) return;
    this.#rename(found.name);
    if (enriched.kind === 'mapped' && enriched.doubtful) onRecovered(enriched.fakeIp, found.name);
  }

  /** The name that the first bytes tell, if they are worth a look and it is to be taken. */
  async #search(): Promise<FoundName | undefined> {
    const { policy, fakeIp, clock, limits, silentClients } = this.#options;
    const inbound = this.#inbound;
    const enriched = this.#enriched;
    if (inbound.kind !== 'held') return undefined;
    const wanted = searchFor(enriched, policy, fakeIp);
    if (wanted === undefined) return undefined;
    this.#peeked = true;
    const { network, originalDestination } = enriched.metadata;
    // Behind a fake address the name decides where the connection goes: that is worth the whole time.
    const isLearnt = network === 'tcp' && (enriched.kind === 'plain' || enriched.kind === 'guessed');
    const patience = isLearnt ? silentClients.patience(originalDestination, limits.sniffMs) : limits.sniffMs;
    const { found, spoke } = await search(inbound, wanted, clock, patience);
    if (isLearnt && !this.#over) silentClients.note(originalDestination, spoke);
    return found && { ...found, name: policy.nameBehind(found.name) };
  }

  #rename(host: string): void {
    const { metadata } = this.#flow;
    this.#renamed = true;
    this.#flow.learn({
      ...metadata,
      destination: { host, port: metadata.destination.port },
      domainSource: 'sniffed',
    });
  }

  async #withProcess(): Promise<Flow['metadata']> {
    await this.#findProcess();
    return this.#flow.metadata;
  }

  /** Looks the process up, once, and remembers it in the flow. */
  #findProcess(): Promise<Flow['metadata']['process']> {
    this.#process ??= this.#lookUpProcess();
    return this.#process;
  }

  async #lookUpProcess(): Promise<Flow['metadata']['process']> {
    const inbound = this.#inbound;
    const { network, source, destination } = inbound.metadata;
    const target = inbound.kind === 'stream' ? inbound.local : destination;
    const process = await this.#options.processes.find(network, source, target);
    if (process !== undefined && this.#flow.metadata.process === undefined) {
      this.#flow.learn({ ...this.#flow.metadata, process });
    }
    return process;
  }

  /** At most one question a flow, however many rules want the address. */
  #resolveOnce(): (name: string) => Promise<Ip | undefined> {
    let asked: Promise<Ip | undefined> | undefined;
    return (name) => {
      asked ??= this.#options.resolver.resolve(name, this.#signal).then(([first]) => first);
      return asked;
    };
  }

  async #connect(route: Route): Promise<void> {
    const { policy } = this.#options;
    const inbound = this.#inbound;
    const { outbound } = route;
    this.#route = route;
    const target = await findTarget(this.#flow.metadata, outbound, policy, this.#signal);
    if (this.#over) return;
    this.#target = target;
    if (inbound.kind === 'stream' && inbound.carry === undefined)
      return await this.#connectStream(inbound, outbound, target);
    const plan = await this.#plan(outbound, target);
    if (this.#over) return;
    switch (plan.kind) {
      case 'dial':
        this.#dial = plan;
        this.#flow.dials(plan.hops.map(({ address }) => formatEndpoint({ host: address, port: plan.port })));
        // The data plane dials now: nothing here is left to be cancelled.
        this.#life = undefined;
        if (inbound.kind === 'held') return inbound.decide({ kind: 'dial', dial: plan });
        if (inbound.carry !== undefined) this.#flow.carriedBy(inbound.carry(plan));
        return undefined;
      case 'reject':
        if (inbound.kind === 'stream') return await this.#connectStream(inbound, outbound, target);
        this.#flow.failed(new AppError('DIAL_REJECTED', `refused by ${outbound.tag}`));
        return inbound.decide({ kind: 'reject', how: plan.how });
      default:
        return unreachable(plan);
    }
  }

  /** Whether its client is another device: one that this machine forwards for, or lets use the mixed port. */
  #isElsewhere(): boolean {
    const address = parseIp(this.#flow.metadata.source.host.replace(/%.*$/, ''));
    return address === undefined || !this.#options.isOwnAddress(address);
  }

  async #plan(outbound: Outbound, target: Endpoint): Promise<FlowPlan> {
    try {
      const { network } = this.#flow.metadata;
      return await outbound.plan(target, network, this.#signal, () => this.#isElsewhere());
    } catch (error) {
      throw this.#noteDial(AppError.from(error));
    }
  }

  /** A dial that failed may mean that the node is dead; one by name, that there is no such name. */
  #noteDial(error: AppError): AppError {
    if (this.#over || this.#route === undefined || this.#target === undefined) return error;
    const { host } = this.#target;
    this.#options.policy.policies.dialFailed(this.#route, error);
    if (parseIp(host) === undefined) this.#options.names.dialFailed(host, this.#route.outbound, error);
    return error;
  }

  /** Milliseconds since the flow opened. */
  #since(): number {
    return Math.max(0, this.#options.clock.now() - this.#flow.openedAt);
  }

  async #connectStream(inbound: StreamFlow, outbound: Outbound, target: Endpoint): Promise<void> {
    const { clock, limits } = this.#options;
    const started = clock.monotonic();
    const isElsewhere = (): boolean => this.#isElsewhere();
    const options = { signal: this.#signal, timeoutMs: limits.dialMs, isElsewhere };
    const remote = await outbound.dialStream(target, options).catch((error: unknown) => {
      throw this.#noteDial(AppError.from(error));
    });
    if (this.#over) return remote.reset();
    const ms = Math.round(clock.monotonic() - started);
    try {
      const client = inbound.accept();
      this.#flow.opened(remote.remote, ms);
      await this.#relay(client, remote);
    } catch (error) {
      remote.reset();
      throw error;
    }
  }

  async #relay(client: Stream, remote: Stream): Promise<void> {
    this.#relaying = true;
    const { clock, limits } = this.#options;
    const stopped = new AbortController();
    const carrier = new RelayCarrier(stopped, () => this.#since());
    this.#flow.carriedBy(carrier);
    const result: RelayResult = await relayStreams(client, remote, {
      onBytes: (up, down) => carrier.count(up, down),
      signal: stopped.signal,
      clock,
      idleMs: limits.idleMs,
      halfCloseMs: limits.halfCloseMs,
    });
    this.#finish({ ...result, firstByteMs: carrier.bytes().firstByteMs });
  }

  /** Tells the application why there is no connection. A held flow ends when the engine has done so. */
  #fail(error: AppError, dialMs?: number): void {
    if (this.#over) return;
    const inbound = this.#inbound;
    this.#flow.failed(error, dialMs);
    if (inbound.kind === 'held') {
      const { network } = inbound.metadata;
      // A connection that was accepted for a look can only be told by RST, also that nobody answered.
      const how = this.#peeked && network === 'tcp' ? 'reset' : rejectHowOf(error.code, network);
      inbound.decide({ kind: 'reject', how });
      return;
    }
    inbound.reject(error);
    this.#finish({ up: 0, down: 0, reason: error.code === 'DIAL_REJECTED' ? 'rejected' : 'failed' });
  }

  #finish({ up, down, firstByteMs, reason }: End): void {
    const { clock, fakeIp } = this.#options;
    const enriched = this.#enriched;
    const error = this.#flow.error;
    const failed = reason === 'rejected' && error !== undefined && error.code !== 'DIAL_REJECTED';
    const opened = this.#flow.state === 'open';
    if (!this.#flow.close({ at: clock.now(), up, down, firstByteMs, reason: failed ? 'failed' : reason })) return;
    this.#over = true;
    this.#life?.abort(hasEnded());
    this.#life = undefined;
    if (enriched.kind === 'mapped') {
      // What came of another name says nothing about the mapping's.
      fakeIp.flowClosed(enriched.fakeIp, this.#renamed ? '' : (error?.code ?? (opened ? 'ok' : '')));
    }
    this.#options.log.info('flow', flowSummary(this.#flow.row()));
  }

  /** Until a stream flow is connected there are no bytes, and closing it means to refuse it. */
  #waitingCarrier(): FlowCarrier {
    return {
      kind: 'stream',
      bytes: () => ({ up: 0, down: 0 }),
      close: () => {
        const inbound = this.#inbound;
        if (this.#over || inbound.kind === 'held') return;
        inbound.reject(new AppError('DIAL_REJECTED', 'the connection was closed by hand'));
        this.#finish({ up: 0, down: 0, reason: 'closed' });
      },
    };
  }
}

function hasEnded(): AppError {
  return new AppError('DIAL_IO', 'the flow has ended');
}
