/** A data plane in memory: tests play the network, read the verdicts, and hold the application's end of streams. */
import { type Duplex, duplexPair } from 'node:stream';
import type {
  DialOutcome,
  DnsQuestions,
  EchoVerdict,
  FlowEngine,
  FlowEngineHandlers,
  FlowId,
  FlowOpen,
  Verdict,
} from '../../core/inbound/flow-engine.ts';
import type { Stream } from '../../core/net/stream.ts';

const slots = 256;

export class MemoryFlowEngine implements FlowEngine {
  running = false;
  /** Every verdict in order. */
  readonly verdicts: { id: FlowId; verdict: Verdict }[] = [];
  readonly echoes: { id: number; verdict: EchoVerdict }[] = [];
  readonly answers: Uint8Array[] = [];
  readonly closes: { id: FlowId; how: 'graceful' | 'reset' }[] = [];
  readonly #counters = new BigUint64Array(3 * slots);
  readonly #open = new Map<FlowId, FlowOpen>();
  #handlers: FlowEngineHandlers | undefined;
  #nextId = 1;

  setHandlers(handlers: FlowEngineHandlers): void {
    this.#handlers = handlers;
  }

  start(): Promise<void> {
    this.running = true;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.running = false;
    for (const id of this.#open.keys()) this.end(id, { reason: 'stopped' });
    return Promise.resolve();
  }

  /** Rejected flows end by themselves, as in the real engine. */
  decide(id: FlowId, verdict: Verdict): void {
    if (!this.#open.has(id)) return;
    this.verdicts.push({ id, verdict });
    if (verdict.kind === 'reject') queueMicrotask(() => this.end(id, { reason: 'rejected' }));
  }

  /** A program pings. */
  echo(id: number, destination: string): void {
    this.#handlers?.onEcho({ id, source: '198.18.0.1', destination });
  }

  decideEcho(id: number, verdict: EchoVerdict): void {
    this.echoes.push({ id, verdict });
  }

  revive(): void {
    throw new Error('there is no device');
  }

  close(id: FlowId, how: 'graceful' | 'reset'): void {
    this.closes.push({ id, how });
    queueMicrotask(() => this.end(id, { reason: 'closed' }));
  }

  answerDns(answers: Uint8Array): void {
    this.answers.push(answers);
  }

  counters(): BigUint64Array {
    return this.#counters;
  }

  /** An application connects (or sends its first datagram). */
  open(to: string, port: number, network: 'tcp' | 'udp' = 'tcp', trafficClass = 0): FlowId {
    const id = this.#nextId++;
    const flow = {
      id,
      slot: id,
      network,
      source: { host: '198.18.0.1', port: 40_000 + id },
      destination: { host: to, port },
      trafficClass,
    };
    this.#open.set(id, flow);
    this.#handlers?.onOpen(flow);
    return id;
  }

  dialed(id: FlowId, outcome: DialOutcome): void {
    this.#handlers?.onDialed(id, outcome);
  }

  count(id: FlowId, up: number, down: number, firstByteMs?: number): void {
    this.#counters[2 * id] = BigInt(up);
    this.#counters[2 * id + 1] = BigInt(down);
    if (firstByteMs !== undefined) this.#counters[2 * slots + id] = BigInt(firstByteMs + 1);
  }

  /** The end of a flow with its counters; a second one for the same flow is ignored, as in the real engine. */
  end(id: FlowId, { reason }: { reason: string }): void {
    if (!this.#open.delete(id)) return;
    const [up, down] = [Number(this.#counters[2 * id]), Number(this.#counters[2 * id + 1])];
    this.#handlers?.onClose({ id, up, down, reason });
  }

  ask(questions: DnsQuestions): void {
    this.#handlers?.onDns(questions);
  }

  die(message: string): void {
    for (const id of this.#open.keys()) this.end(id, { reason: 'stopped' });
    this.#handlers?.onDead(message, false);
  }
}

/** Two ends of a connection in memory, with half-close and reset. */
export function memoryStreams(): [Stream, Stream] {
  const [a, b] = duplexPair();
  return [memoryStream(a, b), memoryStream(b, a)];
}

function memoryStream(own: Duplex, other: Duplex): Stream {
  own.on('error', () => undefined);
  return {
    readable: own,
    writable: own,
    remote: '192.0.2.9',
    reset: () => {
      own.destroy();
      other.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    },
  };
}
