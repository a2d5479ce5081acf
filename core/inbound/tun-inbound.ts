/** Connects the data plane to the dispatcher and the DNS server. It decides nothing and knows flows by their engine id only. */
import { AppError } from '../base/app-error.ts';
import type { Service } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import type { CarriedBytes, FlowCarrier } from '../flow/flow-carrier.ts';
import type { Metadata } from '../flow/metadata.ts';
import type {
  DnsQuestions,
  EchoAsked,
  EchoVerdict,
  FlowEngine,
  FlowId,
  FlowOpen,
  Peeked,
  Verdict,
} from './flow-engine.ts';
import type { DispatchedFlow, FlowDispatcher, HeldFlow } from './inbound.ts';

export interface DnsHandler {
  /** Answers what deserves an answer, at once or later, by any number of calls of `send`. Never throws. */
  answerBatch(questions: DnsQuestions, send: (answers: Uint8Array) => void): void;
}

export interface TunInboundOptions {
  readonly engine: FlowEngine;
  readonly dispatcher: FlowDispatcher;
  readonly dns: DnsHandler;
  /** What becomes of a program's pings. Never rejects. */
  readonly decideEcho: (asked: EchoAsked) => Promise<EchoVerdict>;
  /** The engine ended by itself; its flows have been closed before. `revivable`: `revive` may be called. */
  readonly onDead: (message: string, revivable: boolean) => void;
  readonly log: Logger;
}

export class TunInbound implements Service {
  readonly #options: TunInboundOptions;
  readonly #flows = new Map<FlowId, DispatchedFlow>();
  readonly #peeks = new Map<FlowId, PromiseWithResolvers<Peeked>>();
  /** One function for all batches: whoever answers may collect what goes the same way. */
  readonly #sendAnswers: (answers: Uint8Array) => void;

  constructor(options: TunInboundOptions) {
    this.#options = options;
    this.#sendAnswers = (answers) => options.engine.answerDns(answers);
    options.engine.setHandlers({
      onOpen: (open) => this.#open(open),
      onDialed: (id, outcome) => this.#flows.get(id)?.dialed(outcome),
      onPeeked: (id, peeked) => {
        this.#peeks.get(id)?.resolve(peeked);
        this.#peeks.delete(id);
      },
      onClose: (close) => {
        const flow = this.#flows.get(close.id);
        this.#flows.delete(close.id);
        this.#peeks.get(close.id)?.reject(new AppError('DIAL_IO', 'the flow has ended'));
        this.#peeks.delete(close.id);
        flow?.ended(close);
      },
      onEcho: (asked) => {
        void options.decideEcho(asked).then((verdict) => options.engine.decideEcho(asked.id, verdict));
      },
      onDns: (questions) => options.dns.answerBatch(questions, this.#sendAnswers),
      onDead: options.onDead,
    });
  }

  start(): Promise<void> {
    return this.#options.engine.start();
  }

  stop(): Promise<void> {
    return this.#options.engine.stop();
  }

  /** Another engine takes over the device of one that died. Throws when it cannot be. */
  revive(): void {
    this.#options.engine.revive();
  }

  #open(open: FlowOpen): void {
    const { engine, dispatcher } = this.#options;
    const { id, network, source, destination, trafficClass } = open;
    const metadata: Metadata = {
      network,
      inbound: 'tun',
      source,
      destination,
      originalDestination: destination,
      trafficClass,
    };
    const carrier = new EngineCarrier(engine, open);
    this.#flows.set(id, dispatcher.dispatch(new EngineFlow(metadata, carrier, this.#peek)));
  }

  readonly #peek = (id: FlowId, atLeast: number, timeoutMs: number): Promise<Peeked> => {
    const peek = Promise.withResolvers<Peeked>();
    if (this.#flows.has(id)) {
      this.#peeks.set(id, peek);
      this.#options.engine.decide(id, { kind: 'peek', atLeast, timeoutMs });
    } else peek.reject(new AppError('DIAL_IO', 'the flow has ended'));
    return peek.promise;
  };
}

type PeekOf = (id: FlowId, atLeast: number, timeoutMs: number) => Promise<Peeked>;

/** A flow that the engine holds. There may be many: what they have together is not in each of them. */
class EngineFlow implements HeldFlow {
  readonly kind = 'held';
  readonly metadata: Metadata;
  readonly carrier: EngineCarrier;
  readonly #peek: PeekOf;

  constructor(metadata: Metadata, carrier: EngineCarrier, peek: PeekOf) {
    this.metadata = metadata;
    this.carrier = carrier;
    this.#peek = peek;
  }

  decide(verdict: Verdict): void {
    this.carrier.engine.decide(this.carrier.id, verdict);
  }

  peek(atLeast: number, timeoutMs: number): Promise<Peeked> {
    return this.#peek(this.carrier.id, atLeast, timeoutMs);
  }
}

/** Reads the engine's shared counters; after the flow's end its slot may be another's, so nobody may ask then. */
class EngineCarrier implements FlowCarrier {
  readonly kind = 'engine';
  readonly engine: FlowEngine;
  readonly id: FlowId;
  readonly #slot: number;

  constructor(engine: FlowEngine, { id, slot }: FlowOpen) {
    this.engine = engine;
    this.id = id;
    this.#slot = slot;
  }

  bytes(): CarriedBytes {
    const counters = this.engine.counters();
    const slot = this.#slot;
    const firstByte = Number(counters[(counters.length / 3) * 2 + slot] ?? 0n);
    return {
      up: Number(counters[slot * 2] ?? 0n),
      down: Number(counters[slot * 2 + 1] ?? 0n),
      firstByteMs: firstByte === 0 ? undefined : firstByte - 1,
    };
  }

  close(how: 'graceful' | 'reset'): void {
    this.engine.close(this.id, how);
  }
}
