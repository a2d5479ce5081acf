/** The native engine as the `FlowEngine` of the control plane: one TUN device from `start` to `stop`. Decides nothing. */
import { AppError, errnoOf } from '../base/app-error.ts';
import type { Logger } from '../base/logger.ts';
import { unreachable } from '../base/unreachable.ts';
import type { DnsHijack } from '../contract/config.ts';
import type { DialPlan } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';
import type {
  DialOutcome,
  EchoVerdict,
  FlowEngine,
  FlowEngineHandlers,
  FlowId,
  Verdict,
} from '../inbound/flow-engine.ts';
import { dialAttempts, dialCodeOfFailure } from '../outbound/dial-error.ts';
import { nativeLayer } from '../outbound/native-layer.ts';
import type { NativeAddon } from '../system/native.ts';

type EngineClass = NativeAddon['Engine'];
export type NativeEngine = InstanceType<EngineClass>;
export type NativeEvent = Parameters<ConstructorParameters<EngineClass>[1]>[0][number];
type NativeVerdict = Parameters<NativeEngine['decide']>[1];

/** Makes the engine and with it the device; `onEvents` is called with batches, in order. */
export type CreateNativeEngine = (onEvents: (events: NativeEvent[]) => void) => NativeEngine;

/** Told of UDP flows that were ended, and of TCP connections that were refused, because there were too many. */
export type OnCrowded = (network: Network, count: number) => void;

export class NativeFlowEngine implements FlowEngine {
  readonly #create: CreateNativeEngine;
  readonly #log: Logger;
  readonly #onCrowded: OnCrowded;
  /** Slots of the flows whose end was not told yet. */
  readonly #open = new Map<FlowId, number>();
  #handlers: FlowEngineHandlers | undefined;
  #engine: NativeEngine | undefined;
  #counters: BigUint64Array = new BigUint64Array(0);

  constructor(create: CreateNativeEngine, log: Logger, onCrowded: OnCrowded = () => undefined) {
    this.#create = create;
    this.#log = log;
    this.#onCrowded = onCrowded;
  }

  setHandlers(handlers: FlowEngineHandlers): void {
    this.#handlers = handlers;
  }

  /** Creates the device. Rejects with TUN_NAME_TAKEN, TUN_UNAVAILABLE (no rights, no /dev/net/tun) or TUN_FAILED. */
  async start(): Promise<void> {
    if (this.#engine !== undefined) return;
    try {
      const engine = this.#create((events) => {
        setImmediate(() => engine.ready());
        if (this.#engine === engine) for (const event of events) this.#dispatch(event);
      });
      this.#engine = engine;
      this.#counters = engine.counters();
      const { name, index } = engine.device();
      const { offloads, knowsAnswers } = engine.metrics();
      this.#log.info('device is up', { name, index, offloads });
      if (!knowsAnswers) {
        this.#log.warning('answers of UDP servers on this machine go by the rules: the kernel has no bpf(2) for us');
      }
    } catch (caught) {
      await this.stop();
      throw deviceError(caught);
    }
  }

  /** Resets every flow and removes the device; the end of every flow has been told when it resolves. */
  async stop(): Promise<void> {
    const engine = this.#engine;
    if (engine === undefined) return;
    engine.stop();
    // What the engine's threads have still told is waiting in the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    for (const [id, slot] of this.#open) {
      this.#dispatch({
        kind: 'close',
        id,
        up: this.#counter(2 * slot),
        down: this.#counter(2 * slot + 1),
        reason: 'stopped',
      });
    }
    this.#engine = undefined;
  }

  /** Name of the interface; throws when there is none. */
  device(): string {
    if (this.#engine === undefined) throw new AppError('TUN_FAILED', 'there is no device');
    return this.#engine.device().name;
  }

  /** Its index, by which it is known also under another name; undefined when there is none. */
  deviceIndex(): number | undefined {
    return this.#engine?.device().index;
  }

  decide(id: FlowId, verdict: Verdict): void {
    this.#engine?.decide(id, nativeVerdict(verdict));
  }

  decideEcho(id: number, verdict: EchoVerdict): void {
    this.#engine?.decideEcho(
      id,
      verdict.kind === 'direct'
        ? { kind: 'direct', hops: verdict.hops.map(({ address, device }) => ({ address, device })) }
        : { kind: 'refuse', how: verdict.how },
    );
  }

  close(id: FlowId, how: 'graceful' | 'reset'): void {
    this.#engine?.close(id, how);
  }

  answerDns(answers: Uint8Array): void {
    this.#engine?.answerDns(answers);
  }

  /** Whose questions to port 53 are told as questions; others are flows. */
  hijackDns(servers: DnsHijack): void {
    this.#engine?.hijackDns(servers);
  }

  /** The machine's network has changed: flows whose way out is no longer the kernel's choice end, TCP by reset. */
  review(): void {
    this.#engine?.review();
  }

  /** The device has another MTU now. */
  setMtu(mtu: number): void {
    this.#engine?.setMtu(mtu);
  }

  /** The IPv6 destinations whose flows are carried; those of others are unreachable. */
  carry6(prefixes: readonly string[]): void {
    this.#engine?.carry6([...prefixes]);
  }

  revive(): void {
    if (this.#engine === undefined) throw new AppError('TUN_FAILED', 'there is no device');
    this.#engine.revive();
  }

  /** Of the engine started last; empty before the first. */
  counters(): BigUint64Array {
    return this.#counters;
  }

  /** One event; a handler that throws must not keep the others of the batch from being told. */
  #dispatch(event: NativeEvent): void {
    const handlers = this.#handlers;
    if (handlers === undefined) return;
    try {
      this.#tell(event, handlers);
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#log.error('an event could not be handled', { event: event.kind, reason });
    }
  }

  #tell(event: NativeEvent, handlers: FlowEngineHandlers): void {
    switch (event.kind) {
      case 'open': {
        const { id, slot, network, source, destination, trafficClass } = event;
        this.#open.set(id, slot);
        const ends = { source: endpoint(source), destination: endpoint(destination) };
        return handlers.onOpen({ id, slot, network, ...ends, trafficClass });
      }
      case 'dialed':
        return handlers.onDialed(event.id, outcomeOf(event));
      case 'peeked':
        return handlers.onPeeked(event.id, { chunks: event.chunks, reason: event.reason });
      case 'close': {
        const { id, up, down, firstByteMs, reason } = event;
        if (!this.#open.delete(id)) return;
        if (reason === 'gave-way') this.#onCrowded(id % 2 === 1 ? 'udp' : 'tcp', 1);
        return handlers.onClose({ id, up, down, firstByteMs, reason });
      }
      case 'dns': {
        const { firstToken, count, questions } = event;
        return handlers.onDns({ firstToken, count, questions });
      }
      case 'echo': {
        const { id, source, destination } = event;
        return handlers.onEcho({ id, source, destination });
      }
      case 'crowded':
        return this.#onCrowded('tcp', event.refused);
      case 'dead':
        return handlers.onDead(event.message, event.revivable);
      default:
        return unreachable(event);
    }
  }

  #counter(index: number): number {
    return Number(this.#counters[index] ?? 0n);
  }
}

function endpoint({ address, port }: { address: string; port: number }): { host: string; port: number } {
  return { host: address, port };
}

function outcomeOf(event: NativeEvent & { kind: 'dialed' }): DialOutcome {
  const told = dialAttempts(event.attempts);
  if (event.ok) return { ok: true, address: event.address, ms: event.ms, ...told };
  const { failure, layer, message, ms } = event;
  const where = layer === undefined ? {} : { layer };
  return { ok: false, code: dialCodeOfFailure(failure), ...where, message, ms, ...told };
}

function nativeVerdict(verdict: Verdict): NativeVerdict {
  switch (verdict.kind) {
    case 'dial':
      return nativeDial(verdict.dial);
    case 'reject':
      return { kind: 'reject', how: verdict.how };
    case 'peek':
      return { kind: 'peek', atLeast: verdict.atLeast, timeoutMs: verdict.timeoutMs };
    default:
      return unreachable(verdict);
  }
}

function nativeDial({ hops, port, layers, timeoutMs }: DialPlan): NativeVerdict {
  return {
    kind: 'dial',
    hops: hops.map(({ address, device }) => ({ address, device })),
    port,
    layers: layers.map(nativeLayer),
    timeoutMs,
  };
}

function deviceError(caught: unknown): AppError {
  const errno = errnoOf(caught) ?? '';
  if (errno === 'EBUSY' || errno === 'EEXIST') {
    return new AppError('TUN_NAME_TAKEN', 'an interface of this name exists already', {
      cause: caught,
      expected: 'another helper, or another program, has it; end that, or choose another tun.device',
    });
  }
  if (errno === 'ENOENT' || errno === 'ENODEV' || errno === 'ENXIO') {
    return new AppError('TUN_UNAVAILABLE', 'this machine has no TUN device (/dev/net/tun)', {
      cause: caught,
      expected: 'load the kernel module "tun"; in a container, pass the device in',
    });
  }
  if (errno === 'EPERM' || errno === 'EACCES') {
    return new AppError('TUN_UNAVAILABLE', 'the helper may not create a network device', {
      cause: caught,
      expected: 'root, or the capability CAP_NET_ADMIN',
    });
  }
  return AppError.from(caught, 'TUN_FAILED', 'the device cannot be created');
}
